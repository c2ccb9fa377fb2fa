"""
Tests for `pomerium_tx.workers.turns`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.workers.turns import Turn


class TurnTests(SynchronousTestCase):
    """
    When a change is over.
    """

    def setUp(self) -> None:
        self.over: list[str] = []

    def turn(self, name: str, within: Turn | None = None) -> Turn:
        """
        A turn that notes its end.
        """
        return Turn(lambda: self.over.append(name), within)

    def test_holds(self) -> None:
        """
        It is over when everybody who holds it has let go, and not before.
        """
        turn = self.turn("a")
        turn.hold()
        turn.release()
        self.assertFalse(turn.is_over)
        self.assertNoResult(turn.done)
        turn.release()
        self.assertTrue(turn.is_over)
        self.successResultOf(turn.done)
        self.assertEqual(self.over, ["a"])

    def test_within(self) -> None:
        """
        One with others in it is over after them, however deep they are.
        """
        outer = self.turn("outer")
        middle = self.turn("middle", outer)
        inner = self.turn("inner", middle)
        outer.release()
        middle.release()
        self.assertEqual(self.over, [])
        inner.release()
        self.assertEqual(self.over, ["inner", "middle", "outer"])
