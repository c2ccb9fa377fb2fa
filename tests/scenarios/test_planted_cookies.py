"""
Cookies that a sibling host has planted in front of ours: nobody is kept from signing in or out by them.
"""

from __future__ import annotations

from tests.scenarios.browser import Browser, _Cookie
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT


class PlantedCookieTests(TrafficTestCase):
    """
    A browser to which a sibling host has given cookies with our names.
    """

    def plant(self, browser: Browser, name: str, value: str, path: str = "/") -> None:
        """
        Give a browser a cookie for all hosts, which it sends before the others.
        """
        key = ("example.com", name, path)
        browser.jar = {key: _Cookie(value, path, "example.com", False, None), **browser.jar}

    def assert_signs_in(self, browser: Browser) -> None:
        """
        The person gets to where they wanted to be.
        """
        page = self.sign_in(browser)
        self.assertEqual((page.status, page.url), (200, APP + "/"))

    def test_login_cookie(self) -> None:
        """
        A login cookie for the callback alone, or for all pages, with a value of ours or any other.
        """
        for path in ("/.pomerium/callback", "/.pomerium/", "/"):
            for value in ("A" * 22, "x", ""):
                with self.subTest(path=path, value=value):
                    alice = self.browser()
                    self.plant(alice, "_pomerium_login", value, path)
                    self.assert_signs_in(alice)

    def test_csrf_cookie(self) -> None:
        """
        The CSRF cookie of another browser, for the callback or the sign-in alone.
        """
        mallory = self.browser()
        mallory.once("GET", AUTHENTICATE + "/.well-known/pomerium")
        theirs = mallory.cookie("authenticate.example.com", "_pomerium_csrf") or ""
        for path in ("/oauth2/callback", "/.pomerium/sign_in", "/.pomerium/sign_out"):
            for value in (theirs, "x"):
                with self.subTest(path=path, value=value[:1]):
                    alice = self.browser()
                    alice.get(AUTHENTICATE + "/.well-known/pomerium")
                    self.plant(alice, "_pomerium_csrf", value, path)
                    self.assert_signs_in(alice)
                    page = alice.get(AUTHENTICATE + "/.pomerium/")
                    before = self.house.registry.count
                    self.assertNotIn("Sign out?", alice.click(page, "Sign out").text)
                    self.assertEqual(self.house.registry.count, before - 1)

    def test_hold_cookie(self) -> None:
        """
        The hold of another browser asks for a click, and for no second one once the person has signed in.
        """
        self.provider.always_confirm_logout = True
        mallory = self.both("bob")
        self.sign_out(mallory, follow=True)
        alice = self.browser()
        self.plant(alice, "_pomerium_hold", mallory.cookie("authenticate.example.com", "_pomerium_hold") or "")
        self.advance(1.0)
        page = alice.click(alice.get(APP + "/"), "Sign in")
        page = alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url), (200, APP + "/"))
        self.assertEqual(alice.get(CHAT + "/").url, CHAT + "/")
        self.assertIn("You are still signed in", alice.get(AUTHENTICATE + "/.pomerium/signed_out").text)

    def test_hold_cookie_beside_her_own(self) -> None:
        """
        Another browser's hold, and its later release, takes nothing from alice's, nor from her way back from the OP.
        """
        self.provider.always_confirm_logout = True
        for released in (True, False):
            with self.subTest(released=released):
                mallory, alice = self.both("bob"), self.both()
                waiting = self.sign_out(mallory, follow=True)
                self.plant(alice, "_pomerium_hold", mallory.cookie("authenticate.example.com", "_pomerium_hold") or "")
                hers = self.sign_out(alice, follow=True)
                if released:
                    mallory.click(waiting, "Sign out")
                self.assertIn("You signed out at ", alice.get(CHAT + "/").text)
                self.assertIn("signed out everywhere", alice.click(hers, "Sign out").text)

    def test_handle_of_an_ended_session(self) -> None:
        """
        Beside her own the handle of another session that has ended changes nothing.
        """
        mallory, alice = self.both("bob"), self.both()
        handle = mallory.cookie("authenticate.example.com", "_pomerium_authenticate") or ""
        self.sign_out(mallory)
        self.plant(alice, "_pomerium_authenticate", handle)
        alice.jar.pop(("chat.example.com", "_pomerium", "/"))
        self.assertEqual(alice.get(CHAT + "/").url, CHAT + "/")
        page = alice.get(AUTHENTICATE + "/.pomerium/")
        self.assertIn("Your session", page.text)
        alice.click(page, "Sign out")
        self.assertEqual(self.house.registry.count, 0)
