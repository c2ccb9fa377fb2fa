"""
An OP over memory whose every endpoint says what a test wants, and a relying party of it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from pomerium_tx.oidc.provider import (
    Provider,
    ProviderSettings,
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
        coroutine = Deferred.fromCoroutine(asked)  # type: ignore[arg-type] # the only kind of awaitable here
        problem = self.failureResultOf(coroutine, kind).value
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return problem

    def token(self, *, nonce: str = "n", **changes: Any) -> str:
        """
        An ID Token; arguments with a double underscore in front change the signing.
        """
        signing = {name[2:]: changes.pop(name) for name in list(changes) if name.startswith("__")}
        claims = {"iss": ISSUER, "sub": "alice", "aud": "rp:1", "iat": NOW, "exp": NOW + 300, "nonce": nonce, **changes}
        return keys.token(claims, signing.pop("alg", "RS256"), **signing)
