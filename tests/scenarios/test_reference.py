"""
The signed URL with which a route host sends people on: applications learn it, and it is worth nothing to them.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"
HOST = "authenticate.example.com"
HANDLE, CSRF, HOLD = "_pomerium_authenticate", "_pomerium_csrf", "_pomerium_hold"


class ReferenceTestCase(TrafficTestCase):
    """
    A world in which the OP waits for a click, and alice signs out by a script.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.always_confirm_logout = True
        self.alice = self.both()

    def end_session_url(self) -> str:
        """
        What the application's script learns.
        """
        url = json.loads(self.alice.fetch(APP + SIGN_OUT, "POST").content)["end_session_url"]
        assert isinstance(url, str)
        return url

    def own(self, browser: Browser, *kept: str) -> Browser:
        """
        Take every cookie of A from a browser, but those of some names.
        """
        for key in [key for key in browser.jar if key[0] == HOST and key[1] not in kept]:
            del browser.jar[key]
        return browser

    def assert_learns_nothing(self, answer: Response) -> None:
        """
        No hint and no state: only the way to the page that tells the truth, with at most a hold that leads nowhere.
        """
        self.assertEqual((answer.status, answer.get("Location")), (303, SIGNED_OUT))
        for field in answer.get_all("Set-Cookie"):
            if field.startswith(HOLD):
                hold = {"Cookie": field.partition(";")[0]}
                self.assertEqual(self.browser().once("GET", answer.url, hold).get("Location"), SIGNED_OUT)
                page = self.browser().once("GET", SIGNED_OUT, hold)
                self.assertIn("did not confirm", page.text)
                for receipt in self.receipts():
                    self.assertNotIn(receipt["id"], page.text)

    def assert_held(self, browser: Browser) -> None:
        """
        Nothing signs the person in by itself.
        """
        self.assertIn("You signed out at ", browser.get(CHAT + "/").text)
        self.assertEqual(self.house.registry.count, 0)


class StrangerTests(ReferenceTestCase):
    """
    Somebody else has the URL.
    """

    def test_server_of_the_application(self) -> None:
        """
        Who fetches the URL without the browser's cookies learns neither the ID Token nor the `state`.
        """
        url = self.end_session_url()
        self.assert_learns_nothing(self.browser(address="203.0.113.9").once("GET", url))
        self.assert_learns_nothing(self.browser(address="203.0.113.9").once("POST", url))
        self.assertTrue(self.alice.get(url).url.startswith(OP + "/end-session?"))

    def test_stolen_handle(self) -> None:
        """
        Who has the handle of a route host gets no further with it, as the cookie of either host.
        """
        handle = self.handle_of(self.alice, APP)
        self.sign_out(self.alice)
        thief = self.browser(address="203.0.113.9")
        url = thief.once("GET", APP + SIGN_OUT, {"Cookie": f"_pomerium={handle}"}).get("Location") or ""
        self.assertIn("pomerium_ended=", url)
        for cookie in (f"_pomerium={handle}", f"{HANDLE}={handle}", f"{HOLD}={handle}", f"{CSRF}={handle}"):
            with self.subTest(cookie.partition("=")[0]):
                self.assert_learns_nothing(thief.once("GET", url, {"Cookie": cookie}))

    def test_another_person(self) -> None:
        """
        A browser with a sign-out of its own, or with none, is not one that alice had; who is signed in is asked.
        """
        url = self.end_session_url()
        out, inside = self.both("bob"), self.both("bob")
        self.sign_out(out, follow=True)
        before = out.cookie(HOST, HOLD)
        self.assertNotIn("id_token_hint", out.get(url, site="cross-site").url)
        self.assertIn("You signed out at ", out.get(APP + "/").text)
        self.assertTrue(before)
        self.assertIn("Sign out?", inside.get(url, site="cross-site").text)
        page = self.browser().get(url, site="cross-site")
        self.assertEqual(page.url, SIGNED_OUT)
        self.assertIn("Nothing was signed out here", page.text)

    def test_hold_is_not_released(self) -> None:
        """
        Nobody who has the URL can end alice's hold.
        """
        answer = self.browser(address="203.0.113.9").once("GET", self.end_session_url())
        self.assertEqual(parse_qs(urlsplit(answer.get("Location") or "").query), {})
        self.assert_held(self.alice)

    def test_hold_of_the_person_alone(self) -> None:
        """
        A browser that has lost A's cookies is held all the same when its own person has clicked; only a click ends it.
        """
        self.own(self.alice)
        page = self.alice.get(APP + SIGN_OUT)
        self.assertEqual(page.url, SIGNED_OUT)
        self.assertFalse([url for url in page.trail if url.startswith(OP)])
        self.assertIn("did not confirm", page.text)
        self.assertNotIn(self.receipts()[-1]["id"], page.text)
        self.assert_held(self.alice)
        asked = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        self.assertTrue(asked.url.startswith(OP), asked.url)

    def test_hold_is_not_planted(self) -> None:
        """
        A browser that never signed out is not held by another one's sign-out, however it gets there.
        """
        url = self.end_session_url()
        victim = self.browser()
        victim.get(url, site="cross-site", follow=False)
        self.assertIsNone(victim.cookie(HOST, HOLD))
        self.assertNotIn("You signed out", victim.get(APP + "/").text)

    def test_hold_is_not_overwritten(self) -> None:
        """
        Mallory's own finished sign-out, to which a foreign page leads alice, does not end her hold.
        """
        mallory = self.both("bob")
        url = self.sign_out(mallory).get("Location") or ""
        page = mallory.click(mallory.get(url, site="cross-site"), "Sign out")
        self.assertIn("signed out everywhere", page.text)
        for follow in (False, True):
            with self.subTest("before A was reached" if not follow else "after"):
                self.sign_out(self.alice, follow=follow)
                self.alice.get(url, site="cross-site", follow=False)
                self.assert_held(self.alice)


