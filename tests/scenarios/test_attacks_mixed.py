"""
Requests that are put together at random of what is said to each part of the proxy, where routes use all that there is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from pomerium_tx.jose.signer import derived_signer
from tests.doubles.peers import UserAgent
from tests.scenarios.world import APP, OP, WorldTestCase

CI = "https://ci.example.org"
TO = {"to": "http://app.internal:8080", "from": APP}
PUBLIC = {**TO, "allow_public_unauthenticated_access": True}
SIGNED_IN = {**TO, "allow_any_authenticated_user": True}
REQUESTS = 700
Field = Callable[[random.Random], tuple[str, str]]


def one(name: str, *values: str) -> Field:
    """
    A field with one of these values.
    """
    return lambda chance: (name, chance.choice(values))


FIELDS: tuple[Field, ...] = (
    one(
        "X-Forwarded-For",
        "1.2.3.4",
        "garbage",
        "[::1]:80",
        "",
        "192.0.2.1, 192.0.2.2",
        "a," * 500,
        "fe80::1%eth0",
        "\xff",
    ),
    one("X-Host", "evil", "a b", "[::1]", "x:99999", "\xff", "a" * 300, "..", ""),
    one("Origin", APP, "null", "https://evil.example", ""),
    one("Access-Control-Request-Method", "GET"),
    one("X_Y", "1", "\xe9"),
    one("X_Pomerium_Jwt_Assertion", "evil"),
    one("X-Pomerium-Claim-Email", "evil"),
    one("X-Email", "evil"),
    one("Upgrade", "websocket", "h2c"),
    one("Connection", "Upgrade", "close", "keep-alive", "X-Email, Cookie", "Upgrade, X-T"),
    one("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    one("Sec-WebSocket-Version", "13"),
    one("Accept", "text/html", "application/json", "text/event-stream", "*/*;q=x"),
    one("Sec-Fetch-Mode", "navigate", "cors", "x"),
    one("Sec-Fetch-Site", "same-origin", "none", "cross-site"),
    one("Expect", "100-continue"),
    one("Via", "1.1 pomerium_tx, " * 9 + "x", "1.1 pomerium_tx"),
    one("X-Forwarded-Host", "evil"),
    one("X-Forwarded-Uri", "/x"),
    one("X-Original-URL", "https://app.example.com/x"),
    one(
        "Authorization",
        "Bearer",
        "Bearer x",
        "Bearer ey.e.e",
        "Bearer ey" + "A" * 9_000,
        "Basic x",
        " ",
        "Pomerium",
        "Bearer \xff",
    ),
    one("X-Pomerium-Authorization", "x", "", "a.b.c"),
    one(
        "Cookie", "_pomerium=", "_pomerium=x", "_pomerium_0123456789abcdef=x", ";" * 3_000, "=;=;=", "a=\xff; _pomerium"
    ),
    one("Content-Type", "application/x-www-form-urlencoded"),
)
TARGETS = (
    *(
        "/",
        "/r/ab/c",
        "/r/ab/..%2f",
        "/r/../x",
        "/j",
        "/j/ws",
        "/i",
        "/d",
        "/h",
        "/re/x?y",
        "/fx",
        "/no",
        "*",
        "//",
        "/%zz",
    ),
    *(
        "/.pomerium/",
        "/.pomerium/jwt",
        "/.pomerium/user",
        "/.pomerium/routes",
        "/.pomerium/api/v1/routes",
        "/a;b",
        "/\xff",
    ),
    *(
        "/.pomerium/api/v1/login?pomerium_redirect_uri=http://localhost:1/",
        "/.pomerium/sign_out?iss=x&sid=y",
        "/?" + "&" * 500,
    ),
    *(
        "/.pomerium/callback/?x",
        "/.pomerium/callback/visit?x",
        "/.pomerium/verify",
        "/.pomerium/auth",
        "/ping",
        "/" + "a" * 8_300,
    ),
    *("/.pomerium/backchannel_logout", "https://app.example.com/x", "/x?pomerium_session=x", "/?%70omerium_session=x"),
)
HOSTS = ("app.example.com", "APP.example.com:443", "a.w.example.com", "authenticate.example.com", "nobody.test")
PEERS = ("192.0.2.1", "203.0.113.5", "::ffff:192.0.2.9", "2001:db8::1")


class MixedTests(WorldTestCase):
    """
    The whole service.
    """

    settings: ClassVar[dict[str, Any]] = {
        "trusted_proxies": ["192.0.2.0/25"],
        "headers_with_underscores_action": "allow",
        "runtime_flags": {"pomerium_jwt_endpoint": True},
        "jwt_claims_headers": {"X-Email": "email", "X-Groups": "groups"},
        "identity_providers": {
            "ci": {"issuer": CI, "jwks_url": f"{OP}/jwks", "supported_algs": ["ES256"], "audiences": ["us"]}
        },
        "routes": [
            {
                **PUBLIC,
                "regex": "/r/([a-z]+)/.*",
                "regex_rewrite_pattern": "^/r/([^/]*)/(.*)",
                "regex_rewrite_substitution": r"/public/\2/\1",
                "host_path_regex_rewrite_pattern": "^/r/([^/]*)/.*",
                "host_path_regex_rewrite_substitution": r"\1.internal",
            },
            {
                **SIGNED_IN,
                "prefix": "/j",
                "bearer_token_format": "jwt",
                "allow_websockets": True,
                "set_request_headers": {
                    "X-T": "${pomerium.id_token}",
                    "X-J": "${pomerium.jwt}",
                    "X-H": '${pomerium.request.headers["Cookie"]}|${pomerium.request.headers.Authorization}'
                    "|${pomerium.request.headers.Referer}|${pomerium.request.headers.X_Y}",
                },
            },
            {**SIGNED_IN, "prefix": "/i", "bearer_token_format": "idp_access_token"},
            {**SIGNED_IN, "prefix": "/d", "bearer_token_format": "idp_identity_token"},
            {**TO, "prefix": "/h", "host_rewrite_header": "X-Host", "allowed_users": ["alice@example.com"]},
            {"from": APP, "prefix": "/re", "redirect": {"prefix_rewrite": "/z"}, "allow_any_authenticated_user": True},
            {"from": APP, "prefix": "/fx", "response": {"status": 204}, "allow_any_authenticated_user": True},
            {
                "from": APP,
                "to": ["http://app.internal:8080", "http://chat.internal:8080", "http://gone.internal:1"],
                "load_balancing_policy": "RING_HASH",
                "rewrite_response_headers": [{"header": "Content-Type", "prefix": "text", "value": "x-text"}],
                "policy": [
                    {
                        "allow": {
                            "and": [
                                {"authenticated_user": True},
                                {"source_ip": ["192.0.2.0/24", "2001:db8::/32"]},
                                {"http_path": {"not": "/no"}},
                                {"http_method": {"in": ["GET", "POST", "OPTIONS"]}},
                            ]
                        }
                    },
                    {"deny": {"or": [{"claim/groups": {"has": "evil"}}, {"email": {"starts_with": "mallory"}}]}},
                ],
            },
            {**SIGNED_IN, "from": "https://*.w.example.com"},
        ],
    }

    def heard_from(self, fields: Sequence[Field], seed: int) -> tuple[bytes, dict[bytes, int]]:
        """
        What applications heard of all requests, and how many answers there were of each status.
        """
        chance = random.Random(seed)
        heard, statuses = b"", dict[bytes, int]()
        for number in range(REQUESTS):
            agent = UserAgent.connect(self.network, "proxy", 443, peer=chance.choice(PEERS))
            for _ in range(chance.choice((1, 1, 2))):
                method = chance.choice(("GET", "GET", "GET", "POST", "OPTIONS", "HEAD", "PUT"))
                lines = [": ".join(chance.choice(fields)(chance)) for _ in range(chance.randint(0, 7))]
                content = "x=1" if method in ("POST", "PUT") else ""
                lines += ["Content-Length: 3"] * bool(content)
                head = [
                    f"{method} {chance.choice(TARGETS)} HTTP/1.1",
                    f"Host: {chance.choice(HOSTS)}",
                    *lines,
                    "",
                    content,
                ]
                agent.say("\r\n".join(head).encode("latin-1"))
            self.network.settle()
            if number % 7 == 0:
                self.settle()
            status = agent.take()[9:12]
            statuses[status] = statuses.get(status, 0) + 1
            heard += self.app.take() + self.chat.take()
            agent.transport.abortConnection()
            self.network.settle()
        self.settle()
        return heard, statuses

    def assert_well(self) -> None:
        """
        Nothing has gone wrong on our side, and the next good request is served.
        """
        wrong = [event for event in self.events if event.get("log_failure") or event["log_level"].name == "critical"]
        self.assertEqual(wrong, [])
        self.assertEqual(self.sign_in(self.browser()).text, "ok")

    def test_nobody(self) -> None:
        """
        Without anything that is good, nothing reaches an application but what is public, and no session begins.
        """
        heard, statuses = self.heard_from(FIELDS, 1)
        lines = [line for line in heard.split(b"\r\n") if line.endswith(b" HTTP/1.1")]
        self.assertGreater(len(lines), 5)
        for line in lines:
            self.assertTrue(line.split(b" ")[1].startswith(b"/public/"), line)
        self.assertEqual(self.house.registry.count, 0)
        self.assertGreater(len(statuses), 6, statuses)
        self.assert_well()

    def test_somebody(self) -> None:
        """
        With good handles and tokens among it, no handle reaches an application, and none of its identity is forged.
        """
        alice = self.browser()
        self.sign_in(alice)
        handle = self.handle_of(alice, APP)
        [session] = self.house.registry.sessions()
        now = int(self.clock.seconds())
        claims = {"iss": CI, "aud": "us", "sub": "w", "iat": now, "exp": now + 6_000, "groups": ["a\r\nb", 1, None]}
        tokens = (derived_signer(b"op").sign(claims, "JWT"), session.tokens.access_token, session.tokens.id_token)
        good = (
            one(
                "Cookie",
                f"_pomerium={handle}",
                f"a=b; _pomerium=x; _pomerium={handle}",
                f"_pomerium_{'0' * 16}={handle}",
            ),
            one(
                "Authorization",
                f"Pomerium {handle}",
                f"bearer\tPomerium-{handle}",
                *(f"Bearer {one}" for one in tokens),
            ),
            one("X-Pomerium-Authorization", handle),
            one("Referer", f"https://x.example/?pomerium_session={handle}"),
        )
        self.app.take()
        heard, statuses = self.heard_from((*FIELDS, *good * 6), 2)
        self.assertGreater(statuses.get(b"200", 0), 50, statuses)
        self.assertGreater(heard.count(b" HTTP/1.1\r\n"), 20)
        for secret in (handle.encode(), b"evil\r\nX-Email", b"X_Pomerium"):
            self.assertNotIn(secret, heard)
        for line in heard.split(b"\r\n"):
            self.assertFalse(line.lower().startswith((b"x-email: evil", b"x-pomerium-claim-email: evil")), line)
        self.assert_well()
