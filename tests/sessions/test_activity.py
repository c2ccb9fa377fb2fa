"""
Tests for `pomerium_tx.sessions.activity`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.activity import Activity
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import SessionsSeen
from tests.doubles.stores import UnreliableStore
from tests.sessions.records import NOW, session


class ShiftingClock(Clock):
    """
    A clock that can be set.
    """

    shift = 0.0

    def seconds(self) -> float:
        """
        What the clock says, which need not be the time.
        """
        return super().seconds() + self.shift


class ActivityTestCase(SynchronousTestCase):
    """
    Somebody who asks, and sessions that the test begins.
    """

    def setUp(self) -> None:
        """
        Sessions may be idle for a minute.
        """
        self.clock = ShiftingClock()
        self.clock.advance(NOW)
        self.sessions: dict[str, Session] = {}
        self.reported: list[tuple[str, float]] = []
        self.store = UnreliableStore()
        self.activity = Activity(
            self.clock, self.sessions, lambda name: self.reported.append((name, self.clock.seconds() - NOW)), self.store
        )
        self.activity.limit(60)

    def begin(self, id: str = "alice-1", began: float = 0) -> Session:
        """
        A session that began at a second.
        """
        begun = self.sessions[id] = session(id, began=NOW + began)
        self.activity.begun(begun)
        return begun

    def touch(self, id: str = "alice-1", address: str = "") -> None:
        """
        Use a session.
        """
        self.activity.touch(self.sessions[id], address)

    def end(self, id: str = "alice-1") -> None:
        """
        End a session.
        """
        del self.sessions[id]
        self.activity.ended(id)

    def is_idle(self, id: str = "alice-1") -> bool:
        """
        Whether a session is idle now, in the way in which it is asked.
        """
        return self.activity.is_limited and self.activity.is_idle(self.sessions[id], self.clock.seconds())


class SeenTests(ActivityTestCase):
    """
    When and where from.
    """

    def test_last_use(self) -> None:
        """
        The last use counts, or the beginning where there was none; with a timeout and without.
        """
        for timeout in (None, 600):
            with self.subTest(timeout=timeout):
                self.setUp()
                self.activity.limit(timeout)
                begun = self.begin()
                self.clock.advance(30)
                self.assertEqual(self.activity.last_seen(begun), NOW)
                self.touch()
                self.clock.advance(5)
                self.assertEqual(self.activity.last_seen(begun), NOW + 30)

    def test_last_address(self) -> None:
        """
        The address of the last use that had one counts, or that of the sign-in; also when it is that again.
        """
        begun = self.begin()
        for address, expected in (("", "192.0.2.1"), ("a", "a"), ("", "a"), ("192.0.2.1", "192.0.2.1"), ("b", "b")):
            self.touch(address=address)
            self.assertEqual(self.activity.last_address(begun), expected)

    def test_nothing_is_left(self) -> None:
        """
        Of a session that has ended nothing is remembered, idle or not.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        self.clock.advance(30)
        self.touch("alice-2", "198.51.100.1")
        self.clock.advance(30)
        self.assertEqual(self.reported, [("alice-1", 60)])
        self.end("alice-1")
        self.end("alice-2")
        self.assertEqual((self.activity._seen, self.activity._addresses, self.activity._idle), ({}, {}, {}))

    def test_stop(self) -> None:
        """
        After a stop nothing waits, nothing is known, and the timeout is as before.
        """
        self.begin()
        self.touch(address="198.51.100.1")
        self.clock.advance(60)
        self.begin("alice-2", 50)
        self.touch("alice-2")
        self.activity.joined()
        self.begin("alice-3", 0)
        self.activity.heard(
            SessionsSeen(registry="other", at=NOW, seen={"alice-3": NOW + 1}, addresses={}), is_news=False
        )
        self.activity.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual((self.activity._seen, self.activity._addresses, self.activity._idle), ({}, {}, {}))
        self.assertEqual(self.activity._earlier, {})
        self.assertTrue(self.activity.is_limited)


