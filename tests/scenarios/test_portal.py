"""
The routes portal, the look of our pages, and what a refusal tells.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, CHAT, CONFIG, DENIED, OPEN

PORTAL, API = "/.pomerium/routes", "/.pomerium/api/v1/routes"
ROUTES: list[dict[str, Any]] = [
    {**CONFIG["routes"][0], "description": "Where <work> is done", "logo_url": "https://cdn.example.com/app.svg"},
    *CONFIG["routes"][1:3],
    {**CONFIG["routes"][3], "show_error_details": True},
]


class PortalTests(TrafficTestCase):
    """
    Where a person may go.
    """

    settings: dict[str, Any] = {"routes": ROUTES}

    def test_page(self) -> None:
        """
        The routes that are open to the person, as links, and a way out; not the one that is not.
        """
        alice = self.browser()
        self.sign_in(alice)
        page = alice.get(APP + PORTAL)
        self.assertEqual(page.status, 200)
        self.assertEqual(
            re.findall(r'<a href="([^"]*)"', page.text), [f"{APP}/", f"{CHAT}/", f"{OPEN}/", "/.pomerium/sign_out"]
        )
        self.assertIn("Where &lt;work&gt; is done", page.text)
        self.assertIn("img-src data: https://cdn.example.com;", page.get("Content-Security-Policy") or "")
        self.assertIn(PORTAL, alice.get(APP + "/.pomerium/").text)

    def test_expressions(self) -> None:
        """
        A route for paths that an expression describes is a link where its first page is among them, and else a name.
        """
        alice = self.browser()
        self.sign_in(alice)
        by = {"/.*": True, "/docs/[0-9]+": False}
        for regex, is_link in by.items():
            self.house.reload(self.read(routes=[{**ROUTES[0], "regex": regex}, *ROUTES[1:]]))
            page = alice.get(CHAT + PORTAL).text
            self.assertEqual(f'href="{APP}/"' in page, is_link)
            self.assertIn(">app<", page)

    def test_programs(self) -> None:
        """
        The same as JSON, with the keys that Pomerium gives.
        """
        alice = self.browser()
        self.sign_in(alice)
        routes = json.loads(alice.fetch(APP + API).text)["routes"]
        self.assertEqual([route["from"] for route in routes], [APP, CHAT, OPEN])
        first = routes[0]
        self.assertEqual(
            {name: value for name, value in first.items() if name != "id"},
            {
                "name": "app",
                "type": "http",
                "from": APP,
                "description": "Where <work> is done",
                "logo_url": "https://cdn.example.com/app.svg",
            },
        )
        self.assertTrue(first["id"])
        self.assertEqual(alice.once("POST", APP + API).status, 405)

    def test_nobody(self) -> None:
        """
        Who is not signed in is sent to do so, or told to, and not told of any route.
        """
        browser = self.browser()
        self.assertEqual(browser.once("GET", APP + PORTAL).status, 302)
        for path in (PORTAL, API):
            answer = browser.fetch(APP + path)
            self.assertEqual(answer.status, 401)
            self.assertNotIn(CHAT, answer.text)

    def test_after_the_end(self) -> None:
        """
        A session that has ended lists nothing.
        """
        alice = self.browser()
        self.sign_in(alice)
        alice.fetch(APP + "/.pomerium/sign_out", "POST")
        self.assertEqual(alice.fetch(APP + API).status, 401)

    def test_reload(self) -> None:
        """
        A route that is closed to the person by a reload is gone from the list.
        """
        alice = self.browser()
        self.sign_in(alice)
        closed = {**ROUTES[1], "allow_any_authenticated_user": False, "allowed_users": ["bob"]}
        self.house.reload(self.read(routes=[ROUTES[0], closed, *ROUTES[2:]]))
        routes = json.loads(alice.fetch(APP + API).text)["routes"]
        self.assertEqual([route["from"] for route in routes], [APP, OPEN])

    def test_switched_off(self) -> None:
        """
        ``routes_portal: false`` leaves neither page nor link.
        """
        alice = self.browser()
        self.sign_in(alice)
        self.house.reload(self.read(routes=ROUTES, runtime_flags={"routes_portal": False}))
        for path in (PORTAL, API):
            self.assertEqual(alice.fetch(APP + path).status, 404)
        self.assertNotIn(PORTAL, alice.get(APP + "/.pomerium/").text)

    def test_reasons(self) -> None:
        """
        With ``show_error_details`` a refusal says which criteria were not met, to people and to programs.
        """
        alice = self.browser()
        self.sign_in(alice)
        alice.get(DENIED + "/")
        page = alice.get(DENIED + "/")
        self.assertEqual(page.status, 403)
        self.assertIn("<code>email-unauthorized</code> <code>user-unauthorized</code>", page.text)
        told = json.loads(alice.once("GET", DENIED + "/", {"Accept": "application/json"}).text)
        self.assertEqual(told["reasons"], ["email-unauthorized", "user-unauthorized"])
        self.house.reload(self.read(routes=CONFIG["routes"]))
        self.assertNotIn("unauthorized", alice.get(DENIED + "/").text)
        self.assertNotIn("reasons", alice.once("GET", DENIED + "/", {"Accept": "application/json"}).text)


class LookTests(TrafficTestCase):
    """
    Pages that look as the operator wants.
    """

    settings: dict[str, Any] = {
        "primary_color": "#F0a",
        "logo_url": "https://cdn.example.com/logo.svg",
        "error_message_first_paragraph": "Please call 5555.",
    }

    def test_everywhere(self) -> None:
        """
        Pages of route hosts, of the authenticate host and of the data path itself have it; a reload takes it back.
        """
        alice = self.browser()
        self.sign_in(alice)
        pages = {
            "own": lambda: alice.get(APP + "/.pomerium/"),
            "missing": lambda: alice.get(APP + "/.pomerium/x"),
            "refused": lambda: alice.get(DENIED + "/"),
            "authenticate": lambda: alice.get("https://authenticate.example.com/.pomerium/signed_out"),
        }
        for name, ask in pages.items():
            with self.subTest(name):
                answer = ask()
                self.assertIn("--deed: #ff00aa;", answer.text)
                self.assertIn('src="https://cdn.example.com/logo.svg"', answer.text)
                self.assertIn("https://cdn.example.com", answer.get("Content-Security-Policy") or "")
                self.assertEqual("Please call 5555." in answer.text, answer.status >= 400)
        self.house.reload(self.read(primary_color=None, logo_url=None, error_message_first_paragraph=None))
        for name, ask in pages.items():
            with self.subTest(name, after="reload"):
                self.assertNotIn("#ff00aa", ask().text)
