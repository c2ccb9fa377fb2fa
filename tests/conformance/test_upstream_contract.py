"""
Checks 84 to 93: what an application gets to see, and what a client gets if the application is not there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import verified_claims
from tests.config.material import key_pair
from tests.conformance.case import HANDSHAKE, SWITCHED, CheckTestCase, fields_of
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, OPEN

JWKS = APP + "/.well-known/pomerium/jwks.json"
_ROUTES: list[dict[str, Any]] = CONFIG["routes"]
_ASSERTION = "x-pomerium-jwt-assertion"


class UpstreamTestCase(CheckTestCase):
    """
    A person who is signed in.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.sign_in(self.alice)
        self.app.take()

    def seen(self, url: str = APP + "/", method: str = "GET", **fields: str) -> dict[str, list[str]]:
        """
        The fields that the application of a route sees of a request of Alice's.
        """
        self.alice.once(method, url, {name.replace("_", "-"): value for name, value in fields.items()})
        name = url.removeprefix("https://").partition(".")[0]
        return fields_of(self.applications[name].take())


class CredentialsTests(UpstreamTestCase):
    """
    What is nobody's business but ours.
    """

    def test_84_stripped(self) -> None:
        """
        The ``_pomerium`` cookies and ``Authorization: Pomerium`` never reach the upstream; other cookies do.
        """
        handle = self.handle_of(self.alice, APP)
        cookie = f"a=1; _pomerium={handle}; _pomerium_login=x; b=2; _pomerium_csrf=y; _pomeriumish=3"
        for authorization in (f"Pomerium {handle}", f"Bearer Pomerium-{handle}"):
            url = f"{APP}/x?a=1&pomerium_session={handle}&b=2"
            fields = self.seen(url, Cookie=cookie, Authorization=authorization, X_Pomerium_Authorization=handle)
            self.assertEqual(fields["cookie"], ["a=1; b=2; _pomeriumish=3"])
            self.assertFalse({"authorization", "x-pomerium-authorization"} & set(fields))
        self.alice.once("GET", f"{APP}/x?a=1&pomerium_session={handle}&b=2")
        self.assertTrue(self.app.heard.startswith(b"GET /x?a=1&b=2 HTTP/1.1\r\n"))
        self.assertNotIn(handle.encode(), self.app.heard)
        self.app.take()
        self.assertEqual(self.seen(Authorization="Basic eDp5")["authorization"], ["Basic eDp5"])

    def test_85_replaced(self) -> None:
        """
        Pass on: a client's own X-Pomerium-Jwt-Assertion is replaced.
        """
        fields = self.seen(X_Pomerium_Jwt_Assertion="forged", X_Pomerium_Claim_Email="root@example.com")
        (assertion,) = fields[_ASSERTION]
        self.assertNotEqual(assertion, "forged")
        self.assertNotIn("x-pomerium-claim-email", fields)

    def test_86_assertion(self) -> None:
        """
        Pass on: exactly the claims of §4.1, exp-iat=300, verified by the published JWK Set.
        """
        (assertion,) = self.seen()[_ASSERTION]
        keys = JWKSet.parse(json.loads(self.browser().once("GET", JWKS).text))
        verified = verified_claims(assertion, keys, {"ES256"})
        claims = dict(verified.claims)
        self.assertEqual(verified.header["typ"], "JWT")
        issued, expires, token_id = claims.pop("iat"), claims.pop("exp"), claims.pop("jti")
        self.assertEqual((issued, expires - issued), (self.now(), 300))
        self.assertTrue(token_id)
        self.assertEqual(
            claims,
            {
                "iss": "app.example.com",
                "aud": "app.example.com",
                "sub": "248289761001",
                "user": "248289761001",
                "email": "alice@example.com",
                "groups": ["engineering", "staff"],
                "sid": self.handle(self.handle_of(self.alice, APP)).session_id,
                "name": "Alice Liddell",
            },
        )

    def test_89_forwarded(self) -> None:
        """
        Host is that of ``to``; X-Forwarded-For has the client's address appended, -Proto and -Host are ours;
        x-request-id is ours and echoed to the client.
        """
        response = self.alice.once(
            "GET",
            APP + "/",
            {
                "X-Forwarded-For": "198.51.100.9",
                "X-Forwarded-Proto": "gopher",
                "X-Forwarded-Host": "evil.example.org",
                "X-Request-Id": "chosen-by-client",
            },
        )
        fields = fields_of(self.app.take())
        self.assertEqual(fields["host"], ["app.internal:8080"])
        self.assertEqual(fields["x-forwarded-for"], ["198.51.100.9, 192.0.2.1"])
        self.assertEqual(fields["x-forwarded-proto"], ["https"])
        self.assertEqual(fields["x-forwarded-host"], ["app.example.com"])
        (request_id,) = fields["x-request-id"]
        self.assertNotEqual(request_id, "chosen-by-client")
        self.assertEqual(response.get_all("X-Request-Id"), [request_id])


