"""
Tests for `pomerium_tx.oidc.registered_uris`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.registered_uris import RegisteredUris


class RegisteredUrisTests(SynchronousTestCase):
    """
    What an operator types into an OP's form.
    """

    def test_uris(self) -> None:
        """
        All are on the authenticate host, where its cookies are.
        """
        self.assertEqual(
            RegisteredUris.at("https://a.example.com").as_json(),
            {
                "redirect_uri": "https://a.example.com/oauth2/callback",
                "post_logout_redirect_uri": "https://a.example.com/.pomerium/signed_out",
                "frontchannel_logout_uri": "https://a.example.com/.pomerium/sign_out",
                "backchannel_logout_uri": "https://a.example.com/.pomerium/backchannel_logout",
            },
        )
