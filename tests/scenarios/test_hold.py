"""
The hold: after a person's own sign-out nothing signs their browser in again by itself.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from pomerium_tx.sessions.store import Change
from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"


def prompts(page: Response) -> list[str]:
    """
    The ``prompt`` values of the Authentication Requests that led to a page.
    """
    urls = [url for url in (*page.trail, page.url) if url.startswith(OP + "/authorize")]
    return [" ".join(parse_qs(urlsplit(url).query).get("prompt", [])) for url in urls]


def callback_of(page: Response, answer: str) -> str:
    """
    The Authentication Response with an answer to the request that led to a page.
    """
    request = next(url for url in (page.url, *reversed(page.trail)) if url.startswith(OP + "/authorize"))
    state = parse_qs(urlsplit(request).query)["state"][0]
    return f"{AUTHENTICATE}/oauth2/callback?{answer}&{urlencode({'state': state, 'iss': OP})}"


class HoldTestCase(TrafficTestCase):
    """
    A world with questions about holds.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.always_confirm_logout = True
        self.alice = self.both()

    def assert_held(self, page: Response) -> None:
        """
        The person is told that they have signed out, and nothing has begun.
        """
        self.assertEqual(page.status, 200)
        self.assertTrue(page.url.startswith(AUTHENTICATE), page.url)
        self.assertIn("You signed out at ", page.text)
        self.assertFalse([url for url in page.trail if url.startswith(OP)])

    def authentications(self) -> int:
        """
        How many Authentication Requests the OP has seen.
        """
        return len(self.provider.received_at("authorization"))


class SecondTabTests(HoldTestCase):
    """
    Another tab while the first waits at the OP's logout page.
    """

    def test_reload_in_a_loop(self) -> None:
        """
        A second tab that reloads in a loop is never signed in again by itself, and the OP never hears of it.
        """
        waiting = self.sign_out(self.alice, follow=True)
        self.assertTrue(waiting.url.startswith(OP + "/end-session"))
        before = self.authentications()
        for _ in range(10):
            self.assert_held(self.alice.get(CHAT + "/", site="same-origin"))
            self.assert_held(self.alice.get(APP + "/"))
            self.advance(30.0, step=10.0)
        self.assertEqual(self.authentications(), before)
        self.assertEqual(self.house.registry.count, 0)

    def test_before_a_is_reached(self) -> None:
        """
        The hold is there before the browser has reached A: its old session cookie there stands for it.
        """
        self.sign_out(self.alice)
        self.assertIsNone(self.alice.cookie("authenticate.example.com", "_pomerium_hold"))
        before = self.authentications()
        for url in (APP + "/", CHAT + "/x", AUTHENTICATE + "/.pomerium/"):
            self.assert_held(self.alice.get(url))
        self.assertEqual(self.authentications(), before)

    def test_json_sign_out_never_navigated(self) -> None:
        """
        A script that signs out and never goes to the `end_session_url` has left a hold as well.
        """
        answer = self.alice.fetch(APP + SIGN_OUT, "POST")
        self.assertEqual(answer.status, 200)
        self.assert_held(self.alice.get(CHAT + "/"))

    def test_cookie_names_no_session(self) -> None:
        """
        From A on the hold is a cookie of its own that contains no session and no handle; A's session cookie is gone.
        """
        handle = self.alice.cookie("authenticate.example.com", "_pomerium_authenticate") or ""
        session = next(iter(self.house.registry.sessions()))
        self.sign_out(self.alice, follow=True)
        hold = self.alice.cookie("authenticate.example.com", "_pomerium_hold")
        assert hold is not None
        self.assertNotIn(handle, hold)
        self.assertNotIn(session.id, hold)
        self.assertIsNone(self.alice.cookie("authenticate.example.com", "_pomerium_authenticate"))
        (name,) = [key for key in self.alice.jar if key[1] == "_pomerium_hold"]
        self.assertEqual(name, ("authenticate.example.com", "_pomerium_hold", "/"))

    def test_script(self) -> None:
        """
        A script gets 401 from A while it holds, and no sign-in begins.
        """
        self.sign_out(self.alice, follow=True)
        url = self.alice.get(APP + "/", follow=False).get("Location") or ""
        before = self.authentications()
        self.assertEqual(self.alice.fetch(url, site="cross-site").status, 401)
        self.assertEqual(self.alice.once("GET", url, {"X-Requested-With": "XMLHttpRequest"}).status, 401)
        self.assertEqual(self.alice.once("GET", url, {"Accept": "application/json"}).status, 401)
        self.assertEqual(self.authentications(), before)

    def test_survives_time(self) -> None:
        """
        The hold does not wear off while nobody says that they want to sign in.
        """
        self.sign_out(self.alice, follow=True)
        for _ in range(6):
            self.advance(8 * 3600.0, step=1800.0)
            self.assert_held(self.alice.get(APP + "/"))

    def test_other_browser_not_held(self) -> None:
        """
        The person's other browser is not held, and nobody else is.
        """
        other, bob = self.both(), self.both("bob")
        self.sign_out(self.alice, follow=True)
        self.assertEqual(other.get(APP + "/").status, 200)
        self.assertEqual(bob.get(APP + "/").status, 200)
        self.assertEqual(self.sign_in(self.browser()).status, 200)


