"""
What an unauthenticated request gets: the sign-in where a person would see it, 401 everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.scenarios.browser import Browser
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OPEN

NAVIGATED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
TABLE: list[tuple[Mapping[str, str], int]] = [
    ({}, 302),
    (NAVIGATED, 302),
    ({**NAVIGATED, "Accept": HTML}, 302),
    ({**NAVIGATED, "Sec-Fetch-Dest": "iframe"}, 302),
    ({"Accept": "*/*"}, 302),
    ({"Accept": HTML}, 302),
    ({"Accept": "text/html, application/json;q=0.9"}, 302),
    ({"Accept": "application/json;q=0, text/html"}, 302),
    ({"Accept": "text/event-stream;q=0, text/html"}, 302),
    ({"Upgrade": "h2c"}, 302),
    ({"Upgrade": "websocket"}, 401),
    ({"Upgrade": "h2c, WebSocket"}, 401),
    ({"Sec-Fetch-Mode": "cors"}, 401),
    ({"Sec-Fetch-Mode": "no-cors"}, 401),
    ({"Sec-Fetch-Mode": "same-origin"}, 401),
    ({"Sec-Fetch-Mode": "websocket"}, 401),
    ({"Sec-Fetch-Mode": "something-new", "Accept": HTML}, 401),
    ({"X-Requested-With": "XMLHttpRequest"}, 401),
    ({"X-Requested-With": "", "Accept": HTML}, 401),
    ({**NAVIGATED, "X-Requested-With": "com.example.app"}, 401),
    ({"Accept": "text/event-stream"}, 401),
    ({"Accept": "text/html, text/event-stream"}, 401),
    ({"Accept": "TEXT/EVENT-STREAM; q=0.5"}, 401),
    ({"Accept": "application/json"}, 401),
    ({"Accept": "application/json, text/html;q=0.9"}, 401),
    ({"Accept": "application/json, */*;q=0.1"}, 401),
    ({"Authorization": "Pomerium x.y.z"}, 401),
    ({"Authorization": "Bearer Pomerium-x.y.z"}, 401),
    ({"X-Pomerium-Authorization": "x.y.z"}, 401),
    ({"Authorization": "Basic eDp5"}, 302),
    ({"Authorization": "Bearer of-the-application"}, 302),
    ({"Cookie": "_pomerium=x.y.z"}, 302),
    ({"Cookie": "_pomerium=x.y.z", "Authorization": "Pomerium x.y.z"}, 401),
]


class UnauthenticatedTests(TrafficTestCase):
    """
    Nobody, and somebody whose session has ended.
    """

    def check(self, browser: Browser, method: str, url: str, fields: Mapping[str, str], status: int) -> None:
        """
        The answer has that status, and what belongs to it.
        """
        answer = browser.once(method, url, fields)
        self.assertEqual(answer.status, status)
        location = answer.get("Location")
        if status == 302:
            assert location is not None
            self.assertTrue(location.startswith(AUTHENTICATE + "/.pomerium/sign_in?"))
        else:
            self.assertIsNone(location)
            self.assertIsNotNone(answer.get("WWW-Authenticate"))
            is_json = (answer.get("Content-Type") or "").startswith("application/json")
            self.assertEqual(is_json, fields.get("Accept", "").lower().startswith("application/json"))
        self.assertEqual(answer.get("Cache-Control"), "no-store")

    def test_nobody(self) -> None:
        """
        The table, for nobody, with every method.
        """
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            for fields, status in TABLE:
                with self.subTest(method, fields=fields):
                    self.check(self.browser(), method, APP + "/x", fields, status)
        self.assertEqual(self.app.take(), b"")

    def test_query_handle(self) -> None:
        """
        A handle in the query that is none, and in every spelling of its name, gets 401.
        """
        for query in ("pomerium_session=x", "a=b&pomerium_session=x.y.z", "%70omerium_session=x"):
            with self.subTest(query):
                self.check(self.browser(), "GET", f"{APP}/x?{query}", {}, 401)

    def test_ended_session(self) -> None:
        """
        The table, with a cookie whose session has ended: the same.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        self.sign_out(alice, follow=True)
        self.app.take()
        for fields, status in TABLE:
            if "Cookie" not in fields:
                with self.subTest(fields):
                    sent = {**fields, "Cookie": f"_pomerium={handle}"}
                    self.check(self.browser(), "GET", APP + "/x", sent, status)
        self.assertEqual(self.app.take(), b"")

    def test_head(self) -> None:
        """
        HEAD is answered alike, without content.
        """
        for fields, status in (((), b" 302 "), (("Accept: application/json",), b" 401 ")):
            answered = self.browser().open("HEAD", APP + "/", *fields).take()
            self.assertIn(status, answered[:13])
            self.assertTrue(answered.endswith(b"\r\n\r\n"))

    def test_websocket_on_its_route(self) -> None:
        """
        A WebSocket handshake of nobody's gets 401, from whatever origin.
        """
        for origin in (CHAT, "https://evil.example"):
            fields = {"Upgrade": "websocket", "Connection": "upgrade", "Origin": origin}
            self.check(self.browser(), "GET", CHAT + "/socket", fields, 401)

    def test_public_route(self) -> None:
        """
        A public route asks nobody.
        """
        for fields, _ in TABLE:
            if "Upgrade" not in fields:
                with self.subTest(fields):
                    self.assertEqual(self.browser().once("GET", OPEN + "/", fields).status, 200)

    def test_person_without_access(self) -> None:
        """
        Whoever is signed in and not admitted gets 403 with a way to sign out, and no sign-in.
        """
        alice = self.both()
        page = alice.get(DENIED + "/")
        self.assertEqual(page.status, 403)
        self.assertIn('href="/.pomerium/sign_out"', page.text)
        self.assertEqual(self.applications["denied"].take(), b"")
        self.assertEqual(alice.once("GET", DENIED + "/", {"Accept": "application/json"}).status, 403)

    def test_sign_in_keeps_the_url(self) -> None:
        """
        The sign-in that follows leads back to the very URL.
        """
        for target in ("/?a=%2F&b=+&c", "/%7Ex/;p=1?q=%20", "/x?https://y/"):
            with self.subTest(target):
                page = self.sign_in(self.browser(), APP + target)
                self.assertEqual((page.status, page.url), (200, APP + target))