class IdleTests(ActivityTestCase):
    """
    Sessions that nobody uses.
    """

    def test_idle_from_that_moment_on(self) -> None:
        """
        A session is idle from the moment on at which it has not been used for so long, before anybody was told.
        """
        self.begin()
        self.clock.advance(20)
        self.touch()
        self.clock.rightNow += 59.9
        self.assertFalse(self.is_idle())
        self.clock.rightNow += 0.1
        self.assertTrue(self.is_idle())
        self.assertEqual(self.reported, [])

    def test_reported(self) -> None:
        """
        A session is reported when it becomes idle, at that very time, once.
        """
        self.begin("alice-1")
        self.begin("bob-1")
        self.clock.pump([10] * 3)
        self.touch("alice-1")
        self.clock.pump([10] * 30)
        self.assertEqual(self.reported, [("bob-1", 60), ("alice-1", 90)])

    def test_use_costs_no_timer(self) -> None:
        """
        However often sessions are used, they have one place in the queue each, and one call waits for all of them,
        and one to tell the others.
        """
        for number in range(50):
            self.begin(f"alice-{number}")
        for _ in range(100):
            self.clock.advance(1.5)
            for name in self.sessions:
                self.touch(name)
        self.assertEqual((len(self.activity._queue), len(self.clock.getDelayedCalls())), (50, 2))
        self.assertEqual(self.reported, [])

    def test_no_use_revives(self) -> None:
        """
        A session that is idle stays so, whether anybody was told or not, and was last seen when it was.
        """
        begun = self.begin()
        self.clock.rightNow += 60
        self.touch(address="198.51.100.1")
        self.assertTrue(self.is_idle())
        self.clock.advance(0)
        self.assertEqual(self.reported, [("alice-1", 60)])
        self.touch(address="198.51.100.1")
        self.assertTrue(self.is_idle())
        self.assertEqual(self.activity.last_seen(begun), NOW)
        self.assertEqual(self.activity.last_address(begun), "192.0.2.1")

    def test_no_timeout_revives(self) -> None:
        """
        A session that was idle by one timeout is so by every later one, and by none, noticed or not; others are not.
        """
        for later in (None, 0, 600):
            for is_noticed in (False, True):
                with self.subTest(later=later, is_noticed=is_noticed):
                    self.setUp()
                    self.begin("alice-1")
                    self.begin("bob-1", 30)
                    self.clock.rightNow += 60
                    if is_noticed:
                        self.clock.advance(0)
                    self.activity.limit(later)
                    self.assertEqual((self.is_idle("alice-1"), self.is_idle("bob-1")), (True, False))
                    self.clock.advance(50)
                    self.assertEqual((self.is_idle("alice-1"), self.is_idle("bob-1")), (True, False))
                    self.assertEqual(self.reported, [("alice-1", 60)])
                    self.end("alice-1")
                    self.assertEqual(self.activity.is_limited, bool(later))

    def test_another_timeout(self) -> None:
        """
        A new timeout holds from now on for the sessions that there are, in both directions; none lifts it.
        """
        for timeout, when in ((30, [30]), (40, [40]), (90, [90]), (10, [20]), (None, []), (0, [])):
            with self.subTest(timeout=timeout):
                self.setUp()
                self.begin()
                self.clock.advance(20)
                self.activity.limit(timeout)
                self.assertEqual(self.is_idle(), timeout == 10)
                self.assertEqual(len(self.clock.getDelayedCalls()), 1 if timeout else 0)
                self.clock.pump([0, *[10] * 20])
                self.assertEqual([at for _, at in self.reported], when)

    def test_the_same_timeout(self) -> None:
        """
        A timeout that is what it was costs nothing.
        """
        self.begin()
        (before,) = self.clock.getDelayedCalls()
        self.activity.limit(60)
        self.assertIs(self.clock.getDelayedCalls()[0], before)

    def test_no_timeout(self) -> None:
        """
        Without a timeout nobody is idle, nothing waits, and nobody needs to ask.
        """
        self.activity.limit(None)
        begun = self.begin()
        self.clock.advance(1e9)
        self.assertFalse(self.activity.is_limited or self.activity.is_idle(begun, self.clock.seconds()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_report_that_ends_sessions(self) -> None:
        """
        Whoever is told of one idle session may end all of them there and then.
        """
        self.begin("alice-1")
        self.begin("alice-2")

        def end_all(name: str) -> None:
            self.reported.append((name, 0))
            for other in list(self.sessions):
                self.end(other)

        self.activity._report = end_all
        self.clock.rightNow += 60
        self.activity.limit(30)
        self.clock.advance(0)
        self.assertEqual(self.reported, [("alice-1", 0)])


class RestartTests(ActivityTestCase):
    """
    Last uses are not kept, and nobody is signed out for that.
    """

    def test_learned_of(self) -> None:
        """
        A session that a process learns of when it starts counts as used then, and not as seen then.
        """
        self.clock.advance(1000)
        self.activity.joined()
        begun = self.begin()
        self.assertFalse(self.is_idle())
        self.assertEqual(self.activity.last_seen(begun), NOW)
        self.clock.pump([10] * 20)
        self.assertEqual(self.reported, [("alice-1", 1060)])

    def test_slow_to_learn(self) -> None:
        """
        However long it takes to learn of all, the time counts from the end of that.
        """
        self.activity.joined()
        self.begin()
        self.clock.advance(50)
        self.activity.joined()
        self.clock.pump([10] * 20)
        self.assertEqual(self.reported, [("alice-1", 110)])

    def test_used_after_a_restart(self) -> None:
        """
        A session is idle by its last use here, and has been seen then.
        """
        self.clock.advance(1000)
        self.activity.joined()
        begun = self.begin()
        self.clock.advance(10)
        self.touch()
        self.assertEqual(self.activity.last_seen(begun), NOW + 1010)
        self.clock.pump([10] * 20)
        self.assertEqual(self.reported, [("alice-1", 1070)])


class ClockTests(ActivityTestCase):
    """
    A clock that is set.
    """

    def test_backwards_and_forwards(self) -> None:
        """
        A clock that is set back, and right again, signs out nobody who keeps using a session, nor keeps anybody longer.
        """
        self.begin("alice-1")
        self.begin("bob-1")
        self.clock.advance(20)
        self.touch("alice-1")
        self.clock.shift = -3600
        self.begin("carol-1", -3580)
        for _ in range(3):
            self.clock.advance(10)
            for name in ("alice-1", "carol-1"):
                self.touch(name)
                self.assertFalse(self.is_idle(name))
        self.clock.shift = 0
        self.assertEqual([self.is_idle(name) for name in ("alice-1", "bob-1")], [False, False])
        self.touch("alice-1")
        self.clock.advance(10)
        self.assertEqual([self.is_idle(name) for name in ("alice-1", "bob-1")], [False, True])

    def test_backwards_revives_nobody(self) -> None:
        """
        A session that was found idle stays so when the clock is set back.
        """
        self.begin()
        self.clock.advance(60)
        self.clock.shift = -3600
        self.touch()
        self.assertTrue(self.is_idle())
