"""
Tests for `pomerium_tx.oidc.provider`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from pomerium_tx.jose.jwt import InvalidToken, UnknownKey
from pomerium_tx.oidc.provider import (
    AuthenticationRefused,
    Provider,
    ProviderSettings,
    ProviderUnavailable,
    UserInfoRefused,
    idp_id,
)
from tests.doubles import keys

ISSUER = "https://op.example"
NOW = 1_800_000_000.0
SECRET = "s3cret/+ &\u00e9"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/authorize",
    "token_endpoint": ISSUER + "/token",
    "jwks_uri": ISSUER + "/jwks",
    "userinfo_endpoint": ISSUER + "/me",
    "revocation_endpoint": ISSUER + "/revoke",
    "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"],
}
TOKENS = {"access_token": "at", "token_type": "Bearer", "id_token": "it", "refresh_token": "rt", "expires_in": 60}
DISCOVERY = "/.well-known/openid-configuration"
HOSTILE: list[tuple[str, int, bytes, dict[str, str]]] = [
    ("html", 200, b"<html></html>", {"content-type": "text/html"}),
    ("empty", 200, b"", {}),
    ("array", 200, b"[]", {}),
    ("string", 200, b'"x"', {}),
    ("null", 200, b"null", {}),
    ("half", 200, b'{"access_token": "a', {}),
    ("twice", 200, b'{"sub":"a","sub":"b","issuer":"a","issuer":"b"}', {}),
    ("not unicode", 200, b'{"sub":"\xff"}', {"content-type": "application/json; charset=latin-1"}),
    ("deep", 200, b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", {}),
    ("surrogate", 200, b'{"sub":"\\ud800","access_token":"\\ud800"}', {}),
    ("huge", 200, b" " * 2_000_000, {}),
    ("redirect", 302, b"", {"location": "https://evil.test/"}),
    ("redirect after post", 307, b"", {"location": ISSUER + "/token"}),
    ("not modified", 304, b"", {}),
    ("no content", 204, b"", {}),
    ("forbidden html", 403, b"<html>", {}),
    ("gone", 404, b"", {}),
    ("too many", 429, b"{}", {"retry-after": "60"}),
    ("broken", 500, b'{"error":"server_error"}', {}),
    ("busy", 503, b"", {"retry-after": "x"}),
    ("encoding", 200, b"{}", {"content-encoding": "br"}),
    ("400 html", 400, b"<html>", {}),
    ("400 array", 400, b"[]", {}),
    ("400 error of a wrong type", 400, b'{"error": {}}', {}),
    ("400 empty", 400, b"", {}),
    ("wrong types", 200, b'{"access_token":7,"token_type":[],"sub":{},"keys":{},"issuer":7}', {}),
    ("one bad key", 200, b'{"keys":[{"kty":"RSA","n":"AA","e":"AA"}]}', {}),
]


class FakeOP(Resource):
    """
    A provider whose every endpoint says what the test wants.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.requests: list[tuple[str, dict[str, str], str | None]] = []
        self.silent: list[Request] = []
        self.say(DISCOVERY, METADATA)
        self.say("/jwks", keys.jwk_set(keys.jwk("RS256"), keys.jwk("ES256", kid="ec")))
        self.say("/token", TOKENS)
        self.say("/me", {"sub": "alice", "email": "alice@x"})
        self.say("/revoke", b"")

    def say(self, path: str, body: Any, status: int = 200, **headers: str) -> None:
        """
        From now on *path* answers this.
        """
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.says[path] = (status, raw, {name.replace("_", "-"): value for name, value in headers.items()})

    def render(self, request: Request) -> Any:
        """
        What was said last, or nothing yet.
        """
        path = request.path.decode()
        form = dict(parse_qsl(request.content.read().decode()))
        self.requests.append((path, form, request.getHeader("authorization")))
        if path not in self.says:
            self.silent.append(request)
            return NOT_DONE_YET
        status, body, headers = self.says[path]
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name, value)
        return body

    def asked(self, path: str) -> int:
        """
        How often *path* was asked for.
        """
        return sum(asked == path for asked, _, _ in self.requests)


