"""
A person signs out whose session is over already: nothing is left to end, and nothing signs them in again by itself.
"""

from __future__ import annotations

import json
from typing import Any

from tests.scenarios.browser import Browser, Response
from tests.scenarios.told import ToldTestCase
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT

SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"


class IdleTests(TrafficTestCase):
    """
    A session that has not been used for too long.
    """

    settings: dict[str, Any] = {"session_idle_timeout": "5m"}

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        self.advance(400.0, step=50.0)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["idle"])

    def assert_held(self, page: Response) -> None:
        """
        The page claims no end, and the next visit is not a silent sign-in.
        """
        self.assertEqual(page.url, SIGNED_OUT)
        self.assertIn("Nothing was signed out here", page.text)
        self.assertIn("You will stay signed out", page.text)
        for origin in (APP, CHAT):
            self.assertIn("You signed out at", self.alice.get(origin + "/").text)
        self.assertEqual((len(self.receipts()), self.house.registry.count), (1, 0))

    def test_in_an_application(self) -> None:
        """
        The link of an application holds.
        """
        self.assert_held(self.sign_out(self.alice, follow=True))

    def test_by_script(self) -> None:
        """
        So does its script, which goes on to where it is told to.
        """
        answer = json.loads(self.alice.fetch(CHAT + SIGN_OUT, "POST").content)
        self.assertEqual(answer["sessions_ended"], 0)
        self.assert_held(self.alice.get(answer["end_session_url"], site="same-site"))

    def test_on_a(self) -> None:
        """
        So does the button of A, also after another site's link.
        """
        for url in (AUTHENTICATE + SIGN_OUT, APP + SIGN_OUT):
            with self.subTest(url):
                self.setUp()
                self.assert_held(self.alice.click(self.alice.get(url, site="cross-site"), "Sign out"))

    def test_nobody_clicked(self) -> None:
        """
        A link that somebody else got signed holds nobody: a page asks, and the next visit is what it was before.
        """
        mallory = self.both("bob")
        self.advance(400.0, step=50.0)
        for browser in (mallory, self.browser()):
            url = self.sign_out(browser).get("Location") or ""
            page = self.alice.get(url, site="cross-site")
            self.assertIn("Sign out?", page.text)
        self.assertEqual((self.alice.get(APP + "/").status, self.house.registry.count), (200, 1))

    def test_in_again(self) -> None:
        """
        The button of the page that holds signs in, after the OP has asked who is there.
        """
        self.sign_out(self.alice, follow=True)
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        self.assertIn("prompt=login", page.url)
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.url, self.alice.get(APP + "/").status), (CHAT + "/", 200))


class FrameTests(ToldTestCase):
    """
    A session that a front-channel logout has ended, which anybody may bring.
    """

    def held(self, browser: Browser) -> bool:
        """
        Whether the next visit is held.
        """
        return "You signed out at" in browser.get(APP + "/").text

    def test_before_ones_own(self) -> None:
        """
        Whoever ends a person's session a moment before their own click does not take the hold from them.
        """
        self.frame(self.on_laptop.sids[0])
        self.sign_out(self.laptop, follow=True)
        self.assertTrue(self.held(self.laptop))
        self.assertFalse(self.held(self.phone))
