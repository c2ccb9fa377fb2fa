"""
Tests for `pomerium_tx.oidc.provider`: the token endpoint.
"""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.server import Request

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.provider import (
    AuthenticationRefused,
    ProviderUnavailable,
)
from tests.oidc.op import DISCOVERY, HOSTILE, METADATA, SECRET, TOKENS, ProviderTestCase


class TokensTests(ProviderTestCase):
    """
    Tests for `Provider.exchange_code` and `Provider.refresh`.
    """

    def test_exchange(self) -> None:
        """
        A code is exchanged with the redirect URI and verifier of its request; the secret is in the header alone.
        """
        tokens = self.now(self.provider.exchange_code("c&d", code_verifier="v"))
        self.assertEqual((tokens.access_token, tokens.id_token, tokens.refresh_token), ("at", "it", "rt"))
        path, form, authorization = self.op.requests[-1]
        self.assertEqual(
            (path, form),
            (
                "/token",
                {
                    "grant_type": "authorization_code",
                    "code": "c&d",
                    "redirect_uri": "https://a.example/oauth2/callback",
                    "code_verifier": "v",
                },
            ),
        )
        assert authorization is not None
        self.assertEqual(base64.b64decode(authorization.removeprefix("Basic ")), b"rp%3A1:s3cret%2F%2B+%26%C3%A9")

    def test_no_verifier(self) -> None:
        """
        Without PKCE no verifier is sent.
        """
        self.now(self.provider.exchange_code("c", code_verifier=None))
        self.assertNotIn("code_verifier", self.op.requests[-1][1])

    def test_no_id_token(self) -> None:
        """
        A code exchange that brings no ID Token is refused; a refresh need not bring one.
        """
        for value in (None, ""):
            self.op.say("/token", {**TOKENS, "id_token": value})
            self.refused(self.provider.exchange_code("c", code_verifier=None), InvalidToken)
            self.assertIsNone(self.now(self.provider.refresh("rt")).id_token)

    def test_refresh(self) -> None:
        """
        A refresh token is sent as such.
        """
        self.now(self.provider.refresh("old"))
        self.assertEqual(self.op.requests[-1][1], {"grant_type": "refresh_token", "refresh_token": "old"})

    def test_refused(self) -> None:
        """
        The provider's own refusal is told apart from its being unavailable.
        """
        for status in (400, 401):
            self.op.say("/token", {"error": "invalid_grant", "error_description": "no"}, status)
            for asked in (self.provider.refresh("rt"), self.provider.exchange_code("c", code_verifier=None)):
                problem = self.refused(asked, AuthenticationRefused)
                self.assertEqual((problem.error, problem.description), ("invalid_grant", "no"))

    def test_hostile(self) -> None:
        """
        Whatever else the token endpoint answers, the provider is unavailable.
        """
        for name, status, body, headers in HOSTILE:
            with self.subTest(name):
                self.op.says["/token"] = (status, body, headers)
                self.refused(self.provider.refresh("rt"), ProviderUnavailable)
                self.refused(self.provider.exchange_code("c", code_verifier="v"), ProviderUnavailable)

    def test_silent(self) -> None:
        """
        A token endpoint that does not answer is given up after ten seconds.
        """
        del self.op.says["/token"]
        got = Deferred.fromCoroutine(self.provider.refresh("rt"))
        self.clock.advance(10)
        self.failureResultOf(got, ProviderUnavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_secret_in_body(self) -> None:
        """
        Where metadata list the body alone, the secret is sent there and nowhere else.
        """
        self.op.say(DISCOVERY, {**METADATA, "token_endpoint_auth_methods_supported": ["client_secret_post"]})
        self.now(self.provider.refresh("rt"))
        _, form, authorization = self.op.requests[-1]
        self.assertIsNone(authorization)
        self.assertEqual((form["client_id"], form["client_secret"]), ("rp:1", SECRET))

    def test_fallback(self) -> None:
        """
        Where the header is refused and the body may be tried, it is; what has worked is used from then on.
        """
        original = self.op.render

        def render(request: Request) -> Any:
            refused = request.path == b"/token" and request.getHeader("authorization")
            self.op.say("/token", {"error": "invalid_client"} if refused else TOKENS, 401 if refused else 200)
            return original(request)

        self.op.render = render  # type: ignore[method-assign] # this test's double
        self.now(self.provider.refresh("rt"))
        self.assertEqual(self.op.asked("/token"), 2)
        self.now(self.provider.refresh("rt"))
        self.assertEqual(self.op.asked("/token"), 3)

    def test_no_fallback(self) -> None:
        """
        The secret is not put into a body that the provider does not take, nor for any other refusal.
        """
        self.op.say("/token", {"error": "invalid_grant"}, 400)
        self.refused(self.provider.refresh("rt"), AuthenticationRefused)
        self.assertEqual(self.op.asked("/token"), 1)
        self.op.say(DISCOVERY, {**METADATA, "token_endpoint_auth_methods_supported": ["client_secret_basic"]})
        self.op.say("/token", {"error": "invalid_client"}, 401)
        provider = self.relying_party()
        self.assertEqual(self.refused(provider.refresh("rt"), AuthenticationRefused).error, "invalid_client")
        self.assertEqual(self.op.asked("/token"), 2)

    def test_public_client(self) -> None:
        """
        A client without a secret says who it is, and no more.
        """
        self.now(self.relying_party(client_secret="").refresh("rt"))
        _, form, authorization = self.op.requests[-1]
        self.assertIsNone(authorization)
        self.assertEqual(form, {"grant_type": "refresh_token", "refresh_token": "rt", "client_id": "rp:1"})
