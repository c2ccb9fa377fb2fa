"""
Tests of `pomerium_tx.proxy.deadlines`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.deadlines import SWEEP_INTERVAL, Deadlines


class Watched:
    """
    Remembers when it was asked.
    """

    def __init__(self, deadlines: Deadlines, *, leaves: bool = False) -> None:
        self.asked: list[float] = []
        self._deadlines = deadlines
        self._leaves = leaves

    def check_deadlines(self, now: float) -> None:
        self.asked.append(now)
        if self._leaves:
            self._deadlines.forget(self)


class DeadlinesTests(SynchronousTestCase):
    """
    The sweep.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.steady = 100.0
        self.deadlines = Deadlines(self.clock, lambda: self.steady)

    def sweep(self) -> None:
        """
        One interval passes.
        """
        self.steady += SWEEP_INTERVAL
        self.clock.advance(SWEEP_INTERVAL)

    def test_each_interval(self) -> None:
        """
        What is watched is asked once in each interval, by the steady clock and not by the wall's.
        """
        watched = Watched(self.deadlines)
        self.deadlines.watch(watched)
        self.clock.advance(10)
        self.assertEqual(watched.asked, [], "before the start")
        self.deadlines.start()
        self.sweep()
        self.sweep()
        self.assertEqual(watched.asked, [101.0, 102.0])

    def test_forget(self) -> None:
        """
        What is forgotten is asked no more; it may go while it is asked, and what was never watched may go too.
        """
        staying, leaving = Watched(self.deadlines), Watched(self.deadlines, leaves=True)
        self.deadlines.watch(staying)
        self.deadlines.watch(leaving)
        self.deadlines.forget(Watched(self.deadlines))
        self.deadlines.start()
        self.sweep()
        self.sweep()
        self.assertEqual((len(staying.asked), len(leaving.asked)), (2, 1))

    def test_one_call(self) -> None:
        """
        However many are watched, and however often it is started, one delayed call does it.
        """
        for _ in range(100):
            self.deadlines.watch(Watched(self.deadlines))
        self.deadlines.start()
        self.deadlines.start()
        self.sweep()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_stop(self) -> None:
        """
        After the stop nothing is asked and no call is left; stopping twice is stopping once.
        """
        watched = Watched(self.deadlines)
        self.deadlines.watch(watched)
        self.deadlines.start()
        self.deadlines.stop()
        self.deadlines.stop()
        self.sweep()
        self.assertEqual((watched.asked, self.clock.getDelayedCalls()), ([], []))
