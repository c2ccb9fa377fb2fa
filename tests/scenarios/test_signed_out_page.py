"""
The page that a sign-out leads to, and the way to the OP before it.
"""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred

from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.store import OpLogout
from tests.scenarios.browser import Browser, Response
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = AUTHENTICATE + "/.pomerium/signed_out"


class SignedOutPageTests(TrafficTestCase):
    """
    The page `signed_out`: every truth, and no redirect that nobody asked for.
    """

    def setUp(self) -> None:
        super().setUp()
        self.provider.always_confirm_logout = True
        self.alice = self.both()

    def state_of(self, page: Response) -> str:
        """
        The `state` that the OP was given.
        """
        return parse_qs(urlsplit(page.url).query)["state"][0]

    def assert_page(self, page: Response, title: str) -> None:
        """
        It is that page, and keeps the person where they are.
        """
        self.assertEqual((page.status, page.get("Location")), (200, None))
        self.assertIn(f"<h1>{title}</h1>", page.text)
        for place in re.findall(r'http-equiv="refresh" content="([^"]*)"', page.text):
            self.assertEqual(place, "2; url=/.pomerium/signed_out?pomerium_again=1")
        self.assertEqual(page.get("X-Frame-Options"), "DENY")
        self.assertEqual(page.get("Cache-Control"), "no-store")

    def wanted(self, browser: Browser) -> Response:
        """
        Sign out with a target, as far as the OP's page.
        """
        return browser.get(f"{APP}{SIGN_OUT}?pomerium_redirect_uri={CHAT}/bye", site="same-origin")

    def test_everywhere(self) -> None:
        """
        Back from the OP with the `state`: signed out everywhere, with the receipt's id and a link to sign in.
        """
        page = self.alice.click(self.sign_out(self.alice, follow=True), "Sign out")
        self.assert_page(page, "You are signed out everywhere")
        self.assertIn(self.receipts()[0]["id"], page.text)
        self.assertIn("Sign in again", page.text)
        self.assert_page(self.alice.get(SIGNED_OUT), "You are signed out everywhere")

    def test_from_returned_to_confirmed(self) -> None:
        """
        The page says how it knows, and by itself moves on from the return to the OP's own word, which comes later.
        """
        page = self.alice.click(self.sign_out(self.alice, follow=True), "Sign out")
        self.assert_page(page, "You are signed out everywhere")
        self.assertIn("has sent you back from its own sign-out", page.text)
        [again] = re.findall(r'content="2; url=([^"]*)"', page.text)
        confirmed = self.house.registry.op_logout(self.receipts()[0]["id"], OpLogout.CONFIRMED)
        self.successResultOf(Deferred.fromCoroutine(confirmed))
        page = self.alice.get(AUTHENTICATE + again, site="same-origin")
        self.assert_page(page, "You are signed out everywhere")
        self.assertIn("has confirmed that you are signed out there", page.text)
        self.assertNotIn("http-equiv", page.text)

    def test_looks_again_for_half_a_minute(self) -> None:
        """
        A page that nothing new can come to does not look again, and none does for longer than half a minute.
        """
        page = self.alice.click(self.sign_out(self.alice, follow=True), "Sign out")
        self.assertIn("http-equiv", page.text)
        self.advance(30.0, step=5.0)
        self.assertNotIn("http-equiv", self.alice.get(SIGNED_OUT).text)

    def test_json(self) -> None:
        """
        A script gets the truth, what is known of the OP, and the receipt.
        """
        self.sign_out(self.alice)
        answer = self.alice.fetch(SIGNED_OUT, Accept="application/json")
        self.assertEqual(
            json.loads(answer.content),
            {
                "truth": "signed_out_here_provider_unconfirmed",
                "op_logout": "pending",
                "receipt": self.receipts()[0]["id"],
            },
        )

    def test_unconfirmed(self) -> None:
        """
        Not back from the OP: it did not confirm, and the page says so.
        """
        self.sign_out(self.alice, follow=True)
        page = self.alice.get(SIGNED_OUT)
        self.assert_page(page, "You are signed out here")
        self.assertIn("did not confirm", page.text)
        self.assertIn(self.receipts()[0]["id"], page.text)

    def test_unconfirmed_before_a_is_reached(self) -> None:
        """
        The same when the browser has not followed the route host's redirect.
        """
        self.sign_out(self.alice)
        page = self.alice.get(SIGNED_OUT)
        self.assert_page(page, "You are signed out here")
        self.assertIn("did not confirm", page.text)

    def test_no_sign_out_at_the_op(self) -> None:
        """
        An OP without sign-out: the person may still be signed in there, and is told.
        """
        self.provider.alterations["discovery"] = lambda document: {
            name: value for name, value in document.items() if name != "end_session_endpoint"
        }
        self.build_house("fresh")
        fresh = self.browser("fresh")
        fresh.jar = self.alice.jar
        page = self.sign_out(fresh, follow=True)
        self.assert_page(page, "You are signed out here")
        self.assertIn("has no sign-out", page.text)

    def test_unreachable(self) -> None:
        """
        An OP that cannot be reached has not confirmed.
        """
        self.provider.faults["discovery"] = Fault(status=503)
        self.build_house("fresh")
        fresh = self.browser("fresh")
        fresh.jar = self.alice.jar
        page = self.sign_out(fresh, follow=True)
        self.assert_page(page, "You are signed out here")
        self.assertIn("did not confirm", page.text)

    def test_still_signed_in(self) -> None:
        """
        Whoever comes here with a live session is told that, and can end it by the button.
        """
        page = self.alice.get(SIGNED_OUT)
        self.assert_page(page, "You are still signed in")
        self.assertEqual(self.house.registry.count, 1)
        page = self.alice.click(page, "Sign out")
        self.assertTrue(page.url.startswith(OP + "/end-session"))
        self.assertEqual(self.house.registry.count, 0)

    def test_nothing(self) -> None:
        """
        Whoever never was signed in here is told that nothing was signed out; so is bob after alice's sign-out.
        """
        self.sign_out(self.alice)
        for browser in (self.browser(), self.browser(address="198.51.100.7")):
            page = browser.get(SIGNED_OUT)
            self.assert_page(page, "Nothing was signed out here")
            self.assertNotIn(self.receipts()[0]["id"], page.text)

    def test_sign_out_without_session(self) -> None:
        """
        A sign-out in a browser that was not signed in does not claim to have signed anybody out.
        """
        nobody = self.browser()
        page = self.sign_out(nobody, follow=True)
        while page.url.startswith(AUTHENTICATE + SIGN_OUT):
            self.assertIn("Sign out?", page.text)
            page = nobody.click(page, "Sign out")
        self.assert_page(page, "Nothing was signed out here")
        self.assertEqual(self.receipts(), [])

    def test_target(self) -> None:
        """
        Back with the `state` the person goes on to where they wanted to be, by 303.
        """
        waiting = self.wanted(self.alice)
        back = self.alice.get(f"{SIGNED_OUT}?state={self.state_of(waiting)}", site="cross-site", follow=False)
        self.assertEqual((back.status, back.get("Location")), (303, CHAT + "/bye"))

    def test_reused_state(self) -> None:
        """
        The `state` works once: a second time there is a page and no redirect.
        """
        state = self.state_of(self.wanted(self.alice))
        url = f"{SIGNED_OUT}?state={state}"
        self.assertEqual(self.alice.get(url, site="cross-site", follow=False).status, 303)
        for _ in range(2):
            self.assert_page(self.alice.get(url, site="cross-site", follow=False), "You are signed out everywhere")

    def test_unknown_state(self) -> None:
        """
        Unknown, missing, empty, doubled, in a form, another browser's: never a redirect.
        """
        state = self.state_of(self.wanted(self.alice))
        wrong = ("", "?state=", "?state=x", f"?state={state}x", f"?state={state}&state={state}", f"?a=b&sTate={state}")
        for query in wrong:
            with self.subTest(query):
                page = self.alice.get(SIGNED_OUT + query, site="cross-site", follow=False)
                self.assert_page(page, "You are signed out here")
        for other in (self.browser(), self.both("bob")):
            page = other.get(f"{SIGNED_OUT}?state={state}", site="cross-site", follow=False)
            self.assertEqual((page.status, page.get("Location")), (200, None))
        # All this has not used it up.
        self.assertEqual(self.alice.get(f"{SIGNED_OUT}?state={state}", follow=False).status, 303)

    def test_old_state(self) -> None:
        """
        After ten minutes the `state` leads nowhere.
        """
        state = self.state_of(self.wanted(self.alice))
        self.advance(601.0, step=30.0)
        page = self.alice.get(f"{SIGNED_OUT}?state={state}", site="cross-site", follow=False)
        self.assert_page(page, "You are signed out here")

    def test_another_browsers_hold(self) -> None:
        """
        A browser that has signed out itself does not get along with another's `state` either.
        """
        bob = self.both("bob")
        hers, his = self.wanted(self.alice), self.wanted(bob)
        page = bob.get(f"{SIGNED_OUT}?state={self.state_of(hers)}", site="cross-site", follow=False)
        self.assert_page(page, "You are signed out here")
        self.assertEqual(bob.get(f"{SIGNED_OUT}?state={self.state_of(his)}", follow=False).status, 303)

    def test_methods(self) -> None:
        """
        The page is for GET only.
        """
        for method in ("HEAD", "POST", "PUT"):
            agent = self.alice.open(method, SIGNED_OUT, "Content-Length: 0")
            self.assertIn(b" 405 ", agent.take()[:13])

    def test_never_signs_in(self) -> None:
        """
        The page's own link asks for a click more, as long as the hold is in force.
        """
        self.sign_out(self.alice, follow=True)
        page = self.alice.get(AUTHENTICATE + "/.pomerium/", site="same-origin")
        self.assertIn("You signed out at ", page.text)


