"""
Tests for `pomerium_tx.logout.outbox`.
"""

from __future__ import annotations

from itertools import pairwise

from twisted.logger import capturedLogs

from pomerium_tx.logout.outbox import CLAIM, GIVE_UP_AFTER
from pomerium_tx.logout.owed_work import Progress
from pomerium_tx.sessions.store import StoreUnavailable
from tests.logout.favours import DOWN, REFUSED, START, OutboxTestCase


class AttemptTests(OutboxTestCase):
    """
    What is owed is done, sooner or later.
    """

    def test_done_at_once(self) -> None:
        """
        What is owed is done within a second, once, and recorded with the number of attempts.
        """
        self.work.owe("one")
        self.assertEqual(self.work.names, [])
        self.advance(100)
        self.assertEqual(self.work.names, ["one"])
        self.assertEqual(self.work.finished, [("one", 1)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_waits_for_its_time(self) -> None:
        """
        Nothing is tried before its time, and nothing that comes meanwhile changes that.
        """
        self.work.owe("one", not_before=START + 60.0)
        self.advance(30)
        self.work.owe("two", not_before=START + 50.0)
        self.advance(29)
        self.assertEqual(self.work.names, ["two"])
        self.advance(2)
        self.assertEqual(self.work.names, ["two", "one"])

    def test_earlier(self) -> None:
        """
        What may be done earlier than was thought is.
        """
        self.work.owe("one", not_before=START + 60.0)
        self.advance(1)
        self.work.owe("one", not_before=0.0)
        self.advance(1)
        self.assertEqual(self.work.names, ["one"])

    def test_tries_again(self) -> None:
        """
        It is tried again, less and less often, and while it is not taken it stays owed.
        """
        for problem in (DOWN, REFUSED):
            with self.subTest(problem=problem.problem):
                self.work.tried.clear()
                self.work.problems = {"one": problem}
                self.work.owe("one")
                self.advance(200)
                times = [time for _, time in self.work.tried]
                gaps = [round(later - earlier) for earlier, later in pairwise(times)]
                self.assertEqual(gaps, [5, 10, 20, 40, 80])
                self.assertEqual(self.work.finished, [])
                self.work.problems = {}
                self.advance(200)
                self.assertEqual(self.work.finished, [("one", 7)])
                self.work.finished.clear()

    def test_changed_after_an_attempt(self) -> None:
        """
        After an attempt the pause is kept, whatever becomes of the terms meanwhile.
        """
        self.work.problems = {"one": REFUSED}
        self.work.owe("one")
        self.advance(1)
        self.work.owe("one", not_before=0.0)
        self.advance(2)
        self.assertEqual(self.work.names, ["one"])
        self.advance(10)
        self.assertEqual(self.work.names, ["one", "one"])

    def test_counts_earlier_attempts(self) -> None:
        """
        Attempts of an earlier process count.
        """
        self.work.owe("one", attempts=3)
        self.advance(1)
        self.assertEqual(self.work.finished, [("one", 4)])

    def test_gives_up(self) -> None:
        """
        After a day of failures it is given up, and somebody is told.
        """
        self.work.problems = {"one": REFUSED}
        self.work.owe("one")
        with capturedLogs() as events:
            self.clock.pump([600.0] * 200)
        ((_, attempts),) = self.work.finished
        self.assertEqual(attempts, len(self.work.tried))
        self.assertLessEqual(self.work.tried[-1][1], GIVE_UP_AFTER)
        self.assertGreaterEqual(self.work.tried[-1][1], GIVE_UP_AFTER - 2 * 3600.0)
        (gave_up,) = [event for event in events if event["log_level"].name == "error"]
        self.assertEqual(gave_up["id"], "one")

    def test_too_late(self) -> None:
        """
        What was owed a day ago is not tried at all.
        """
        self.work.owe("one", since=START - GIVE_UP_AFTER)
        with capturedLogs():
            self.advance(1)
        self.assertEqual(self.work.names, [])
        self.assertEqual(self.work.finished, [("one", 0)])

    def test_store_down(self) -> None:
        """
        While nothing can be recorded nothing is tried, and later it is.
        """
        self.work.owe("one")
        self.store.break_down()
        self.advance(1)
        self.assertEqual(self.work.names, [])
        self.assertIn("recorded", self.outbox.problem_of("one"))
        self.store.failure = None
        self.advance(10)
        self.assertEqual(self.work.names, ["one"])

    def test_done_cannot_be_recorded(self) -> None:
        """
        What is done but could not be recorded is done again.
        """
        self.work.problems = {"done": StoreUnavailable("out of order")}
        self.work.owe("one")
        self.advance(2)
        self.assertEqual(self.work.finished, [])
        del self.work.problems["done"]
        self.advance(10)
        self.assertEqual(self.work.finished, [("one", 2)])

    def test_fault(self) -> None:
        """
        A fault of ours is logged, and the thing stays owed and is tried again.
        """
        self.work.problems = {"one": RuntimeError("secret")}
        self.work.owe("one")
        self.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertNotIn("secret", self.outbox.problem_of("one"))
        self.work.problems = {}
        self.advance(10)
        self.assertEqual(self.work.finished, [("one", 2)])

    def test_not_owed_any_more(self) -> None:
        """
        What is not owed any more when it is looked at is not tried again.
        """
        self.work.problems = {"one": REFUSED}
        self.work.owe("one")
        self.advance(1)
        del self.work.all["one"]
        self.work.owe("two")
        self.advance(100)
        self.assertEqual(self.work.names, ["one", "two"])
        self.assertEqual(self.outbox.progress(), ())


class ProcessTests(OutboxTestCase):
    """
    Several processes, and the end of one.
    """

    def test_one_of_two(self) -> None:
        """
        Of two processes that know of it one tries, and the other not even later.
        """
        self.another()
        self.work.owe("one")
        self.advance(300)
        self.assertEqual(self.work.names, ["one"])

    def test_slow_attempt(self) -> None:
        """
        While one process waits for an answer, no other tries.
        """
        self.another()
        self.work.held = {}
        self.work.owe("one")
        self.advance(30)
        self.assertEqual(self.work.names, ["one"])
        self.work.held["one"].callback(None)
        self.advance(300)
        self.assertEqual(self.work.finished, [("one", 1)])
        self.assertEqual(self.work.names, ["one"])

    def test_dead_process(self) -> None:
        """
        What a process was trying when it died is done by another.
        """
        self.another()
        self.work.held = {}
        self.work.owe("one")
        self.advance(1)
        self.outbox.stop()
        self.work.held = None
        self.advance(int(2 * CLAIM))
        self.assertEqual([name for name, _ in self.work.finished], ["one"])

    def test_owed_before_the_start(self) -> None:
        """
        What was owed when the service started is done.
        """
        self.outbox.stop()
        self.work.owe("one")
        self.advance(10)
        self.assertEqual(self.work.names, [])
        self.another()
        self.assertEqual(self.work.names, ["one"])

    def test_stopped(self) -> None:
        """
        Nothing runs after the end of the service, and what is owed stays owed.
        """
        self.work.held = {}
        self.work.owe("one")
        self.work.owe("later", not_before=START + 60.0)
        self.advance(1)
        self.work.owe("soon")
        self.outbox.stop()
        self.assertTrue(self.work.held["one"].called)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.work.owe("afterwards")
        self.advance(100)
        self.assertEqual(self.work.names, ["one"])
        self.assertEqual(len(self.work.all), 4)
        self.outbox.stop()


class ProgressTests(OutboxTestCase):
    """
    What the administrator sees.
    """

    def test_progress(self) -> None:
        """
        Of everything that is owed it is known how often it was tried, when it is tried again, and why.
        """
        self.work.problems = {"one": DOWN}
        self.work.owe("one")
        self.work.owe("two", party="others", not_before=START + 60.0)
        self.clock.advance(0.1)
        tried = self.clock.seconds()
        self.advance(1)
        self.assertEqual(
            self.outbox.progress(),
            (
                Progress(id="one", party="them", attempts=1, next_attempt=tried + 5.0, problem="nobody is there"),
                Progress(id="two", party="others", attempts=0, next_attempt=START + 60.0, problem=""),
            ),
        )
        self.assertEqual(self.outbox.attempts_of("one"), 1)
        self.assertEqual(self.outbox.problem_of("one"), "nobody is there")
        self.assertEqual(self.outbox.next_attempt_of("one"), tried + 5.0)

    def test_under_way(self) -> None:
        """
        What is being tried has no next time.
        """
        self.work.held = {}
        self.work.owe("one")
        self.advance(1)
        (progress,) = self.outbox.progress()
        self.assertIsNone(progress.next_attempt)
        self.assertIsNone(self.outbox.next_attempt_of("one"))

    def test_party_in_trouble(self) -> None:
        """
        What waits because of another's failure says when that wait is over.
        """
        self.work.problems = {"them": DOWN}
        for number in range(5):
            self.work.owe(str(number))
        self.clock.advance(0.1)
        tried = self.clock.seconds()
        self.assertEqual({one.next_attempt for one in self.outbox.progress()}, {tried + 5.0})

    def test_several_under_one_id(self) -> None:
        """
        Of several things that are owed under one id each is seen, and all together.
        """
        self.work.problems = {"one/a": DOWN, "one/b": REFUSED}
        for part in "abc":
            self.work.owe(f"one/{part}", party=part)
        self.advance(1)
        self.assertEqual({one.party for one in self.outbox.progress_of("one")}, {"a", "b"})
        self.assertEqual(self.outbox.problem_of("one"), "nobody is there; not like this")

    def test_unknown(self) -> None:
        """
        Of what is not owed nothing is said.
        """
        self.work.owe("one")
        self.advance(1)
        for name in ("one", "never"):
            self.assertEqual(self.outbox.progress_of(name), ())
            self.assertEqual((self.outbox.attempts_of(name), self.outbox.problem_of(name)), (0, ""))
            self.assertIsNone(self.outbox.next_attempt_of(name))
