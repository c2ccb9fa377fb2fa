"""
Tests of `pomerium_tx.proxy.access_lines`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.access_lines import AT_ONCE, AccessLines
from pomerium_tx.proxy.asked import NotUnderstood
from pomerium_tx.proxy.connection import CUT, Answered


def answered(name: str, details: str = "via_upstream") -> Answered:
    """
    An answer that can be told from others.
    """
    return Answered(NotUnderstood(None, name, ""), status=200, size=0, seconds=0.0, details=details)


class AccessLinesTests(SynchronousTestCase):
    """
    Which lines wait.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.written: list[str] = []
        self.lines = AccessLines(self.clock, lambda each: self.written.append(each.asked.request_id))

    def take(self) -> list[str]:
        """
        What was written since the last time.
        """
        written, self.written[:] = list(self.written), []
        return written

    def test_cuts_wait(self) -> None:
        """
        The lines of a cut come in later turns, some in each, in order and all of them; others come at once.
        """
        names = [f"cut-{number}" for number in range(2 * AT_ONCE + 1)]
        for name in names:
            self.lines.add(answered(name, CUT + "user_route"))
        self.lines.add(answered("other"))
        self.assertEqual(self.take(), ["other"])
        turns = []
        while self.clock.getDelayedCalls():
            # Not `advance`: it runs in one go what a reactor runs in turns.
            (call,) = self.clock.getDelayedCalls()
            self.clock.calls.remove(call)
            call.func()
            turns.append(self.take())
        self.assertEqual([len(turn) for turn in turns], [AT_ONCE, AT_ONCE, 1])
        self.assertEqual([name for turn in turns for name in turn], names)

    def test_stop(self) -> None:
        """
        None is lost at the end, and no delayed call is left.
        """
        for number in range(3):
            self.lines.add(answered(str(number), CUT + "expired"))
        self.lines.stop()
        self.assertEqual((self.take(), self.clock.getDelayedCalls()), (["0", "1", "2"], []))
