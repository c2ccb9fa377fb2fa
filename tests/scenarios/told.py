"""
A world in which the OP tells us that its sessions are over.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from pomerium_tx import paths
from pomerium_tx.oidc.logout_token import EVENT
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import SessionStore
from tests.doubles.peers import UserAgent
from tests.doubles.stores import UnreliableStore
from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
OWN_COOKIE = ("authenticate.example.com", "_pomerium_authenticate", "/")


class ToldTestCase(TrafficTestCase):
    """
    Alice is signed in on two devices, bob on one.
    """

    def make_store(self) -> SessionStore:
        self.unreliable = UnreliableStore()
        return self.unreliable

    def setUp(self) -> None:
        super().setUp()
        self.laptop, self.on_laptop = self.somebody()
        self.phone, self.on_phone = self.somebody()
        self.bob, self.of_bob = self.somebody("bob")

    def somebody(self, person: str = "alice") -> tuple[Browser, Session]:
        """
        A browser that is signed in at both applications, and its session.
        """
        before = {session.id for session in self.house.registry.sessions()}
        browser = self.both(person)
        [session] = [session for session in self.house.registry.sessions() if session.id not in before]
        return browser, session

    # -- what the OP says ----------------------------------------------------------------------------------------------

    def without_sid(self) -> None:
        """
        From now on ID Tokens say no ``sid``.
        """
        self.provider.alterations["id_token"] = lambda claims: {k: v for k, v in claims.items() if k != "sid"}

    def with_sid(self, sid: str) -> None:
        """
        From now on ID Tokens say this ``sid``.
        """
        self.provider.alterations["id_token"] = lambda claims: {**claims, "sid": sid}

    def token(self, *, sid: str | None = None, sub: str | None = None, **changes: Any) -> str:
        """
        A logout token of the OP about *sid*, *sub* or both.
        """
        now = int(self.clock.seconds())
        claims: dict[str, Any] = {
            "iss": OP,
            "aud": "rp1",
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "events": {EVENT: {}},
            "sid": sid,
            "sub": sub,
            **changes,
        }
        return self.provider.sign({k: v for k, v in claims.items() if v is not None}, "logout+jwt")

    def post(self, token: str, host: str = AUTHENTICATE, house: str = "proxy") -> Response:
        """
        What the OP is answered.
        """
        content = urlencode({"logout_token": token}).encode()
        return self.browser(house).once("POST", host + paths.BACKCHANNEL_LOGOUT, FORM, content)

    def post_slowly(self, token: str, host: str = AUTHENTICATE) -> UserAgent:
        """
        The connection on which the OP waits for an answer.
        """
        content = urlencode({"logout_token": token}).encode()
        fields = [f"{name}: {value}" for name, value in FORM.items()]
        return self.browser().open(
            "POST", host + paths.BACKCHANNEL_LOGOUT, *fields, f"Content-Length: {len(content)}", content=content
        )

    def tell(self, **names: Any) -> None:
        """
        The OP says by the back channel that a session is over, and is told that it is.
        """
        answer = self.post(self.token(**names))
        self.assertEqual((answer.status, answer.content), (200, b""), answer.text)
        self.assertEqual(answer.get("Cache-Control"), "no-store")

    def frame(self, sid: str, browser: Browser | None = None, host: str = AUTHENTICATE, iss: str = OP) -> Response:
        """
        What a frame in the OP's page gets that says so by the front channel.
        """
        query = urlencode({"iss": iss, "sid": sid})
        answer = (browser or self.browser()).once("GET", f"{host}{paths.SIGN_OUT}?{query}", FRAME)
        self.assertEqual((answer.status, answer.get("Location")), (200, None))
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        self.assertIsNone(answer.get("X-Frame-Options"))
        self.assertEqual(answer.get_all("Set-Cookie"), [])
        return answer

    # -- what has come of it -------------------------------------------------------------------------------------------

    def live(self) -> set[str]:
        """
        The ids of the sessions that live.
        """
        return {session.id for session in self.house.registry.sessions()}

    def assert_live(self, *sessions: Session) -> None:
        """
        These sessions live, and no others; the cookies of the others are worth nothing.
        """
        self.assertEqual(self.live(), {session.id for session in sessions})
        expected = {session.id for session in sessions}
        for browser, session in ((self.laptop, self.on_laptop), (self.phone, self.on_phone), (self.bob, self.of_bob)):
            for origin in (APP, CHAT):
                status = self.replay(self.handle_of(browser, origin), origin).status
                self.assertEqual(status, 200 if session.id in expected else 302)

    def to_callback(self, browser: Browser, url: str = CHAT + "/") -> str:
        """
        Where the OP sends the browser back to, in a sign-in that begins now.
        """
        browser.jar.pop(OWN_COOKIE, None)
        browser.jar.pop(("chat.example.com", "_pomerium", "/"), None)
        for _ in range(3):
            url = browser.get(url, follow=False).get("Location") or ""
        assert url.startswith(AUTHENTICATE + paths.PROVIDER_CALLBACK), url
        return url

    def causes(self) -> list[str]:
        """
        The causes in the audit log.
        """
        return [receipt["cause"] for receipt in self.receipts()]
