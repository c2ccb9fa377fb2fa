"""
Tests for `pomerium_tx.oidc.end_session`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.end_session import EndSession, end_session_request
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import ProviderSettings

METADATA = ProviderMetadata(
    issuer="https://op.example",
    authorization_endpoint="https://op.example/authorize",
    token_endpoint="https://op.example/token",
    jwks_uri="https://op.example/jwks",
    end_session_endpoint="https://op.example/end?tenant=%7eb",
)
SETTINGS = ProviderSettings(
    issuer="https://op.example",
    client_id="rp1",
    client_secret="s3cret",
    redirect_uri="https://a.example/oauth2/callback",
    scopes=("openid",),
)
SIGNED_OUT = "https://a.example/.pomerium/signed_out"


class EndSessionTests(SynchronousTestCase):
    """
    Tests for `end_session_request`.
    """

    def request(self, hint: str | None, *, needs_hint: bool = False) -> EndSession:
        """
        The request.
        """
        request = end_session_request(
            METADATA,
            replace(SETTINGS, end_session_needs_hint=needs_hint),
            id_token_hint=hint,
            post_logout_redirect_uri=SIGNED_OUT,
            state="s",
        )
        assert request is not None
        return request

    def test_all(self) -> None:
        """
        The hint, the client, the return and the state are sent: the only combination that works everywhere.
        """
        request = self.request("h.i.nt")
        self.assertEqual(
            request.url,
            "https://op.example/end?tenant=%7eb&id_token_hint=h.i.nt&client_id=rp1"
            "&post_logout_redirect_uri=https%3A%2F%2Fa.example%2F.pomerium%2Fsigned_out&state=s",
        )
        self.assertEqual(request.action, "https://op.example/end?tenant=%7eb")
        self.assertEqual(
            request.fields,
            (
                ("id_token_hint", "h.i.nt"),
                ("client_id", "rp1"),
                ("post_logout_redirect_uri", SIGNED_OUT),
                ("state", "s"),
            ),
        )
        self.assertFalse(request.too_long)
        self.assertNotIn("h.i.nt", repr(request))

    def test_without_hint(self) -> None:
        """
        Without a hint the return is asked for, except of a provider that would only show an error.
        """
        self.assertEqual(
            [name for name, _ in self.request(None).fields], ["client_id", "post_logout_redirect_uri", "state"]
        )
        self.assertEqual(self.request(None, needs_hint=True).fields, (("client_id", "rp1"),))
        self.assertEqual(len(self.request("h", needs_hint=True).fields), 4)

    def test_too_long(self) -> None:
        """
        Above 4,000 bytes the form is to be used.
        """
        spare = 4000 - len(self.request("").url)
        self.assertFalse(self.request("x" * spare).too_long)
        self.assertTrue(self.request("x" * (spare + 1)).too_long)

    def test_no_endpoint(self) -> None:
        """
        A provider without the endpoint is not asked.
        """
        request = end_session_request(
            replace(METADATA, end_session_endpoint=None),
            SETTINGS,
            id_token_hint="h",
            post_logout_redirect_uri=SIGNED_OUT,
            state="s",
        )
        self.assertIsNone(request)
