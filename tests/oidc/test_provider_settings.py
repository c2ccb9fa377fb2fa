"""
Tests for `pomerium_tx.oidc.provider_settings`.
"""

from __future__ import annotations

from pomerium_tx.oidc.provider_settings import idp_id
from tests.oidc.op import ISSUER, ProviderTestCase


class IdpIdTests(ProviderTestCase):
    """
    The name of a registration.
    """

    def test_idp_id(self) -> None:
        """
        A registration has one name, in every process and release; another issuer or client has another.
        """
        self.assertEqual(self.provider.idp_id, idp_id(ISSUER, "rp:1"))
        self.assertEqual(idp_id("a", "b"), "0473ef2dc0d324ab659d3580c1134e9d")
        self.assertEqual(len({idp_id("a", "b"), idp_id("a", "c"), idp_id("ab", ""), idp_id("", "ab")}), 4)
        self.assertNotIn("s3cret", repr(self.provider) + repr(self.provider.settings))
