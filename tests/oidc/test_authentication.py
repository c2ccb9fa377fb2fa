"""
Tests for `pomerium_tx.oidc.authentication`.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.authentication import (
    AuthenticationResponse,
    InvalidResponse,
    authentication_request,
    code_challenge,
    new_code_verifier,
    new_nonce,
    read_response,
)
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import ProviderSettings

ISSUER = "https://op.example"
METADATA = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint="https://op.example/authorize",
    token_endpoint="https://op.example/token",
    jwks_uri="https://op.example/jwks",
)
SETTINGS = ProviderSettings(
    issuer=ISSUER,
    client_id="rp1",
    client_secret="s3cret",
    redirect_uri="https://a.example/oauth2/callback",
    scopes=("openid", "email"),
)


class SecretsTests(SynchronousTestCase):
    """
    Tests for `new_code_verifier`, `code_challenge` and `new_nonce`.
    """

    def test_fresh(self) -> None:
        """
        Each request has a verifier and a nonce of its own, long enough and of allowed characters.
        """
        for new in (new_code_verifier, new_nonce):
            made = {new() for _ in range(100)}
            self.assertEqual(len(made), 100)
            for one in made:
                self.assertRegex(one, r"\A[A-Za-z0-9_-]{43}\Z")

    def test_challenge(self) -> None:
        """
        The challenge is that of RFC 7636 appendix B.
        """
        verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        self.assertEqual(code_challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")


class AuthenticationRequestTests(SynchronousTestCase):
    """
    Tests for `authentication_request`.
    """

    def request(
        self,
        *,
        endpoint: str = METADATA.authorization_endpoint,
        params: dict[str, str] | None = None,
        challenge: str | None = "ch",
        prompt: str | None = None,
    ) -> str:
        """
        The URL.
        """
        return authentication_request(
            replace(METADATA, authorization_endpoint=endpoint),
            replace(SETTINGS, request_params=params or {}),
            state="s&t",
            nonce="n",
            code_challenge=challenge,
            prompt=prompt,
        )

    def query(self, url: str) -> dict[str, str]:
        """
        The query of *url*, in which nothing comes twice.
        """
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        self.assertEqual(len(pairs), len(dict(pairs)))
        return dict(pairs)

    def test_all(self) -> None:
        """
        The request asks for a code, and has what binds the response to it; never the secret.
        """
        url = self.request()
        self.assertTrue(url.startswith("https://op.example/authorize?"))
        self.assertEqual(
            self.query(url),
            {
                "response_type": "code",
                "client_id": "rp1",
                "redirect_uri": "https://a.example/oauth2/callback",
                "scope": "openid email",
                "state": "s&t",
                "nonce": "n",
                "code_challenge": "ch",
                "code_challenge_method": "S256",
            },
        )

    def test_without_pkce(self) -> None:
        """
        Without a challenge no method is named, not even a configured one.
        """
        query = self.query(
            self.request(challenge=None, params={"code_challenge": "x", "code_challenge_method": "plain"})
        )
        self.assertFalse([name for name in query if name.startswith("code_challenge")])

    def test_configured(self) -> None:
        """
        Configured parameters are sent, but never in the place of ours.
        """
        query = self.query(
            self.request(
                params={
                    "access_type": "offline",
                    "prompt": "consent",
                    "state": "evil",
                    "nonce": "evil",
                    "redirect_uri": "https://evil.test/",
                    "response_type": "token",
                    "request": "evil",
                }
            )
        )
        self.assertEqual((query["access_type"], query["prompt"]), ("offline", "consent"))
        self.assertNotIn("evil", str(query))
        self.assertEqual(query["response_type"], "code")

    def test_prompt(self) -> None:
        """
        A prompt that is asked for goes before the configured one.
        """
        self.assertEqual(self.query(self.request(params={"prompt": "consent"}, prompt="login"))["prompt"], "login")
        self.assertNotIn("prompt", self.query(self.request()))

    def test_own_query(self) -> None:
        """
        The endpoint's own query is kept byte for byte, except where it would say our things twice.
        """
        url = self.request(endpoint="https://op.example/authorize?tenant=%7eb&x=a+b&state=old&%73tate=old&y")
        self.assertTrue(url.startswith("https://op.example/authorize?tenant=%7eb&x=a+b&y&response_type=code&"), url)
        self.assertNotIn("old", url)


class ReadResponseTests(SynchronousTestCase):
    """
    Tests for `read_response`.
    """

    def read(self, *params: tuple[str, str], says_iss: bool = False) -> AuthenticationResponse:
        """
        The response.
        """
        metadata = replace(METADATA, authorization_response_iss_parameter_supported=says_iss)
        return read_response(params, settings=SETTINGS, metadata=metadata)

    def test_code(self) -> None:
        """
        A code and its state are read and not shown; unknown parameters may come, and come twice.
        """
        response = self.read(("code", "c0de"), ("state", "st4te"), ("session_state", "x"), ("session_state", "y"))
        self.assertEqual((response.code, response.state, response.error), ("c0de", "st4te", None))
        self.assertNotIn("c0de", repr(response))
        self.assertNotIn("st4te", repr(response))

    def test_error(self) -> None:
        """
        An error is read with what it says.
        """
        response = self.read(("error", "access_denied"), ("error_description", "<script>\r\n"), ("state", "s"))
        self.assertEqual((response.code, response.error), (None, "access_denied"))
        self.assertEqual(response.error_description, "<script>")

    def test_invalid(self) -> None:
        """
        What is neither, both, nameless, doubled or too long is no response.
        """
        code, state, error = ("code", "c"), ("state", "s"), ("error", "e")
        for params in (
            (),
            (state,),
            (code,),
            (error,),
            (code, ("state", "")),
            (("code", ""), state),
            (code, error, state),
            (("error", ""), state),
            (("error", "a\nb"), state),
            (code, state, state),
            (code, code, state),
            (code, state, ("iss", ISSUER), ("iss", ISSUER)),
            (error, error, state),
            (("code", "x" * 20_000), state),
            (code, ("state", "x" * 20_000)),
        ):
            with self.subTest(str(params)[:60]):
                self.assertRaises(InvalidResponse, self.read, *params)

    def test_issuer(self) -> None:
        """
        A response of another issuer is refused, an error too; none at all where this one always says its name.
        """
        for answer in (("code", "c"), ("error", "login_required")):
            state = ("state", "s")
            for says_iss in (False, True):
                self.assertEqual(self.read(answer, state, ("iss", ISSUER), says_iss=says_iss).state, "s")
                for iss in ("", ISSUER + "/", "https://OP.example", "https://evil.test"):
                    with self.subTest(iss, says_iss=says_iss):
                        wrong = ("iss", iss)
                        self.assertRaises(InvalidResponse, self.read, answer, state, wrong, says_iss=says_iss)
            self.assertEqual(self.read(answer, state).state, "s")
            self.assertRaises(InvalidResponse, self.read, answer, state, says_iss=True)