class PlantedHoldTests(HoldTestCase):
    """
    A sibling host can plant cookies, also such as we gave to somebody else.
    """

    def asked(self, *holds: str) -> Response:
        """
        What A's sign_in says to alice's browser with these cookies besides its own.
        """
        url = self.alice.get(CHAT + "/", follow=False).get("Location") or ""
        planted = "; ".join(f"_pomerium_hold={hold}" for hold in holds)
        own = self.alice.cookies(url)
        navigated = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        # Cookies with a longer path come first.
        return self.alice.once("GET", url, {**navigated, "Cookie": f"{planted}; {own}"})

    def test_released_one(self) -> None:
        """
        A hold that is over, planted in front of the one in force, does not take it away; nonsense does not either.
        """
        mallory = self.both("bob")
        waiting = self.sign_out(mallory, follow=True)
        stale = mallory.cookie("authenticate.example.com", "_pomerium_hold") or ""
        mallory.click(waiting, "Sign out")
        over = mallory.cookie("authenticate.example.com", "_pomerium_hold") or ""
        self.sign_out(self.alice, follow=True)
        before = self.authentications()
        for planted in ((over,), (stale,), ("x",), ("",), (over, stale, over, "x")):
            with self.subTest(len(planted)):
                answer = self.asked(*planted)
                self.assertEqual(answer.status, 200)
                self.assertIn("You signed out at ", answer.text)
        self.assertEqual(self.authentications(), before)