class OwnBrowserTests(ReferenceTestCase):
    """
    The browser whose sessions ended.
    """

    def test_any_of_its_cookies(self) -> None:
        """
        Its handle on A, its CSRF secret, or the hold of this very sign-out: each is enough, and the answer the same.
        """
        url = self.end_session_url()
        first = self.alice.get(url, follow=False)
        for kept in (HOLD, CSRF):
            with self.subTest(kept):
                again = self.own(self.both(), HANDLE)
                again.jar = {key: cookie for key, cookie in self.alice.jar.items() if key[1] == kept}
                self.assertEqual(again.get(url, follow=False).get("Location"), first.get("Location"))
        with self.subTest(HANDLE):
            alice = self.own(self.both(), HANDLE)
            location = self.sign_out(alice).get("Location") or ""
            self.assertIn("id_token_hint=", alice.get(location, follow=False).get("Location") or "")

    def test_lost_everything(self) -> None:
        """
        A browser that has lost all it had on A is told that A knows of no sign-out in it; its session is over.
        """
        page = self.own(self.alice).get(APP + SIGN_OUT, site="same-origin")
        self.assertEqual(page.url, SIGNED_OUT)
        self.assertIn("This page knows of no sign-out in this browser", page.text)
        self.assertEqual(self.house.registry.count, 0)

    def test_unknown_reference(self) -> None:
        """
        A link that stands for nothing any more takes no hold away for which only the session cookie stands.
        """
        self.sign_out(self.alice)
        for lead in ("departure", "reference"):
            with self.subTest(lead):
                alice = self.both()
                alice.fetch(APP + SIGN_OUT, "POST")
                other = self.both("bob")
                url = self.sign_out(other).get("Location") or ""
                if lead == "departure":
                    self.house.registry._ledger._departures.forget(self.clock.seconds() + 3600.0)
                alice.get(url, site="cross-site", follow=False)
                self.assert_held(alice)

    def test_click_without_a_session(self) -> None:
        """
        The sign-out button of A, pressed long after a script's sign-out, leaves its hold in force.
        """
        self.alice.fetch(APP + SIGN_OUT, "POST")
        self.advance(700.0, step=100.0)
        self.alice.click(self.alice.get(AUTHENTICATE + SIGN_OUT), "Sign out")
        self.assert_held(self.alice)

    def test_confirmed_for_somebody_else(self) -> None:
        """
        A click that ends mallory's session in alice's browser leads her to no OP with what is mallory's, and leaves a
        hold there that mallory cannot end.
        """
        self.sign_out(self.alice, follow=True)
        mallory = self.both("bob")
        asking = mallory.get(APP + SIGN_OUT, site="cross-site", follow=False).get("Location") or ""
        page = self.alice.click(self.alice.get(asking, site="cross-site"), "Sign out")
        self.assertEqual(page.url, SIGNED_OUT)
        at_op = mallory.get(self.sign_out(mallory).get("Location") or "")
        state = parse_qs(urlsplit(at_op.url).query)["state"][0]
        for browser in (mallory, self.alice):
            browser.get(f"{SIGNED_OUT}?{urlencode({'state': state})}", site="cross-site")
        self.assert_held(self.alice)
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))


class CookieDomainTests(ReferenceTestCase):
    """
    The same with a cookie domain.
    """

    settings = {"cookie_domain": "example.com"}

    def test_whole_way(self) -> None:
        """
        The browser gets to the OP, back, and in again; a stranger learns nothing.
        """
        url = self.sign_out(self.alice).get("Location") or ""
        self.assert_learns_nothing(self.browser().once("GET", url))
        self.assertIn("signed out everywhere", self.alice.click(self.alice.get(url), "Sign out").text)
        page = self.sign_in(self.alice)
        self.assertEqual((page.status, page.url), (200, APP + "/"))

    def test_several_handles(self) -> None:
        """
        A handle of another ended session, of the host alone, before the right one: both are looked at.
        """
        bob = self.both("bob")
        self.sign_out(bob)
        old = next(cookie for key, cookie in bob.jar.items() if key[1] == HANDLE)
        url = self.sign_out(self.alice).get("Location") or ""
        own = next(cookie for key, cookie in self.alice.jar.items() if key[1] == HANDLE)
        cookies = f"{HANDLE}={old.value}; {HANDLE}={own.value}"
        answer = self.browser().once("GET", url, {"Cookie": cookies})
        self.assertIn("id_token_hint=", answer.get("Location") or "")
