"""
Tests for `pomerium_tx.logout.handover`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.handover import Handover, Handovers, login_digest
from pomerium_tx.web.sealed import Sealer


class HandoversTests(SynchronousTestCase):
    """
    A session handle on its way to a route host.
    """

    def test_round_trip(self) -> None:
        """
        What is sealed is opened.
        """
        handovers = Handovers(Sealer(b"secret"))
        handover = Handover(handle="handle", login="login")
        self.assertEqual(handovers.open(handovers.seal(handover)), handover)

    def test_not_ours(self) -> None:
        """
        What another sealed, or we for another purpose, is not.
        """
        handovers = Handovers(Sealer(b"secret"))
        others = Handovers(Sealer(b"another")).seal(Handover(handle="handle", login="login"))
        for value in ("", "x", others, Sealer(b"secret").seal("hold", b"{}")):
            with self.subTest(value=value):
                self.assertIsNone(handovers.open(value))

    def test_repr_keeps_the_handle(self) -> None:
        """
        No handle gets into a log by way of a `repr`.
        """
        self.assertNotIn("secret-handle", repr(Handover(handle="secret-handle", login="login")))

    def test_digest(self) -> None:
        """
        The digest is the same for the same cookie, and does not show it.
        """
        self.assertEqual(login_digest("a"), login_digest("a"))
        self.assertNotEqual(login_digest("a"), login_digest("b"))
        self.assertEqual(len(login_digest("a")), 43)