class ReleaseTests(HoldTestCase):
    """
    What ends the hold.
    """

    def returned(self, browser: Browser) -> Response:
        """
        Sign out and confirm at the OP.
        """
        waiting = self.sign_out(browser, follow=True)
        return browser.click(waiting, "Sign out") if "/end-session" in waiting.url else waiting

    def written(self) -> list[Change]:
        """
        What is written from now on.
        """
        written: list[Change] = []
        append = self.store.append

        async def noted(change: Change, expected_version: int | None = None) -> int:
            written.append(change)
            return await append(change, expected_version)

        self.patch(self.store, "append", noted)
        return written

    def test_click(self) -> None:
        """
        The click begins a sign-in at which the OP has to ask who it is, and leads to where the person wanted to go.
        """
        self.sign_out(self.alice, follow=True)
        held = self.alice.get(CHAT + "/x?b=%20")
        self.assert_held(held)
        page = self.alice.click(held, "Sign in")
        self.assertEqual(prompts(page), ["login"])
        self.assertTrue(page.url.startswith(OP))
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url), (200, CHAT + "/x?b=%20"))
        self.assertEqual(self.alice.get(APP + "/").status, 200)

    def test_click_is_not_yet_a_sign_in(self) -> None:
        """
        Until somebody has signed in at the OP after the click, other tabs are held, and each click asks there anew.
        """
        for lead in (True, False):
            with self.subTest("A was reached" if lead else "A was not reached"):
                alice = self.both()
                self.sign_out(alice, follow=lead)
                for _ in range(3):
                    held = alice.get(CHAT + "/")
                    self.assert_held(held)
                    page = alice.click(held, "Sign in")
                    self.assertEqual(prompts(page), ["login"])
                    self.assert_held(alice.get(APP + "/"))
                    self.assertEqual(self.house.registry.count, 1)
                page = alice.click(page, "Sign in as Alice")
                self.assertEqual((page.status, page.url), (200, CHAT + "/"))
                self.assertIsNone(alice.cookie("authenticate.example.com", "_pomerium_hold"))
                self.assertEqual(alice.get(APP + "/").url, APP + "/")
                self.sign_out(alice)

    def test_click_given_up(self) -> None:
        """
        A person who does not sign in at the OP, or too late, can click again.
        """
        self.sign_out(self.alice, follow=True)
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        refused = self.alice.get(callback_of(page, "error=access_denied"), site="cross-site")
        self.assertEqual(refused.status, 401)
        self.advance(400.0, step=100.0)
        late = self.alice.click(page, "Sign in as Alice")
        self.assertEqual(late.status, 400)
        self.assert_held(self.alice.get(CHAT + "/"))
        page = self.alice.click(self.alice.get(CHAT + "/"), "Sign in")
        page = self.alice.click(page, "Sign in as Alice")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))

    def test_clicks_are_recorded_once(self) -> None:
        """
        Whoever clicks a thousand times has nothing more written than who clicks once.
        """
        self.sign_out(self.alice, follow=True)
        held = self.alice.get(APP + "/")
        self.alice.click(held, "Sign in")
        written = self.written()
        for _ in range(10):
            self.alice.click(held, "Sign in")
        self.assertEqual(written, [])

    def test_click_and_link_by_turns(self) -> None:
        """
        Nor has whoever clicks and opens the signed link by turns.
        """
        url = self.sign_out(self.alice).get("Location") or ""
        self.alice.get(url, follow=False)
        self.alice.click(self.alice.get(APP + "/"), "Sign in")
        written = self.written()
        for _ in range(5):
            self.assertTrue((self.alice.get(url, follow=False).get("Location") or "").startswith(OP + "/end-session?"))
            self.alice.click(self.alice.get(APP + "/"), "Sign in")
        self.assertEqual(written, [])

    def test_click_without_token(self) -> None:
        """
        Without the token, with another browser's, or from another site the click is none.
        """
        self.sign_out(self.alice, follow=True)
        held = self.alice.get(APP + "/")
        url, fields = held.form(0, "Sign in")
        before = self.authentications()
        without = {name: value for name, value in fields.items() if name != "_pomerium_csrf"}
        self.assertEqual(self.alice.post(url, without, follow=False).status, 400)
        self.assertEqual(self.alice.post(url, fields, site="cross-site", follow=False).status, 400)
        self.assertEqual(self.alice.post(url, fields, site="same-site", follow=False).status, 400)
        self.assertEqual(self.browser().post(url, fields, follow=False).status, 400)
        self.assertEqual(self.alice.get(url + "?" + "&".join(f"{k}={v}" for k, v in fields.items())).status, 400)
        self.assertEqual(self.authentications(), before)
        self.assert_held(self.alice.get(APP + "/"))

    def test_return_with_state(self) -> None:
        """
        The return from the OP with the right `state` ends the hold: the next visit goes to the OP by itself.
        """
        page = self.returned(self.alice)
        self.assertTrue(page.url.startswith(SIGNED_OUT))
        self.assertIn("signed out everywhere", page.text)
        page = self.alice.get(APP + "/")
        self.assertTrue(page.url.startswith(OP + "/authorize"))
        self.assertEqual(prompts(page), [""])

    def test_return_with_wrong_state(self) -> None:
        """
        A return without `state`, with a wrong one, or with two does not end it.
        """
        waiting = self.sign_out(self.alice, follow=True)
        state = parse_qs(urlsplit(waiting.url).query)["state"][0]
        wrong = ("", "?state=", "?state=x", f"?state={state}&state={state}", f"?state={state[:-1]}", f"?STATE={state}")
        for query in wrong:
            with self.subTest(query):
                self.alice.get(SIGNED_OUT + query, site="cross-site")
                self.assert_held(self.alice.get(APP + "/"))

    def test_another_browsers_state(self) -> None:
        """
        The `state` of one browser does nothing for another's hold, and is not used up by it.
        """
        bob = self.both("bob")
        hers, his = self.sign_out(self.alice, follow=True), self.sign_out(bob, follow=True)
        state = parse_qs(urlsplit(hers.url).query)["state"][0]
        page = bob.get(f"{SIGNED_OUT}?state={state}", site="cross-site")
        self.assertNotIn("signed out everywhere", page.text)
        self.assert_held(bob.get(APP + "/"))
        self.assertIn("signed out everywhere", self.alice.click(hers, "Sign out").text)
        self.assertTrue(his.url.startswith(OP))

    def test_sign_in_by_itself_is_over_after_new_sign_out(self) -> None:
        """
        A hold that has ended comes back with the next sign-out, as often as there is one.
        """
        for _ in range(3):
            self.returned(self.alice)
            self.assertEqual(self.sign_in(self.alice).status, 200)
            self.sign_out(self.alice)
            self.assert_held(self.alice.get(APP + "/"))
            page = self.alice.click(self.alice.get(APP + "/"), "Sign in")
            self.assertEqual(self.alice.click(page, "Sign in as Alice").status, 200)

    def test_forgotten_after_sign_in(self) -> None:
        """
        Once the person has signed in, an old return or a stale page of the sign-out holds nobody.
        """
        waiting = self.sign_out(self.alice, follow=True)
        page = self.alice.click(self.alice.get(APP + "/"), "Sign in")
        self.alice.click(page, "Sign in as Alice")
        state = parse_qs(urlsplit(waiting.url).query)["state"][0]
        page = self.alice.get(f"{SIGNED_OUT}?state={state}", site="cross-site")
        self.assertIn("You are still signed in", page.text)
        self.assertEqual(self.alice.get(APP + "/").status, 200)
        self.assertEqual(self.house.registry.count, 1)

    def test_expiry_leaves_none(self) -> None:
        """
        An end that the person did not ask for leaves no hold: the next visit signs in silently.
        """
        session = next(iter(self.house.registry.sessions()))
        self.advance(session.expires - self.clock.seconds() + 2.0, step=300.0)
        self.assertEqual(self.house.registry.count, 0)
        self.assertNotIn("You signed out", self.alice.get(APP + "/").text)
