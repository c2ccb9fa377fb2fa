"""
Whose host it is, whatever a request says: attacks that need a second name, or a second spelling, of one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tests.scenarios.world import APP, AUTHENTICATE, WorldTestCase

EVERY_HOST: dict[str, Any] = {"from": "https://*.example.com", "to": "http://app.internal:8080", "name": "every host"}


class PublicEverywhereTests(WorldTestCase):
    """
    An application that anybody may use, at all names of a domain.
    """

    settings: ClassVar = {"routes": [{**EVERY_HOST, "allow_public_unauthenticated_access": True}]}

    def test_authenticate_host(self) -> None:
        """
        It gets no page onto the origin of the pages on which people end their sessions.
        """
        self.assertEqual(self.browser().once("GET", f"{APP}/x.html").status, 200)
        self.app.take()
        for url in (f"{AUTHENTICATE}/x.html", f"{AUTHENTICATE}:443/x.html", "https://authenticate.EXAMPLE.com./x.html"):
            with self.subTest(url):
                self.assertEqual(self.browser().once("GET", url).status, 404)
        self.assertEqual(self.app.take(), b"")


class SessionsEverywhereTests(WorldTestCase):
    """
    The same for people with sessions, whose cookies every host of the domain gets.
    """

    settings: ClassVar = {
        "cookie_domain": "example.com",
        "routes": [{**EVERY_HOST, "allow_any_authenticated_user": True}],
    }

    def test_authenticate_host(self) -> None:
        """
        Not with a person's session either.
        """
        browser = self.browser()
        self.assertEqual(self.sign_in(browser).text, "ok")
        self.app.take()
        self.assertEqual(browser.once("GET", f"{AUTHENTICATE}/x.html").status, 404)
        self.assertEqual(self.app.take(), b"")
        # Its own pages are where they were.
        self.assertIn("alice@example.com", browser.get(f"{AUTHENTICATE}/.pomerium/").text)
