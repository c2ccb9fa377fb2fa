"""
Tests for `pomerium_tx.sessions.limits`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.limits import Limits


class LimitsTests(SynchronousTestCase):
    """
    How much is remembered.
    """

    def test_anybody_has_less_room(self) -> None:
        """
        What anybody on the network can have remembered takes less room than what proves itself.
        """
        self.assertLess(Limits().outside_tombstones, Limits().tombstones)
