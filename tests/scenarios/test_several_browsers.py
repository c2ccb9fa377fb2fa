"""
Sessions of several browsers that end under one receipt, since one has brought another's handle: whoever planted it
learns nothing, and undoes nothing.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.scenarios.browser import Browser, Response, _Cookie
from tests.scenarios.test_hold import SIGN_OUT, SIGNED_OUT, HoldTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

HOLD = "_pomerium_hold"


class SharedReceiptTests(HoldTestCase):
    """
    Mallory's handle in alice's browser.
    """

    def setUp(self) -> None:
        super().setUp()
        self.mallory = self.both("bob")

    def plant(self, *, first: bool) -> None:
        """
        Give alice's browser mallory's route cookie, in front of hers or behind.
        """
        key = ("example.com", "_pomerium", "/")
        planted = {key: _Cookie(self.handle_of(self.mallory, APP), "/", "example.com", False, None)}
        self.alice.jar = {**planted, **self.alice.jar} if first else {**self.alice.jar, **planted}

    def assert_leads_nowhere(self, page: Response) -> None:
        """
        A sign-out has come to its end without the OP, and claims no more than is known.
        """
        self.assertFalse([url for url in (*page.trail, page.url) if url.startswith(OP)])
        self.assertEqual((page.status, page.url), (200, SIGNED_OUT))
        self.assertIn("You are signed out here", page.text)
        self.assertNotIn("everywhere", page.text)

    def assert_nothing_for(self, mallory: Browser) -> None:
        """
        Her own sign-out finds the same end: no ID Token, no `state`, and alice stays signed out.
        """
        url = self.sign_out(mallory).get("Location") or ""
        onward = mallory.get(url, follow=False).get("Location") or ""
        self.assertEqual(onward, SIGNED_OUT)
        self.assertEqual(parse_qs(urlsplit(url).query).get("state"), None)
        self.assertNotIn("everywhere", mallory.get(onward).text)
        self.assert_held(self.alice.get(CHAT + "/"))

    def test_planted_handle(self) -> None:
        """
        Alice signs out with both: both sessions are over, neither browser is sent to an OP, and hers is held.
        """
        for first in (True, False):
            with self.subTest(first=first):
                self.mallory, self.alice = self.both("bob"), self.both()
                before = self.house.registry.count
                self.plant(first=first)
                self.assert_leads_nowhere(self.sign_out(self.alice, follow=True))
                self.assertEqual(self.house.registry.count, before - 2)
                self.assert_held(self.alice.get(CHAT + "/"))
                self.assert_nothing_for(self.mallory)

    def test_link_to_the_confirmation(self) -> None:
        """
        The same by a link to the page that asks, with mallory's session in it.
        """
        asking = self.mallory.get(APP + SIGN_OUT, site="cross-site", follow=False).get("Location") or ""
        self.assert_leads_nowhere(self.alice.click(self.alice.get(asking, site="cross-site"), "Sign out"))
        self.assert_nothing_for(self.mallory)

    def test_sign_in_again(self) -> None:
        """
        Alice gets back in by her click, at which the OP asks who she is.
        """
        self.plant(first=True)
        self.sign_out(self.alice, follow=True)
        self.alice.jar.pop(("example.com", "_pomerium", "/"))
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))


class PlantedReturnTests(HoldTestCase):
    """
    Mallory's hold in alice's browser, with the `state` that goes with it.
    """

    def test_return(self) -> None:
        """
        Mallory's return in alice's browser leaves alice's own hold in force.
        """
        mallory = self.both("bob")
        waiting = self.sign_out(mallory, follow=True)
        state = parse_qs(urlsplit(waiting.url).query)["state"][0]
        theirs = mallory.cookie("authenticate.example.com", HOLD) or ""
        self.sign_out(self.alice, follow=True)
        self.assert_held(self.alice.get(CHAT + "/"))
        path = "/.pomerium/signed_out"
        self.alice.jar["example.com", HOLD, path] = _Cookie(theirs, path, "example.com", False, None)
        self.alice.get(f"{SIGNED_OUT}?state={state}", site="cross-site")
        for url in (CHAT + "/", AUTHENTICATE + "/.pomerium/"):
            self.assert_held(self.alice.get(url))