class OwnSettingsTests(UpstreamTestCase):
    """
    Routes with other settings.
    """

    settings = {
        "pass_identity_headers": False,
        "routes": [
            {**_ROUTES[0], "jwt_issuer_format": "uri", "preserve_host_header": True},
            {**_ROUTES[1], "pass_identity_headers": True, "jwt_issuer_format": "uri"},
            {**_ROUTES[2], "host_rewrite": "rewritten.example.org"},
        ],
    }

    def test_85_removed(self) -> None:
        """
        Pass off: a client's own X-Pomerium-Jwt-Assertion is removed.
        """
        fields = self.seen(X_Pomerium_Jwt_Assertion="forged", X_Pomerium_Jwt_Assertion_For="forged")
        self.assertFalse([name for name in fields if name.startswith("x-pomerium")])

    def test_87_issuer(self) -> None:
        """
        ``jwt_issuer_format: uri`` is ``https://host/``.
        """
        self.alice.get(CHAT + "/")
        claims = self.assertion_claims(self.chat.take())
        self.assertEqual((claims["iss"], claims["aud"]), (CHAT + "/", "chat.example.com"))

    def test_89_host(self) -> None:
        """
        Host follows preserve_host_header and host_rewrite, and X-Forwarded-Host says what it was.
        """
        fields = self.seen()
        self.assertEqual(fields["host"], ["app.example.com"])
        self.assertNotIn("x-forwarded-host", fields)
        fields = self.seen(OPEN + "/")
        self.assertEqual(fields["host"], ["rewritten.example.org"])
        self.assertEqual(fields["x-forwarded-host"], ["open.example.com"])


class ClaimHeaderTests(UpstreamTestCase):
    """
    Claims as fields of their own.
    """

    settings = {"jwt_claims_headers": {"X-Email": "email", "X-Town": "town"}}

    def test_88_empty(self) -> None:
        """
        A configured claim header without a value is empty, the client's value gone.
        """
        fields = self.seen(X_Email="root@example.com", X_Town="forged")
        self.assertEqual((fields["x-email"], fields["x-town"]), (["alice@example.com"], [""]))


class BrokenUpstreamTests(UpstreamTestCase):
    """
    An application that is not there, or does not answer.
    """

    def test_91_down(self) -> None:
        """
        Upstream down: 503, as HTML or JSON by Accept.
        """
        self.network.close("open.internal", 8080)
        self._assert_both(503, lambda browser, accept: browser.once("GET", OPEN + "/", {"Accept": accept}))

    def test_91_slow(self) -> None:
        """
        Upstream slow: 504, as HTML or JSON by Accept.
        """
        self.applications["open"].answer = None

        def ask(browser: Browser, accept: str) -> Response:
            agent = browser.open("GET", OPEN + "/", f"Accept: {accept}")
            self.advance(29)
            self.assertEqual(agent.received, b"")
            self.advance(3)
            return read(agent.take())

        self._assert_both(504, ask)

    def _assert_both(self, status: int, ask: Any) -> None:
        page = ask(self.alice, "text/html")
        self.assertEqual(page.status, status)
        self.assertTrue(page.text.startswith("<!DOCTYPE html>"))
        self.assertEqual(page.get("X-Pomerium-Intercepted-Response"), "true")
        answer = ask(self.alice, "application/json")
        self.assertEqual((answer.status, answer.get("Content-Type")), (status, "application/json"))
        self.assertEqual(json.loads(answer.text)["request_id"], answer.get("X-Request-Id"))


