"""
Who may open a WebSocket.
"""

from __future__ import annotations

from pomerium_tx.authorize.verdict import Action
from tests.authorize.asking import ALICE, HANDSHAKE, PUBLIC, CheckTestCase
from tests.routing.routes import a_route


class WebSocketTests(CheckTestCase):
    """
    Handshakes.
    """

    def test_allowed(self) -> None:
        """
        A handshake of a page of the same origin goes through.
        """
        headers = {**HANDSHAKE, **self.cookie(ALICE), "Origin": "https://chat.example.com"}
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.PROCEED, 200)
        self.assert_action(self.ask("chat.example.com:443/ws", headers), Action.PROCEED, 200)

    def test_not_allowed(self) -> None:
        """
        Where the route has no WebSockets, a handshake gets 403, also at its robots.txt.
        """
        for path in ("/ws", "/robots.txt"):
            verdict = self.ask("app.example.com" + path, {**HANDSHAKE, **self.cookie(ALICE)})
            self.assert_action(verdict, Action.DENY, 403)
            self.assertEqual((verdict.denials, verdict.reason), (("websockets-not-allowed",), "Forbidden"))
            self.assertTrue(verdict.allow)

    def test_anonymous(self) -> None:
        """
        A handshake without a session gets 401, since nobody would see a page; whether the route has WebSockets or not.
        """
        for url in ("chat.example.com/ws", "app.example.com/ws"):
            self.assert_action(self.ask(url, HANDSHAKE), Action.UNAUTHORIZED, 401)

    def test_foreign_origin(self) -> None:
        """
        A page of another origin cannot use a person's cookie.
        """
        foreign = [
            "https://evil.test",
            "null",
            "http://chat.example.com",
            "https://chat.example.com:8443",
            "https://chat.example.com.evil.test",
            "https://app.example.com",
            "",
        ]
        for origin in foreign:
            with self.subTest(origin=origin):
                headers = {**HANDSHAKE, **self.cookie(ALICE), "Origin": origin}
                verdict = self.ask("chat.example.com/ws", headers)
                self.assert_action(verdict, Action.DENY, 403)
                self.assertEqual(verdict.denials, ("websocket-foreign-origin",))

    def test_several_origins(self) -> None:
        """
        Two origins are no origin.
        """
        headers = [
            *HANDSHAKE.items(),
            *self.cookie(ALICE).items(),
            ("Origin", "https://chat.example.com"),
            ("Origin", "https://evil.test"),
        ]
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.DENY, 403)

    def test_listed_origin(self) -> None:
        """
        The route may list other origins.
        """
        origins = frozenset({"https://app.example.com"})
        self.make(a_route("https://chat.example.com", allow_websockets=True, allow_websocket_origins=origins))
        headers = {**HANDSHAKE, **self.cookie(ALICE)}
        listed = self.ask("chat.example.com/", {**headers, "Origin": "https://app.example.com"})
        self.assert_action(listed, Action.PROCEED, 200)
        other = self.ask("chat.example.com/", {**headers, "Origin": "https://app.example.com:444"})
        self.assert_action(other, Action.DENY, 403)

    def test_program(self) -> None:
        """
        A program sends no origin, or a handle that no page of another origin could send.
        """
        self.assert_action(self.ask("chat.example.com/ws", {**HANDSHAKE, **self.cookie(ALICE)}), Action.PROCEED, 200)
        headers = {**HANDSHAKE, "Authorization": f"Pomerium {self.handle(ALICE)}", "Origin": "https://evil.test"}
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.PROCEED, 200)

    def test_public(self) -> None:
        """
        On a public route anybody may open one, but not with a person's cookie from elsewhere.
        """
        self.make(a_route("https://chat.example.com", allow_websockets=True, policy=PUBLIC))
        headers = {**HANDSHAKE, "Origin": "https://evil.test"}
        self.assert_action(self.ask("chat.example.com/ws", headers), Action.PROCEED, 200)
        self.assert_action(self.ask("chat.example.com/ws", {**headers, **self.cookie(ALICE)}), Action.DENY, 403)
        self.known.live.clear()
        self.assert_action(self.ask("chat.example.com/ws", {**headers, **self.cookie(ALICE)}), Action.PROCEED, 200)

    def test_other_upgrades(self) -> None:
        """
        An upgrade to something else is an ordinary request here.
        """
        headers = {"Upgrade": "h2c", "Origin": "https://evil.test", **self.cookie(ALICE)}
        self.assert_action(self.ask("app.example.com/", headers), Action.PROCEED, 200)
