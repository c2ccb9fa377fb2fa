"""
Tests of `pomerium_tx.config.told.pomerium_keys`: whose a key is.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.told import pomerium_keys
from pomerium_tx.config.told import unsupported as keys


class PomeriumKeysTests(SynchronousTestCase):
    """
    The two lists.
    """

    def test_tables_are_about_pomeriums_keys(self) -> None:
        """
        What is refused or ignored in a route is a key of Pomerium's, or was one long ago.
        """
        tuning = {"least_request_lb_config", "ring_hash_lb_config", "maglev_lb_config"}
        older = {"source", "destination", "lb_policy", *tuning}
        self.assertEqual(set(keys.ROUTE_KEYS) - pomerium_keys.ROUTE, older & set(keys.ROUTE_KEYS))

    def test_no_key_of_ours(self) -> None:
        """
        A key that only we have is not taken for Pomerium's.
        """
        self.assertNotIn("workers", pomerium_keys.ROOT)
        self.assertNotIn("caching", pomerium_keys.ROUTE)