class ResponseHeadersTests(UpstreamTestCase):
    """
    Security headers where nothing is configured.
    """

    def test_92_defaults(self) -> None:
        """
        The default security headers are on proxied and on our own answers; HSTS without certificates is not.
        """
        for url in (APP + "/", APP + "/.pomerium/", AUTHENTICATE + "/ping", "https://nobody.example.org/"):
            with self.subTest(url=url):
                response = self.alice.once("GET", url)
                self.assertEqual(response.get("X-XSS-Protection"), "1; mode=block")
                self.assertIn(response.get("X-Frame-Options"), ("SAMEORIGIN", "DENY"))
                self.assertIsNone(response.get("Strict-Transport-Security"))
        self.assertEqual(self.alice.once("GET", APP + "/").get("X-Frame-Options"), "SAMEORIGIN")


class CertificatesTests(UpstreamTestCase):
    """
    Security headers with certificates.
    """

    def build_house(self, address: str = "proxy") -> Any:
        """
        The certificate's files are made for each test.
        """
        section = {}
        for key, pem in zip(("cert", "key"), key_pair(), strict=True):
            section[key] = self.mktemp()
            Path(section[key]).write_bytes(pem)
        self.settings = {"certificates": [section]}
        return super().build_house(address)

    def test_92_certificates(self) -> None:
        """
        With certificates HSTS is on every answer.
        """
        for url in (APP + "/", APP + "/.pomerium/", AUTHENTICATE + "/.pomerium/signed_out"):
            with self.subTest(url=url):
                self.assertEqual(
                    self.alice.once("GET", url).get("Strict-Transport-Security"),
                    "max-age=31536000; includeSubDomains; preload",
                )


class DisabledHeadersTests(UpstreamTestCase):
    """
    Security headers with ``disable``.
    """

    settings = {"set_response_headers": {"disable": True, "X-Other": "1"}}

    def test_92_disabled(self) -> None:
        """
        ``disable`` removes all.
        """
        response = self.alice.once("GET", APP + "/")
        for name in ("X-Frame-Options", "X-XSS-Protection", "Strict-Transport-Security", "X-Other"):
            self.assertIsNone(response.get(name))


class WebSocketTests(UpstreamTestCase):
    """
    Upgrades.
    """

    def test_93_refused(self) -> None:
        """
        A WebSocket is refused with 403 unless the route allows it.
        """
        agent = self.alice.open("GET", APP + "/socket", *HANDSHAKE)
        self.assertEqual(read(agent.take()).status, 403)
        self.assertEqual(self.app.take(), b"")

    def test_93_other_protocols(self) -> None:
        """
        Any other upgrade is ignored, and the request answered in HTTP: no tunnel without the rules for WebSockets.
        """
        for name in ("h2c", "websocket/13", "websocket, h2c"):
            with self.subTest(name=name):
                fields = [field for field in HANDSHAKE if not field.startswith("Upgrade")]
                agent = self.alice.open("GET", APP + "/", f"Upgrade: {name}", *fields)
                self.assertEqual(read(agent.take()).status, 200)
                self.assertNotIn("upgrade", fields_of(self.app.take()))

    def test_93_relayed(self) -> None:
        """
        A WebSocket is relayed where the route allows it, both ways.
        """
        self.alice.get(CHAT + "/")
        self.chat.take()
        self.chat.answer = SWITCHED
        agent = self.alice.open("GET", CHAT + "/socket", f"Origin: {CHAT}", *HANDSHAKE)
        self.assertEqual(agent.take()[:13], b"HTTP/1.1 101 ")
        self.assertEqual(fields_of(self.chat.take())["upgrade"], ["websocket"])
        self.chat.answer = None
        to_application = b"\x81\x82\x01\x02\x03\x04ik"
        agent.say(to_application)
        self.settle()
        self.assertEqual(self.chat.take(), to_application)
        to_client = b"\x81\x02hi"
        self.chat.connections[-1].transport.write(to_client)
        self.settle()
        self.assertEqual(agent.take(), to_client)
