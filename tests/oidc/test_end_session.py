"""
Tests for `pomerium_tx.oidc.end_session`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.provider_types import PROVIDER_TYPES
from pomerium_tx.oidc.end_session import EndSession, brings_state_back, end_session_request, has_end_session
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


class TemplateTests(SynchronousTestCase):
    """
    Tests for `end_session_request` where a provider has a sign-out of its own.
    """

    def url(
        self, template: str, *, hint: str | None = "h.i.nt", state: str = "s", metadata: ProviderMetadata = METADATA
    ) -> EndSession | None:
        """
        The request that a template comes to.
        """
        return end_session_request(
            metadata,
            replace(SETTINGS, sign_out_url=template),
            id_token_hint=hint,
            post_logout_redirect_uri=SIGNED_OUT,
            state=state,
        )

    def test_filled(self) -> None:
        """
        The names become values, encoded so that none can be more than the value of its parameter; the metadata's own
        endpoint is left alone.
        """
        request = self.url(
            "https://op.example/out?a={client_id}&to={post_logout_redirect_uri}&x={state}", state="&y=/?#"
        )
        assert request is not None
        self.assertEqual(
            request.url,
            "https://op.example/out?a=rp1&to=https%3A%2F%2Fa.example%2F.pomerium%2Fsigned_out&x=%26y%3D%2F%3F%23",
        )
        self.assertEqual((request.brings_state_back, request.too_long), (True, False))

    def test_without_hint(self) -> None:
        """
        A parameter whose value is not there is left out, and no other.
        """
        for hint, expected in ((None, "https://op.example/out?b=1&c=s"), ("h", "https://op.example/out?a=h&b=1&c=s")):
            with self.subTest(hint):
                request = self.url("https://op.example/out?a={id_token_hint}&b=1&c={state}", hint=hint)
                assert request is not None
                self.assertEqual(request.url, expected)

    def test_values_are_not_filled_again(self) -> None:
        """
        Braces in a value are a value.
        """
        request = self.url("https://op.example/out?a={state}", state="{client_id}")
        assert request is not None
        self.assertEqual(request.url, "https://op.example/out?a=%7Bclient_id%7D")

    def test_unusable(self) -> None:
        """
        Nobody is sent to where an endpoint could not be.
        """
        for template in ("http://op.example/out", "https://a@op.example/out", "javascript:x", "https:///out"):
            with self.subTest(template):
                self.assertIsNone(self.url(template))

    def test_providers(self) -> None:
        """
        Auth0 and Cognito are asked at the host where people sign in, each in its own words.
        """
        for kind, end_session, expected, returns in (
            (
                "auth0",
                None,
                (
                    "https://op.example/v2/logout?client_id=rp1"
                    "&returnTo=https%3A%2F%2Fa.example%2F.pomerium%2Fsigned_out%3Fstate%3Ds"
                ),
                True,
            ),
            (
                "auth0",
                "https://op.example/oidc/logout",
                (
                    "https://op.example/oidc/logout?client_id=rp1"
                    "&post_logout_redirect_uri=https%3A%2F%2Fa.example%2F.pomerium%2Fsigned_out&state=s"
                ),
                True,
            ),
            (
                "cognito",
                "https://op.example/logout",
                "https://op.example/logout?client_id=rp1&logout_uri=https%3A%2F%2Fa.example%2F.pomerium%2Fsigned_out",
                False,
            ),
        ):
            with self.subTest(kind=kind, end_session=end_session):
                particulars = PROVIDER_TYPES[kind]
                settings = replace(
                    SETTINGS,
                    sign_out_url=particulars.sign_out_url,
                    fallback_sign_out_url=particulars.fallback_sign_out_url,
                )
                metadata = replace(METADATA, end_session_endpoint=end_session)
                request = end_session_request(
                    metadata, settings, id_token_hint=None, post_logout_redirect_uri=SIGNED_OUT, state="s"
                )
                assert request is not None
                self.assertEqual((request.url, request.brings_state_back), (expected, returns))
                self.assertEqual(brings_state_back(metadata, settings), returns)
                self.assertTrue(has_end_session(metadata, settings))

    def test_switched_off(self) -> None:
        """
        A provider's sign-out that is switched off is not there.
        """
        settings = replace(SETTINGS, end_session=False, sign_out_url="https://op.example/out")
        self.assertFalse(has_end_session(None, settings))
        self.assertIsNone(
            end_session_request(METADATA, settings, id_token_hint="h", post_logout_redirect_uri=SIGNED_OUT, state="s")
        )

    def test_what_is_known(self) -> None:
        """
        A sign-out that is not known of may yet be there; one that the metadata leaves out is not.
        """
        self.assertTrue(has_end_session(None, SETTINGS))
        self.assertTrue(has_end_session(METADATA, SETTINGS))
        self.assertFalse(has_end_session(replace(METADATA, end_session_endpoint=None), SETTINGS))
