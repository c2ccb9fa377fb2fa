"""
Who gets an assertion of a host: nobody whom its applications would not be told of.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pomerium_tx.jose.jwt import parse
from tests.scenarios.browser import Browser, Response
from tests.scenarios.two_providers import APP, CHAT, DENIED, OPEN, PARTNERS, TwoProvidersTestCase

JWT = "/.pomerium/jwt"


class AssertionsTests(TwoProvidersTestCase):
    """
    The page of the flag ``pomerium_jwt_endpoint``.
    """

    wild: ClassVar = "https://*.wild.example.com"

    def make_routes(self) -> list[dict[str, Any]]:
        *others, public, denied = super().make_routes()
        return [
            *others,
            public,
            denied,
            {"from": self.wild, "to": "http://app.internal:8080", "allowed_users": ["alice@example.com"]},
        ]

    def setUp(self) -> None:
        super().setUp()
        self.house.reload(self.read(runtime_flags={"pomerium_jwt_endpoint": True}))

    def ask(self, browser: Browser, origin: str, handle: str) -> Response:
        return browser.once("GET", origin + JWT, {"Cookie": f"_pomerium={handle}", "Sec-Fetch-Mode": "cors"})

    def test_let_in(self) -> None:
        """
        Who is let in gets the one of the host that they ask, be its name one of many.
        """
        alice = self.browser()
        self.sign_in(alice)
        for origin in (APP, "https://a.wild.example.com"):
            answer = self.ask(alice, origin, self.handle_of(alice, APP))
            self.assertEqual((answer.status, parse(answer.text).claims["aud"]), (200, origin.removeprefix("https://")))

    def test_policy(self) -> None:
        """
        Whom the policy of a host keeps out gets none of it, with a handle from any other host.
        """
        alice, bob = self.browser(), self.browser()
        self.sign_in(alice)
        self.sign_in(bob, person="bob")
        self.assertEqual(self.ask(alice, DENIED, self.handle_of(alice, APP)).status, 403)
        self.assertEqual(self.ask(bob, DENIED, self.handle_of(bob, APP)).status, 200)
        self.assertEqual(self.ask(bob, "https://a.wild.example.com", self.handle_of(bob, APP)).status, 403)

    def test_provider(self) -> None:
        """
        What another provider says of a person is in no assertion for a host that does not want people from there.
        """
        alice = self.browser()
        self.sign_in(alice, CHAT + "/")
        [session] = self.house.registry.sessions()
        self.assertEqual((session.iss, session.email), (PARTNERS, "alice@example.com"))
        name = next(name for host, name, _ in alice.jar if host == "chat.example.com" and "login" not in name)
        handle = alice.cookie("chat.example.com", name) or ""
        self.assertEqual(self.ask(alice, CHAT, handle).status, 200)
        # Also where everybody is let in, without being told of.
        for origin in ("https://a.wild.example.com", DENIED, OPEN):
            self.assertEqual(self.ask(alice, origin, handle).status, 403)
