"""
Tests of `pomerium_tx.authorize.read`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.read import Read
from pomerium_tx.sessions.handle import NOTHING_PRESENTED, Carrier, Handle, Presented

ONE, OTHER = (Handle(name, "alice", "", (), "", 0.0) for name in ("one", "other"))


class ReadTests(SynchronousTestCase):
    """
    What is worked out of what was presented.
    """

    def test_names_one(self) -> None:
        """
        Only of one session, and of nobody's, may a verdict be given again.
        """
        for presented, names_one, session_id in (
            (NOTHING_PRESENTED, True, ""),
            (Presented(Carrier.COOKIE, (ONE,), True), True, "one"),
            (Presented(Carrier.COOKIE, (ONE, OTHER), True), False, "one"),
            (Presented(Carrier.COOKIE, (ONE,), True, (OTHER,)), False, "one"),
            (Presented(Carrier.HEADER, (), True), True, ""),
        ):
            with self.subTest(presented=presented):
                read = Read(presented, [])
                self.assertEqual((read.names_one, read.session_id), (names_one, session_id))
