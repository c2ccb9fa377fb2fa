"""
Tests for `pomerium_tx.oidc.github`.
"""

from __future__ import annotations

import json
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.github import GitHub, api_of
from pomerium_tx.oidc.provider import AuthenticationRefused, ProviderSettings, UserInfoRefused
from pomerium_tx.oidc.provider_settings import Revocation
from tests.doubles import keys
from tests.oidc.op import HOSTILE, NOW, FakeOP, ProviderTestCase

ISSUER = "https://github.example"
API = "/api/v3"
ALICE = {"id": 583231, "login": "alice", "name": "Alice", "avatar_url": "https://avatars.example/1", "type": "User"}
EMAILS = [
    {"email": "old@x", "primary": False, "verified": True},
    {"email": "alice@x", "primary": True, "verified": True},
]


class GitHubTests(ProviderTestCase):
    """
    Tests for `GitHub`.
    """

    def setUp(self) -> None:
        """
        A server that speaks as GitHub does, and its client.
        """
        self.clock = Clock()
        self.clock.advance(NOW)
        self.op = FakeOP()
        self.op.say(
            "/login/oauth/access_token", {"access_token": "gho_1", "token_type": "bearer", "scope": "user:email"}
        )
        self.op.say(f"{API}/user", ALICE)
        self.op.say(f"{API}/user/emails", EMAILS)
        self.op.say(f"{API}/applications/rp%3A1/token", b"", status=204)
        self.github = self.client()

    def client(self, **changes: Any) -> GitHub:
        """
        A client, with other settings.
        """
        settings: dict[str, Any] = {
            "issuer": ISSUER,
            "client_id": "rp:1",
            "client_secret": "s3cret",
            "redirect_uri": "https://a.example/oauth2/callback",
            "scopes": ("user:email",),
            "is_oidc": False,
        }
        self.stub = StubTreq(self.op)
        return GitHub(ProviderSettings(**{**settings, **changes}), http=self.stub, clock=self.clock)

    def test_where(self) -> None:
        """
        The API of GitHub is a host of its own, also of GHE.com; that of an Enterprise Server is below a path.
        """
        for issuer, api in (
            ("https://github.com", "https://api.github.com"),
            ("https://octo.ghe.com", "https://api.octo.ghe.com"),
            ("https://git.example:8443", "https://git.example:8443/api/v3"),
        ):
            with self.subTest(issuer):
                self.assertEqual(api_of(issuer), api)

    def test_metadata(self) -> None:
        """
        Nothing is asked for: where everything is stands in the documentation; there is no sign-out to be led to.
        """
        known = self.now(self.github.metadata())
        self.assertEqual(known.authorization_endpoint, f"{ISSUER}/login/oauth/authorize")
        self.assertIsNone(known.end_session_endpoint)
        self.assertTrue(known.supports_pkce)
        self.assertEqual((self.op.requests, self.github.may_end_session), ([], False))

    def test_code(self) -> None:
        """
        A code is exchanged with redirect URI, verifier and secret; there are no tokens but the one.
        """
        tokens = self.now(self.github.exchange_code("c", code_verifier="v"))
        self.assertEqual((tokens.access_token, tokens.id_token, tokens.refresh_token), ("gho_1", None, None))
        path, form, _ = self.op.requests[-1]
        self.assertEqual(path, "/login/oauth/access_token")
        self.assertEqual(
            form,
            {
                "grant_type": "authorization_code",
                "code": "c",
                "redirect_uri": "https://a.example/oauth2/callback",
                "code_verifier": "v",
                "client_id": "rp:1",
                "client_secret": "s3cret",
            },
        )

    def test_refused_code(self) -> None:
        """
        GitHub refuses with 200: a spent code is one that is not accepted any more, and other refusals are told as such.
        """
        for error, expected in (
            ("bad_verification_code", "invalid_grant"),
            ("bad_refresh_token", "invalid_grant"),
            ("incorrect_client_credentials", "incorrect_client_credentials"),
        ):
            with self.subTest(error):
                self.op.say("/login/oauth/access_token", {"error": error, "error_description": "x"})
                problem = self.refused(self.github.exchange_code("c", code_verifier=None), AuthenticationRefused)
                self.assertEqual(problem.error, expected)

    def test_hostile_answers(self) -> None:
        """
        Whatever comes instead of an answer, nobody is signed in by it and nothing of ours fails.
        """
        for name, status, body, headers in HOSTILE:
            for path, asked in (
                ("/login/oauth/access_token", lambda: self.github.exchange_code("c", code_verifier=None)),
                (f"{API}/user", lambda: self.github.userinfo("at")),
            ):
                with self.subTest(name=name, path=path):
                    self.setUp()
                    self.op.says[path] = (status, body, headers)
                    reason = self.failureResultOf(Deferred.fromCoroutine(asked()))
                    self.assertIsNotNone(reason.check(ProviderUnavailable, UserInfoRefused, AuthenticationRefused))

    def test_who(self) -> None:
        """
        A session is kept under the number of the account, which is nobody else's ever; the claims are Pomerium's.
        """
        tokens = self.now(self.github.exchange_code("c", code_verifier=None))
        said = self.now(self.github.end_user(tokens, nonce="n"))
        self.assertEqual((said.iss, said.sub, said.sid, said.raw, said.iat), (ISSUER, "583231", None, "", NOW))
        claims = self.now(self.github.userinfo(tokens.access_token))
        self.assertEqual(
            claims,
            {
                "sub": "alice",
                "user": "alice",
                "github_id": 583231,
                "name": "Alice",
                "picture": "https://avatars.example/1",
                "email": "alice@x",
                "email_verified": True,
            },
        )
        self.assertEqual(self.op.requests[-1][2], "Bearer gho_1")

    def test_addresses(self) -> None:
        """
        Only a primary address that is verified counts, and none does no harm but that nobody is admitted by one.
        """
        for answer, status in (
            ([{**EMAILS[1], "verified": False}], 200),
            ([{**EMAILS[1], "primary": False}], 200),
            ([{**EMAILS[1], "verified": "true"}], 200),
            ([], 200),
            ({"message": "Not Found"}, 404),
            ({"message": "Forbidden"}, 403),
        ):
            with self.subTest(answer=answer):
                self.op.say(f"{API}/user/emails", answer, status=status)
                self.assertNotIn("email", self.now(self.github.userinfo("at")))

    def test_who_is_nobody(self) -> None:
        """
        An answer that names no account is none.
        """
        for change in ({"id": None}, {"id": "583231"}, {"id": True}, {"login": ""}, {"login": 7}, {"login": None}):
            with self.subTest(change):
                self.op.say(f"{API}/user", {**ALICE, **change})
                self.refused(self.github.userinfo("at"), ProviderUnavailable)
        self.op.say(f"{API}/user", {"message": "Bad credentials"}, status=401)
        self.refused(self.github.userinfo("at"), UserInfoRefused)

    def test_revoke(self) -> None:
        """
        One token is revoked and not the grant; what was revoked already is as good.
        """
        for status in (204, 404, 422):
            with self.subTest(status):
                self.op.say(f"{API}/applications/rp%3A1/token", b"", status=status)
                self.now(self.github.revoke("gho_1", "access_token"))
                path, form, authorization = self.op.requests[-1]
                self.assertEqual((path, form), (f"{API}/applications/rp%3A1/token", {}))
                self.assertTrue((authorization or "").startswith("Basic "))
        self.op.say(f"{API}/applications/rp%3A1/token", b"", status=503)
        self.refused(self.github.revoke("gho_1", "access_token"), ProviderUnavailable)

    def test_not_revoked(self) -> None:
        """
        A refresh token goes with its access token; and nothing is revoked where that is switched off.
        """
        self.now(self.github.revoke("ghr_1", "refresh_token"))
        self.now(self.client(revocation=Revocation.OFF).revoke("gho_1", "access_token"))
        self.assertEqual(self.op.requests, [])

    def test_no_tokens_of_others(self) -> None:
        """
        A token in GitHub's name is no ID Token and no logout token, whoever signed it, with the client's secret too.
        """
        claims = {"iss": ISSUER, "aud": "rp:1", "sub": "583231", "iat": NOW, "exp": NOW + 60, "nonce": "n"}
        raw = keys.token(claims, "RS256")
        for client in (self.github, self.client(id_token_signed_response_alg="HS256")):
            self.refused(client.id_token(raw, nonce="n", access_token=None), InvalidToken)
            self.refused(client.logout_token(raw), InvalidToken)

    def test_no_secret_in_what_is_shown(self) -> None:
        """
        The secret is in no description of the client.
        """
        self.assertNotIn("s3cret", repr(self.github) + repr(self.github.settings) + json.dumps([]))
