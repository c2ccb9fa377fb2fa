"""
The application behind the route is told when a session that was used on it ends, whatever the end was.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs

from josepy.jwk import JWK
from josepy.jws import JWS
from twisted.internet.defer import Deferred
from twisted.logger import formatEvent

from pomerium_tx.sessions.store import Cause
from tests.scenarios.browser import Browser
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, CHAT, CONFIG

EVENT = "http://schemas.openid.net/event/backchannel-logout"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def routes(app: str | None = "/logout", chat: str | None = "http://app.internal:8080/for-chat") -> list[dict[str, Any]]:
    """
    The routes of the world, two of which want to know.
    """
    uris = {"app": app, "chat": chat, "denied": "/logout"}
    return [
        {**route, **({"upstream_logout_uri": uri} if (uri := uris.get(str(route["name"]))) else {})}
        for route in CONFIG["routes"]
    ]


def part(token: str, number: int) -> dict[str, Any]:
    """
    The header or the claims of a token.
    """
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


class UpstreamNoticeTests(TrafficTestCase):
    """
    One application hears of the ends of both routes.
    """

    settings = {"routes": routes()}

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        self.assertion = self.heard_assertion()
        self.told()

    def heard_assertion(self) -> dict[str, Any]:
        """
        The claims of the assertion that the application was given last.
        """
        found = re.findall(rb"(?i)x-pomerium-jwt-assertion: (\S+)", self.app.heard)
        return part(found[-1].decode("ascii"), 1)

    def told(self) -> list[tuple[str, str]]:
        """
        Path and token of each notice since the last time.
        """
        told = []
        for connection in self.app.connections:
            heard, connection.received = connection.received, b""
            if heard.startswith(b"POST "):
                head, _, form = heard.partition(b"\r\n\r\n")
                told.append((head.split()[1].decode(), parse_qs(form.decode())["logout_token"][0]))
        return told

    def published(self, kid: str) -> JWK:
        """
        The key that the proxy publishes under that name.
        """
        document = json.loads(self.browser().get(APP + "/.well-known/pomerium/jwks.json").text)
        (found,) = [key for key in document["keys"] if key["kid"] == kid]
        key: JWK = JWK.from_json(found)
        return key

    def test_sign_out(self) -> None:
        """
        Each application is told, as its own issuer's relying party, with a token that the published key verifies.
        """
        self.sign_out(self.alice)
        self.advance(2.0)
        told = dict(self.told())
        self.assertEqual(set(told), {"/logout", "/for-chat"})
        for path, origin in (("/logout", APP), ("/for-chat", CHAT)):
            with self.subTest(path):
                token = told[path]
                header, claims = part(token, 0), part(token, 1)
                self.assertEqual(header["typ"], "logout+jwt")
                self.assertTrue(JWS.from_compact(token.encode()).verify(key=self.published(header["kid"])))
                self.assertEqual(claims["iss"], origin + "/")
                self.assertEqual(claims["aud"], f"http://app.internal:8080{path}")
                self.assertEqual((claims["sub"], claims["sid"]), (self.assertion["sub"], self.assertion["sid"]))
                self.assertEqual(claims["events"], {EVENT: {}})
                self.assertEqual(claims["exp"], claims["iat"] + 120)
        self.advance(600.0, step=10.0)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.house.registry.notices(), [])

    def test_nobody_waits(self) -> None:
        """
        The person's answer does not wait for an application that does not answer.
        """
        self.app.answer = None
        answered = self.sign_out(self.alice)
        self.assertEqual(answered.status, 302)
        self.assertEqual(self.told(), [])
        self.advance(1.0)
        self.assertEqual(len(self.told()), 2)

    def test_who_was_not_there(self) -> None:
        """
        An application is not told of a session that was never used on its route, nor of one that goes on.
        """
        bob = self.browser()
        self.sign_in(bob, CHAT + "/", "bob")
        self.sign_out(bob, CHAT)
        self.advance(2.0)
        self.assertEqual([path for path, _ in self.told()], ["/for-chat"])
        self.assertEqual(self.alice.get(APP + "/").status, 200)

    def test_every_cause(self) -> None:
        """
        Whatever ends a session, its applications are told.
        """
        for cause in (Cause.ADMINISTRATOR, Cause.EXPIRED, Cause.REFRESH_REFUSED, Cause.PROVIDER_REMOVED):
            with self.subTest(cause):
                browser = self.both()
                self.assertEqual(browser.get(APP + "/").status, 200)
                sid = self.heard_assertion()["sid"]
                self.told()
                self.successResultOf(Deferred.fromCoroutine(self.house.ending.end([sid], cause)))
                self.advance(2.0)
                self.assertEqual({part(token, 1)["sid"] for _, token in self.told()}, {sid})

    def test_again(self) -> None:
        """
        An application that is down is told again, of the same end, until it has understood; nothing shows the token.
        """
        self.app.answer = REFUSED
        self.sign_out(self.alice)
        self.advance(120.0)
        told = self.told()
        self.assertGreater(len(told), 6)
        self.assertEqual(len({part(token, 1)["jti"] for _, token in told}), 2)
        said = " ".join(map(formatEvent, self.events)) + repr(self.events)
        self.assertIn("503", said)
        for _, token in told:
            self.assertNotIn(token.rpartition(".")[2], said)
        (one, two) = self.house.registry.notices()
        self.assertEqual(self.house.notices.problem_of(one.id), "the application answers 503")
        self.assertGreater(self.house.notices.attempts_of(two.id), 2)
        self.app.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.advance(600.0, step=5.0)
        self.assertEqual(self.house.registry.notices(), [])

    def test_reload(self) -> None:
        """
        Who is told is what the configuration says when it is told.
        """
        self.app.answer = REFUSED
        self.sign_out(self.alice)
        self.advance(1.0)
        self.told()
        self.app.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.house.reload(self.read(routes=routes("/elsewhere", None)))
        self.advance(120.0)
        self.assertEqual([path for path, _ in self.told()], ["/elsewhere"])
        self.assertEqual(self.house.registry.notices(), [])

    def test_two_sessions(self) -> None:
        """
        Two sessions that end together are two notices.
        """
        other: Browser = self.both()
        self.sign_out(self.alice)
        self.sign_out(other)
        self.advance(2.0)
        told = [part(token, 1) for path, token in self.told() if path == "/logout"]
        self.assertEqual(len({claims["sid"] for claims in told}), 2)
        self.assertEqual(len({claims["jti"] for claims in told}), 2)