class ProviderTestCase(SynchronousTestCase):
    """
    A provider over memory.
    """

    def setUp(self) -> None:
        """
        An OP, and a relying party of it.
        """
        self.clock = Clock()
        self.clock.advance(NOW)
        self.op = FakeOP()
        self.provider = self.relying_party()

    def relying_party(self, **changes: Any) -> Provider:
        """
        A new relying party, with other settings.
        """
        settings: dict[str, Any] = {
            "issuer": ISSUER,
            "client_id": "rp:1",
            "client_secret": SECRET,
            "redirect_uri": "https://a.example/oauth2/callback",
            "scopes": ("openid",),
        }
        self.stub = StubTreq(self.op)
        return Provider(ProviderSettings(**{**settings, **changes}), http=self.stub, clock=self.clock)

    def now(self, asked: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """
        What came of *asked* at once.
        """
        return self.successResultOf(Deferred.fromCoroutine(asked))

    def refused(self, asked: Awaitable[Any], kind: type[Exception]) -> Any:
        """
        The failure of *asked*, with nothing left behind.
        """
        problem = self.failureResultOf(Deferred.fromCoroutine(asked), kind).value  # type: ignore[arg-type]
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return problem

    def token(self, *, nonce: str = "n", **changes: Any) -> str:
        """
        An ID Token; arguments with a double underscore in front change the signing.
        """
        signing = {name[2:]: changes.pop(name) for name in list(changes) if name.startswith("__")}
        claims = {"iss": ISSUER, "sub": "alice", "aud": "rp:1", "iat": NOW, "exp": NOW + 300, "nonce": nonce, **changes}
        return keys.token(claims, signing.pop("alg", "RS256"), **signing)


class MetadataTests(ProviderTestCase):
    """
    Tests for `Provider.metadata` and what it rests on.
    """

    def test_cached(self) -> None:
        """
        Metadata are fetched once an hour, and can be had without waiting from then on.
        """
        self.assertIsNone(self.provider.known_metadata)
        found = self.now(self.provider.metadata())
        self.assertIs(self.provider.known_metadata, found)
        self.clock.advance(3599)
        self.now(self.provider.metadata())
        self.assertEqual(self.op.asked(DISCOVERY), 1)
        self.clock.advance(1)
        self.now(self.provider.metadata())
        self.assertEqual(self.op.asked(DISCOVERY), 2)

    def test_hostile(self) -> None:
        """
        Whatever discovery answers, the provider is unavailable; it is asked again after five seconds, not before.
        """
        for name, status, body, headers in HOSTILE:
            with self.subTest(name):
                self.op.says[DISCOVERY] = (status, body, headers)
                provider = self.relying_party()
                before = self.op.asked(DISCOVERY)
                for _ in range(5):
                    self.refused(provider.metadata(), ProviderUnavailable)
                self.assertEqual(self.op.asked(DISCOVERY), before + 1)
                self.clock.advance(5)
                self.refused(provider.metadata(), ProviderUnavailable)
                self.assertEqual(self.op.asked(DISCOVERY), before + 2)

    def test_last_good(self) -> None:
        """
        When a refetch fails, the last good metadata stay.
        """
        found = self.now(self.provider.metadata())
        for name, status, body, headers in HOSTILE:
            with self.subTest(name):
                self.op.says[DISCOVERY] = (status, body, headers)
                self.clock.advance(3600)
                self.assertIs(self.now(self.provider.metadata()), found)

    def test_silent(self) -> None:
        """
        A provider that does not answer is given up after ten seconds, by all who wait at once.
        """
        del self.op.says[DISCOVERY]
        waiting = [Deferred.fromCoroutine(self.provider.metadata()) for _ in range(100)]
        self.assertEqual(self.op.asked(DISCOVERY), 1)
        self.clock.advance(10)
        for one in waiting:
            self.failureResultOf(one, ProviderUnavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endpoints_move(self) -> None:
        """
        A change of endpoints is followed, and logged.
        """
        self.now(self.provider.metadata())
        self.op.say(DISCOVERY, {**METADATA, "token_endpoint": "https://other.example/token"})
        self.clock.advance(3600)
        with capturedLogs() as logged:
            self.assertEqual(self.now(self.provider.metadata()).token_endpoint, "https://other.example/token")
        self.assertEqual(len(logged), 1)

    def test_idp_id(self) -> None:
        """
        A registration has one name, in every process and release; another issuer or client has another.
        """
        self.assertEqual(self.provider.idp_id, idp_id(ISSUER, "rp:1"))
        self.assertEqual(idp_id("a", "b"), "0473ef2dc0d324ab659d3580c1134e9d")
        self.assertEqual(len({idp_id("a", "b"), idp_id("a", "c"), idp_id("ab", ""), idp_id("", "ab")}), 4)
        self.assertNotIn("s3cret", repr(self.provider) + repr(self.provider.settings))


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

        self.op.render = render  # type: ignore[method-assign]
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


class UserInfoTests(ProviderTestCase):
    """
    Tests for `Provider.userinfo`.
    """

    def test_claims(self) -> None:
        """
        The access token is sent in the header, and the claims come back.
        """
        self.assertEqual(self.now(self.provider.userinfo("at")), {"sub": "alice", "email": "alice@x"})
        self.assertEqual(self.op.requests[-1], ("/me", {}, "Bearer at"))

    def test_refused(self) -> None:
        """
        401 and 403 say that the grant is gone, whatever the body.
        """
        for status in (401, 403):
            self.op.say("/me", b"<html>", status)
            self.refused(self.provider.userinfo("at"), UserInfoRefused)

    def test_hostile(self) -> None:
        """
        Whatever else UserInfo answers, the provider is unavailable.
        """
        for name, status, body, headers in HOSTILE:
            if status != 403:
                with self.subTest(name):
                    self.op.says["/me"] = (status, body, headers)
                    self.refused(self.provider.userinfo("at"), ProviderUnavailable)

    def test_no_sub(self) -> None:
        """
        Claims about nobody are not used.
        """
        for sub in (None, 7, ["alice"]):
            self.op.say("/me", {"sub": sub, "email": "x"})
            self.refused(self.provider.userinfo("at"), ProviderUnavailable)

    def test_no_endpoint(self) -> None:
        """
        A provider without the endpoint says so in its metadata, and cannot be asked.
        """
        self.op.say(DISCOVERY, {**METADATA, "userinfo_endpoint": None})
        self.assertIsNone(self.now(self.provider.metadata()).userinfo_endpoint)
        self.refused(self.provider.userinfo("at"), ProviderUnavailable)

    def test_signed(self) -> None:
        """
        A signed response is verified: key, issuer and audience.
        """
        claims = {"sub": "alice", "iss": ISSUER, "aud": ["rp:1"]}
        self.op.say("/me", keys.token(claims).encode(), content_type="application/jwt")
        self.assertEqual(self.now(self.provider.userinfo("at")), claims)
        for change in ({"iss": "https://evil.test"}, {"aud": "other"}, {"aud": None}, {"iss": None}):
            with self.subTest(str(change)):
                self.op.say("/me", keys.token({**claims, **change}).encode(), content_type="application/jwt")
                self.refused(self.provider.userinfo("at"), InvalidToken)
        forged = keys.token(claims, key=keys.private_key("RS256", "stranger"))
        for body in (forged.encode(), b"", b"\xff", b"{}"):
            self.op.say("/me", body, content_type="application/jwt")
            self.refused(self.provider.userinfo("at"), InvalidToken)


class RevokeTests(ProviderTestCase):
    """
    Tests for `Provider.revoke`.
    """

    def test_told(self) -> None:
        """
        The provider is told which token of which kind, by an authenticated client.
        """
        self.now(self.provider.revoke("rt", "refresh_token"))
        path, form, authorization = self.op.requests[-1]
        self.assertEqual((path, form), ("/revoke", {"token": "rt", "token_type_hint": "refresh_token"}))
        assert authorization is not None

    def test_done(self) -> None:
        """
        Any 200, and any refusal, is final; a refusal is logged without the token.
        """
        for status, body, lines in (
            (200, b"<html>", 0),
            (200, b"[]", 0),
            (204, b"", 0),
            (400, b'{"error":"unsupported_token_type"}', 1),
            (400, b"", 1),
            (403, b"<html>", 1),
            (404, b"", 1),
        ):
            with self.subTest(status=status, body=body), capturedLogs() as logged:
                self.op.say("/revoke", body, status)
                self.now(self.provider.revoke("t0ken", "access_token"))
                self.assertEqual(len(logged), lines)
                self.assertNotIn("t0ken", repr(logged))

    def test_again(self) -> None:
        """
        What may pass is tried again by the caller.
        """
        for status in (302, 429, 500, 503):
            self.op.say("/revoke", b"", status)
            self.refused(self.provider.revoke("t", "access_token"), ProviderUnavailable)
        self.op.say(DISCOVERY, b"", 503)
        self.refused(self.relying_party().revoke("t", "access_token"), ProviderUnavailable)

    def test_no_endpoint(self) -> None:
        """
        Where there is no endpoint, there is nothing to do.
        """
        self.op.say(DISCOVERY, {**METADATA, "revocation_endpoint": None})
        self.now(self.provider.revoke("t", "access_token"))
        self.assertEqual(self.op.asked("/revoke"), 0)


class IdTokenTests(ProviderTestCase):
    """
    Tests for `Provider.id_token`.
    """

    def verified(self, raw: str, **arguments: Any) -> Coroutine[Deferred[Any], Any, Any]:
        """
        The verification of *raw*.
        """
        return self.provider.id_token(raw, **{"nonce": "n", "access_token": "at", **arguments})

    def test_verified(self) -> None:
        """
        A good token is believed, with each algorithm that metadata list and a key exists for.
        """
        self.assertEqual(self.now(self.verified(self.token())).sub, "alice")
        token = self.token(__alg="ES256", __header={"kid": "ec"})
        self.assertEqual(self.now(self.verified(token)).raw, token)
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_checked(self) -> None:
        """
        The claims are checked for this issuer, client, request, subject and time.
        """
        self.refused(self.verified(self.token(iss="https://evil.test")), InvalidToken)
        self.refused(self.verified(self.token(aud="other")), InvalidToken)
        self.refused(self.verified(self.token(nonce="other")), InvalidToken)
        self.refused(self.verified(self.token(at_hash="x")), InvalidToken)
        self.refused(self.verified(self.token(), nonce=None, sub="bob"), InvalidToken)
        self.clock.advance(361)
        self.refused(self.verified(self.token()), InvalidToken)

    def test_max_age(self) -> None:
        """
        A configured ``max_age`` is insisted on at sign-in, and not at a refresh.
        """
        self.provider = self.relying_party(request_params={"max_age": "100"})
        self.refused(self.verified(self.token(auth_time=NOW - 161)), InvalidToken)
        self.assertEqual(self.now(self.verified(self.token(auth_time=NOW))).sub, "alice")
        self.assertEqual(self.now(self.verified(self.token(auth_time=0), nonce=None)).sub, "alice")

    def test_hs256(self) -> None:
        """
        HS256 is for a client that is registered so, and then nothing else is.
        """
        signed = self.token(__alg="HS256", __key=SECRET.encode())
        self.refused(self.verified(signed), InvalidToken)
        self.provider = self.relying_party(id_token_signed_response_alg="HS256")
        self.assertEqual(self.now(self.verified(signed)).sub, "alice")
        self.refused(self.verified(self.token()), InvalidToken)
        self.refused(self.verified(self.token(__alg="HS256", __key=b"")), InvalidToken)

    def test_registered_alg(self) -> None:
        """
        A client that is registered for one algorithm takes no other.
        """
        for registered in ("ES256", "none"):
            self.provider = self.relying_party(id_token_signed_response_alg=registered)
            self.refused(self.verified(self.token()), InvalidToken)

    def test_rotation(self) -> None:
        """
        A key that is not known yet is looked for once, and found.
        """
        self.now(self.verified(self.token()))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", "second")))
        self.clock.advance(10)
        rotated = self.token(__header={"kid": "second"}, __key=keys.private_key("RS256", "second"))
        with capturedLogs() as logged:
            self.assertEqual(self.now(self.verified(rotated)).sub, "alice")
        self.assertEqual(len(logged), 1)
        self.assertEqual(self.op.asked("/jwks"), 2)
        self.refused(self.verified(self.token()), UnknownKey)

    def test_rotation_without_kid(self) -> None:
        """
        Where keys have no names, a signature by none of them asks for newer ones too.
        """
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", kid=None)))
        self.now(self.verified(self.token(__header={"kid": None})))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("RS256", "second", kid=None)))
        self.clock.advance(10)
        rotated = self.token(__header={"kid": None}, __key=keys.private_key("RS256", "second"))
        self.assertEqual(self.now(self.verified(rotated)).sub, "alice")

    def test_throttled(self) -> None:
        """
        A thousand tokens with unknown keys lead to one fetch in ten seconds, and are all refused.
        """
        self.now(self.verified(self.token()))
        self.clock.advance(10)
        for count in range(1000):
            self.refused(self.verified(self.token(__header={"kid": f"k{count}"})), UnknownKey)
        self.assertEqual(self.op.asked("/jwks"), 2)

    def test_wrong_signature(self) -> None:
        """
        A wrong signature of a known key asks for nothing.
        """
        self.now(self.verified(self.token()))
        self.clock.advance(10)
        self.refused(self.verified(self.token(__key=keys.private_key("RS256", "stranger"))), InvalidToken)
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_single_flight(self) -> None:
        """
        A hundred sign-ins at once wait for one fetch.
        """
        jwks = self.op.says.pop("/jwks")
        waiting = [Deferred.fromCoroutine(self.verified(self.token())) for _ in range(100)]
        (request,) = self.op.silent
        request.write(jwks[1])
        request.finish()
        self.stub.flush()
        for one in waiting:
            self.assertEqual(self.successResultOf(one).sub, "alice")
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_no_keys(self) -> None:
        """
        Without keys nothing is believed, and the reason is the provider's.
        """
        for name, status, body, headers in [*HOSTILE, ("no keys", 200, b'{"keys":[]}', {})]:
            with self.subTest(name):
                self.op.says["/jwks"] = (status, body, headers)
                self.provider = self.relying_party()
                self.refused(self.verified(self.token()), ProviderUnavailable)

    def test_last_good_keys(self) -> None:
        """
        Known keys stay good while the provider cannot be asked; unknown ones stay unknown.
        """
        self.now(self.verified(self.token()))
        for name, status, body, headers in [*HOSTILE, ("no keys", 200, b'{"keys":[]}', {})]:
            with self.subTest(name):
                self.op.says["/jwks"] = (status, body, headers)
                self.clock.advance(10)
                self.assertEqual(self.now(self.verified(self.token(exp=NOW + 9999))).sub, "alice")
                unknown = self.token(exp=NOW + 9999, __header={"kid": "second"})
                self.refused(self.verified(unknown), UnknownKey)

    def test_withdrawn(self) -> None:
        """
        A key that the provider has withdrawn is good for an hour at most.
        """
        self.now(self.verified(self.token()))
        self.op.say("/jwks", keys.jwk_set(keys.jwk("ES256")))
        self.clock.advance(3600)
        later = self.token(iat=NOW + 3600, exp=NOW + 3900)
        self.refused(self.verified(later), InvalidToken)
