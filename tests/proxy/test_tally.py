"""
Tests of `pomerium_tx.proxy.tally`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.tally import PAUSE_SECONDS, Tally


class TallyTests(SynchronousTestCase):
    """
    What happens too often for a line each.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, self.clock.seconds)
        self.deadlines.start()
        self.said: list[int] = []
        self.tally = Tally(self.deadlines, self.said.append)

    def advance(self, seconds: float) -> None:
        """
        Let time pass, a second at a time.
        """
        self.clock.pump([1.0] * int(seconds))

    def test_first_at_once(self) -> None:
        """
        An operator hears of it when it begins.
        """
        self.tally.add()
        self.assertEqual(self.said, [1])

    def test_once_a_minute(self) -> None:
        """
        However often it happens, there is a line a minute, and nothing is missing in the counts.
        """
        for _ in range(150):
            for _ in range(100):
                self.tally.add()
            self.advance(1)
        self.advance(PAUSE_SECONDS + 2)
        self.assertEqual(sum(self.said), 15_000)
        self.assertEqual(len(self.said), 4)

    def test_silence(self) -> None:
        """
        Where nothing happens nothing is said; what happens after a long time is said at once again.
        """
        self.tally.add()
        self.advance(10 * PAUSE_SECONDS)
        self.assertEqual(self.said, [1])
        self.tally.add()
        self.assertEqual(self.said, [1, 1])
