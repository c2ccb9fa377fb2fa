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

    def test_stop(self) -> None:
        """
        After a stop nothing is told and nothing waits.
        """
        self.add("a", 10)
        self.deadlines.stop()
        self.assertEqual((len(self.deadlines), self.clock.getDelayedCalls()), (0, []))
        self.deadlines.stop()