class EndSessionTests(TrafficTestCase):
    """
    The way to the OP.
    """

    def onward(self, browser: Browser) -> Response:
        """
        What A answers to the signed URL.
        """
        return browser.get(self.sign_out(browser).get("Location") or "", site="same-site", follow=False)

    def test_parameters(self) -> None:
        """
        The endpoint's own query is kept; hint, client, the one URI to register, and a fresh `state` are added.
        """
        self.provider.alterations["discovery"] = lambda document: {
            **document,
            "end_session_endpoint": OP + "/end-session?tenant=a%20b&x",
        }
        alice = self.both()
        (session,) = self.house.registry.sessions()
        location = self.onward(alice).get("Location") or ""
        self.assertTrue(location.startswith(OP + "/end-session?tenant=a%20b&x"), location)
        query = parse_qs(urlsplit(location).query, keep_blank_values=True)
        self.assertEqual(query["id_token_hint"], [session.tokens.id_token])
        self.assertEqual(query["client_id"], ["rp1"])
        self.assertEqual(query["post_logout_redirect_uri"], [SIGNED_OUT])
        self.assertGreaterEqual(len(query["state"][0]), 22)

    def test_too_long(self) -> None:
        """
        Above 4,000 bytes it is a form with a button that submits itself, and works like the redirect.
        """
        self.provider.alterations["id_token"] = lambda claims: {**claims, "groups": ["x" * 100] * 60}
        alice = self.both()
        page = self.onward(alice)
        self.assertEqual((page.status, page.get("Location")), (200, None))
        self.assertIn("<button", page.text)
        action, fields = page.form(0, "Continue")
        self.assertTrue(action.startswith(OP + "/end-session"))
        self.assertEqual(set(fields), {"id_token_hint", "client_id", "post_logout_redirect_uri", "state"})
        page = alice.get(f"{SIGNED_OUT}?state={fields['state']}", site="cross-site")
        self.assertIn("signed out everywhere", page.text)
