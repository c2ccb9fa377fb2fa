"""
Tests of `pomerium_tx.config.forms.provider_types`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.provider_types import LAST_SESSION, OFF, PROVIDER_TYPES, ProviderType

POMERIUM = "apple auth0 azure cognito github gitlab google oidc okta onelogin ping".split()


class ProviderTypesTests(SynchronousTestCase):
    """
    The table of what is particular about a provider.
    """

    def test_those_of_pomerium(self) -> None:
        """
        Every kind of provider that a Pomerium configuration can name is known, and no other.
        """
        self.assertEqual(sorted(PROVIDER_TYPES), POMERIUM)

    def test_issuers(self) -> None:
        """
        Where there is one provider for everybody, nobody has to write its URL.
        """
        known = {name: kind.url for name, kind in PROVIDER_TYPES.items() if kind.url is not None}
        self.assertEqual(
            known,
            {
                "apple": "https://appleid.apple.com",
                "github": "https://github.com",
                "gitlab": "https://gitlab.com",
                "google": "https://accounts.google.com",
                "onelogin": "https://openid-connect.onelogin.com/oidc",
            },
        )

    def test_openid_is_asked_for(self) -> None:
        """
        A provider that has ID Tokens is asked for one.
        """
        for name, kind in PROVIDER_TYPES.items():
            with self.subTest(name):
                self.assertEqual("openid" in kind.scopes, kind.is_oidc)

    def test_google(self) -> None:
        """
        Google gives a refresh token, asks which account is meant, and is never told to revoke the grant that another
        session of the person lives by.
        """
        google = PROVIDER_TYPES["google"]
        self.assertEqual(google.request_params, {"prompt": "select_account consent", "access_type": "offline"})
        self.assertEqual((google.revocation, PROVIDER_TYPES["auth0"].revocation), (LAST_SESSION, LAST_SESSION))
        self.assertEqual(PROVIDER_TYPES["apple"].revocation, OFF)

    def test_no_particulars(self) -> None:
        """
        About a provider of which only the protocol is known nothing is assumed.
        """
        self.assertEqual(PROVIDER_TYPES["oidc"], ProviderType())
