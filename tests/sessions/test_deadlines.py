"""
Tests for `pomerium_tx.sessions.deadlines`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.deadlines import Deadlines


class DeadlinesTests(SynchronousTestCase):
    """
    Many deadlines, one delayed call.
    """

    def setUp(self) -> None:
        """
        A queue that writes down what is reached.
        """
        self.clock = Clock()
        self.current: dict[str, float] = {}
        self.reached: list[tuple[str, float]] = []
        self.deadlines = Deadlines(
            self.clock, self.current.get, lambda key: self.reached.append((key, self.clock.seconds()))
        )

    def add(self, key: str, deadline: float) -> None:
        """
        Give a key a deadline, in place of any other it had.
        """
        self.current[key] = deadline
        self.deadlines.add(deadline, key)

    def test_in_order(self) -> None:
        """
        Each key is told at its time, whatever the order in which they came, with one call waiting at a time.
        """
        for key, deadline in (("b", 20), ("a", 10), ("c", 30), ("past", -1)):
            self.add(key, deadline)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([0, 10, 10, 10])
        self.assertEqual(self.reached, [("past", 0), ("a", 10), ("b", 20), ("c", 30)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_moved_and_gone(self) -> None:
        """
        A key whose deadline moved is told at the new one only; one that is gone, never.
        """
        for key in ("moved", "gone"):
            self.add(key, 10)
        self.add("moved", 25)
        del self.current["gone"]
        self.clock.pump([10, 10, 10])
        self.assertEqual(self.reached, [("moved", 30)])

    def test_far_away(self) -> None:
        """
        However far away a deadline was when it was set, its key is told at that moment, soonest first, and once.
        """
        moments = {f"key-{number}": 50_000 + number * 0.37 for number in range(100)}
        for key, deadline in reversed(moments.items()):
            self.add(key, deadline)
            self.deadlines.add(deadline, key)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(len(self.deadlines), 200)
        while self.clock.getDelayedCalls():
            self.clock.advance(self.clock.getDelayedCalls()[0].getTime() - self.clock.seconds())
        self.assertEqual([key for key, _ in self.reached], list(moments))
        for key, at in self.reached:
            self.assertAlmostEqual(at, moments[key], places=6)
        self.assertEqual(len(self.deadlines), 0)

    def test_moved_while_far_away(self) -> None:
        """
        A key that moves is told at its new time only, whether that is earlier or later, also within the same seconds.
        """
        for key, moved in (("later", 9_000.0), ("earlier", 1_000.0), ("a little", 5_000.5)):
            self.add(key, 5_000.0)
            self.add(key, moved)
        for moment in (1_000, 5_000, 5_000.5, 9_000):
            self.clock.advance(moment - self.clock.seconds())
        self.assertEqual(self.reached, [("earlier", 1_000), ("a little", 5_000.5), ("later", 9_000)])

    def test_memory_is_bounded(self) -> None:
        """
        Keys that go before their time do not pile up.
        """
        for number in range(10_000):
            self.add(str(number), 1e6)
            del self.current[str(number)]
        self.assertLess(len(self.deadlines), 2000)

    def test_sweeping_keeps_what_counts(self) -> None:
        """
        Nothing that is waited for is lost when what is void is cleared away.
        """
        self.add("kept", 50)
        for number in range(10_000):
            self.add(str(number), 1e6)
            del self.current[str(number)]
        self.clock.advance(50)
        self.assertEqual(self.reached, [("kept", 50)])

    def test_replace(self) -> None:
        """
        Keys that take the place of all others are told at their times, and none of the others is.
        """
        for key in ("gone", "kept"):
            self.add(key, 10)
        self.current["kept"] = self.current["new"] = 20
        self.deadlines.replace([(20, "new"), (20, "kept")])
        self.assertEqual((len(self.deadlines), len(self.clock.getDelayedCalls())), (2, 1))
        self.clock.pump([10, 10, 10])
        self.assertEqual(self.reached, [("kept", 20), ("new", 20)])
        self.add("gone", 50)
        self.deadlines.replace([])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """
        After a stop nothing is told and nothing waits.
        """
        self.add("a", 10)
        self.deadlines.stop()
        self.assertEqual((len(self.deadlines), self.clock.getDelayedCalls()), (0, []))
        self.deadlines.stop()


class LazyDeadlinesTests(SynchronousTestCase):
    """
    Deadlines that move all the time.
    """

    def setUp(self) -> None:
        """
        A lazy queue that writes down what is reached.
        """
        self.clock = Clock()
        self.current: dict[str, float] = {}
        self.reached: list[tuple[str, float]] = []
        self.deadlines = Deadlines(
            self.clock,
            self.current.get,
            lambda key: self.reached.append((key, self.clock.seconds())),
            is_lazy=True,
        )

    def add(self, key: str, deadline: float) -> None:
        """
        Give a key its first deadline.
        """
        self.current[key] = deadline
        self.deadlines.add(deadline, key)

    def test_moved(self) -> None:
        """
        A key that was added once is told once, when the deadline that it has by then comes; one that is gone, never.
        """
        for key in ("moved", "stays", "gone"):
            self.add(key, 10)
        for deadline in (12, 25, 35):
            self.current["moved"] = deadline
        del self.current["gone"]
        self.clock.pump([10, 10, 10])
        self.assertEqual(self.reached, [("stays", 10)])
        self.clock.pump([5, 30, 30])
        self.assertEqual(self.reached, [("stays", 10), ("moved", 35)])
        self.assertEqual((len(self.deadlines), self.clock.getDelayedCalls()), (0, []))

    def test_moved_to_now(self) -> None:
        """
        A key whose place is reached late, when its moved deadline has come as well, is told at once.
        """
        self.add("a", 10)
        self.current["a"] = 20
        self.clock.advance(30)
        self.assertEqual(self.reached, [("a", 30)])

    def test_sweeping_keeps_what_moved(self) -> None:
        """
        When what is void is cleared away, the keys whose deadlines have moved keep their places.
        """
        self.add("moved", 10)
        self.current["moved"] = 50
        for number in range(10_000):
            self.add(str(number), 1e6)
            del self.current[str(number)]
        self.assertLess(len(self.deadlines), 2000)
        self.clock.pump([10, 40])
        self.assertEqual(self.reached, [("moved", 50)])

    def test_catching_up(self) -> None:
        """
        Whoever cannot wait has told at once what is due, and what is not stays; nothing is told twice.
        """
        for key, deadline in (("due", 10), ("moved", 10), ("later", 20)):
            self.add(key, deadline)
        self.current["moved"] = 30
        self.deadlines.catch_up()
        self.assertEqual(self.reached, [])
        self.clock.rightNow += 10
        self.deadlines.catch_up()
        self.assertEqual(self.reached, [("due", 10)])
        self.clock.pump([0, 10, 10, 10])
        self.assertEqual(self.reached, [("due", 10), ("later", 20), ("moved", 30)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
