"""
Tests for `pomerium_tx.sessions.tombstone`.
"""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from tests.sessions.records import tombstone


class TombstoneTests(SynchronousTestCase):
    """
    Whom a tombstone names.
    """

    def test_a_browser_belongs_to_no_op(self) -> None:
        """
        A browser's tombstone is found without an issuer, whatever its writer put there.
        """
        self.assertEqual(tombstone("browser", "b", iss="anything").key, ("browser", "", "b"))
        self.assertNotEqual(tombstone("sid", "s", iss="a").key, tombstone("sid", "s", iss="b").key)

    def test_says_little(self) -> None:
        """
        It spares nobody by the OP's clock unless it says so, and shows nobody's name.
        """
        self.assertEqual(tombstone("sub", "alice").signed_in_until, inf)
        self.assertNotIn("alice", repr(tombstone("sub", "alice")))
