"""
Tests for `pomerium_tx.logout.confirmation`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.confirmation import LIFETIME, Confirmations
from pomerium_tx.web.sealed import Sealer


class ConfirmationsTests(SynchronousTestCase):
    """
    A sign-out that waits for a yes.
    """

    def setUp(self) -> None:
        self.confirmations = Confirmations(Sealer(b"secret"))

    def test_round_trip(self) -> None:
        """
        It names the sessions and the target, and no two are the same.
        """
        sealed = [self.confirmations.seal(["one", "two"], "https://app.example.com/", 100.0) for _ in range(2)]
        first, second = (self.confirmations.open(one, 100.0) for one in sealed)
        assert first is not None and second is not None
        self.assertEqual((first.session_ids, first.target), (("one", "two"), "https://app.example.com/"))
        self.assertNotEqual(first.id, second.id)

    def test_says_nothing(self) -> None:
        """
        No session id can be read in it.
        """
        self.assertNotIn("b25l", self.confirmations.seal(["one"], None, 100.0))

    def test_too_old(self) -> None:
        """
        After ten minutes it stands for nothing.
        """
        sealed = self.confirmations.seal(["one"], None, 100.0)
        self.assertIsNotNone(self.confirmations.open(sealed, 100.0 + LIFETIME))
        self.assertIsNone(self.confirmations.open(sealed, 100.1 + LIFETIME))

    def test_not_ours(self) -> None:
        """
        Nobody else can make one.
        """
        others = Confirmations(Sealer(b"another")).seal(["one"], None, 100.0)
        for value in (None, "", "x", "é", others, Sealer(b"secret").seal("hold", b"{}")):
            with self.subTest(value=value):
                self.assertIsNone(self.confirmations.open(value, 100.0))
