"""
Checks 41 to 52: ``/.pomerium/sign_out`` and ``/.pomerium/signed_out`` on the authenticate host.
"""

from __future__ import annotations

import base64
import itertools
from urllib.parse import parse_qsl, urlsplit

from pomerium_tx.demo.messages import Fault
from tests.conformance.case import (
    EVIL,
    SIGN_IN,
    SIGN_OUT,
    SIGNED_OUT,
    CheckTestCase,
    location_of,
    query_of,
    set_cookies,
)
from tests.scenarios.browser import Browser, Response
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CLIENT_SECRET, OP, OPEN

HERE = APP + "/.pomerium/sign_out"
_COOKIE = "_pomerium_authenticate"


class AuthenticateSignOutTestCase(CheckTestCase):
    """
    A person who is signed in.
    """

    def setUp(self) -> None:
        super().setUp()
        self.numbers = itertools.count()
        self.alice = self.browser()
        self.sign_in(self.alice)

    def leave(self, browser: Browser, target: str | None = None) -> str:
        """
        The signed URL to which a route host sends a person who signs out.
        """
        query = "" if target is None else f"?pomerium_redirect_uri={target}"
        return location_of(browser.get(HERE + query, site="same-origin", follow=False))

    def assert_is_question(self, response: Response) -> None:
        """
        The answer is the confirmation page: nothing has ended, no session cookie has changed, no frame may show it.
        """
        self.assertEqual((response.status, response.get("Location")), (200, None))
        self.assertIn("Sign out?", response.text)
        self.assertLessEqual(set(set_cookies(response)), {"_pomerium_csrf"})
        self.assertEqual(response.get("X-Frame-Options"), "DENY")


class SignedTests(AuthenticateSignOutTestCase):
    """
    A signed URL.
    """

    def test_41_onward(self) -> None:
        """
        Signed, with the reference of an end: the cookie is cleared and the person sent to end_session; the record was
        dead before (overruled).
        """
        url = self.leave(self.alice)
        self.assertEqual(self.house.registry.count, 0)
        for _ in range(2):
            response = self.alice.get(url, site="same-site", follow=False)
            self.assertEqual(response.status, 302)
            self.assertTrue(location_of(response).startswith(OP + "/end-session?"))
        self.assertIsNone(self.alice.cookie("authenticate.example.com", _COOKIE))
        self.assertEqual(len(self.receipts()), 1)

    def test_41_no_authority(self) -> None:
        """
        A signed URL gives no authority over any other session: what a stranger was given asks Alice (overruled).
        """
        strangers = self.leave(self.browser())
        self.assert_is_question(self.alice.get(strangers, site="cross-site", follow=False))
        bob = self.browser()
        self.sign_in(bob, person="bob")
        self.assert_is_question(self.alice.get(self.leave(bob), site="cross-site", follow=False))
        self.assertEqual(self.house.registry.count, 1)
        self.assertEqual(self.alice.get(APP + "/", follow=False).status, 200)

    def test_42_parameters(self) -> None:
        """
        Location has the raw id_token as id_token_hint, client_id, state, and always A's signed_out as
        post_logout_redirect_uri; the wanted page is kept with the state, once (overruled).
        """
        (session,) = self.house.registry.sessions()
        onward = location_of(self.alice.get(self.leave(self.alice, OPEN + "/bye"), site="same-site", follow=False))
        query = query_of(onward)
        state = query.pop("state")
        self.assertEqual(
            query,
            {
                "id_token_hint": session.tokens.id_token,
                "client_id": "rp1",
                "post_logout_redirect_uri": SIGNED_OUT,
            },
        )
        self.assertEqual(self.alice.get(onward, site="cross-site").url, OPEN + "/bye")
        again = self.alice.get(f"{SIGNED_OUT}?state={state}", follow=False)
        self.assertEqual((again.status, again.get("Location")), (200, None))

    def test_43_own_query(self) -> None:
        """
        The query already in end_session_endpoint is kept.
        """
        endpoint = OP + "/end-session?tenant=a%20b&x"
        alice = self._known_by_another_house({"end_session_endpoint": endpoint})
        onward = location_of(alice.get(self.leave(alice), site="same-site", follow=False))
        self.assertTrue(onward.startswith(endpoint + "&"), onward)
        self.assertIn("id_token_hint", dict(parse_qsl(urlsplit(onward).query, keep_blank_values=True)))

    def test_43_no_record(self) -> None:
        """
        No record: without an end there is nobody to send to the OP, so A asks; its button leads to signed_out
        (overruled).
        """
        nobody = self.browser()
        question = nobody.get(self.leave(nobody), site="same-site", follow=False)
        self.assert_is_question(question)
        page = nobody.click(question, "Sign out")
        self.assertEqual((page.status, page.url), (200, SIGNED_OUT))
        self.assertIn("Nothing was signed out here", page.text)

    def test_44_no_end_session(self) -> None:
        """
        No end_session_endpoint: 303 (overruled: not 302) to the wanted page, or to signed_out.
        """
        for target, landing in ((OPEN + "/bye", OPEN + "/bye"), (None, SIGNED_OUT)):
            alice = self._known_by_another_house({"end_session_endpoint": None})
            response = alice.get(self.leave(alice, target), site="same-site", follow=False)
            with self.subTest(target=target):
                self.assertEqual((response.status, location_of(response)), (303, landing))
        self.assertIn("Your identity provider has no sign-out", alice.get(SIGNED_OUT).text)

    def test_45_unreachable(self) -> None:
        """
        Discovery unreachable: as without end_session, the cookie still cleared.
        """
        self.provider.faults["discovery"] = Fault(status=503)
        for target, landing in ((OPEN + "/bye", OPEN + "/bye"), (None, SIGNED_OUT)):
            alice = self._known_by_another_house({})
            response = alice.get(self.leave(alice, target), site="same-site", follow=False)
            with self.subTest(target=target):
                self.assertEqual((response.status, location_of(response)), (303, landing))
                self.assertIsNone(alice.cookie("authenticate.example.com", _COOKIE))
        self.assertIn("did not confirm", alice.get(SIGNED_OUT).text)

    def test_46_revocation(self) -> None:
        """
        Both tokens are revoked by an authenticated client, refresh token first, once the person is back (overruled).
        """
        (session,) = self.house.registry.sessions()
        onward = location_of(self.alice.get(self.leave(self.alice), site="same-site", follow=False))
        self.advance(5)
        self.assertEqual(self.provider.revocations, [])
        self.alice.get(onward, site="cross-site")
        self.advance(1)
        told = [(one.parameter("token_type_hint"), one.parameter("token")) for one in self.provider.revocations]
        self.assertEqual(
            told, [("refresh_token", session.tokens.refresh_token), ("access_token", session.tokens.access_token)]
        )
        basic = "Basic " + base64.b64encode(f"rp1:{CLIENT_SECRET}".encode()).decode()
        self.assertEqual({one.authorization for one in self.provider.revocations}, {basic})

    def test_46_not_returned(self) -> None:
        """
        A person who does not come back from the OP has their tokens revoked after a minute (overruled).
        """
        self.alice.get(self.leave(self.alice), site="same-site", follow=False)
        self.advance(59)
        self.assertEqual(self.provider.revocations, [])
        self.advance(2)
        self.assertEqual(len(self.provider.revocations), 2)

    def test_47_revocation_fails(self) -> None:
        """
        Revocation 4xx or timeout does not change the user's response.
        """
        for fault in (Fault(status=400), Fault(status=503), Fault(silent=True), None):
            self.provider.faults.pop("revocation", None)
            if fault is not None:
                self.provider.faults["revocation"] = fault
            alice = self.browser()
            self.sign_in(alice)
            with self.subTest(fault=fault):
                page = alice.get(HERE, site="same-origin")
                self.assertEqual(page.status, 200)
                self.assertIn("signed out everywhere", page.text)
                self.advance(15)
                self.assertEqual(alice.get(SIGNED_OUT).text, page.text)
                self.provider.requests.clear()

    def _known_by_another_house(self, metadata: dict[str, object]) -> Browser:
        """
        A browser of Alice's in front of a house that has yet to learn what the OP can do.
        """
        here = self.browser()
        self.sign_in(here)
        self.provider.alterations["discovery"] = lambda document: {
            name: value for name, value in {**document, **metadata}.items() if value is not None
        }
        address = f"proxy-{next(self.numbers)}"
        self.build_house(address)
        there = self.browser(address)
        there.jar = here.jar
        return there


class UnsignedTests(AuthenticateSignOutTestCase):
    """
    Anybody's URL.
    """

    def test_48_question(self) -> None:
        """
        Unsigned: 200 confirmation page, nothing ended, no session cookie changed. So with an expired signature.
        """
        for url in (SIGN_OUT, SIGN_OUT + "?pomerium_ended=made-up", SIGN_OUT + "?pomerium_signature=made-up"):
            for site in ("none", "same-origin", "cross-site"):
                with self.subTest(url=url, site=site):
                    self.assert_is_question(self.alice.get(url, site=site, follow=False))
        bob = self.browser()
        self.sign_in(bob, person="bob")
        expired = self.leave(bob)
        self.clock.advance(661)
        for browser in (self.alice, bob):
            self.assert_is_question(browser.get(expired, site="same-site", follow=False))
        self.assertEqual((self.house.registry.count, len(self.receipts())), (1, 1))

    def test_49_button(self) -> None:
        """
        The page's button, which POSTs a token (overruled: not a URL), signs out of every route; a click without the
        token does not.
        """
        self.alice.get(CHAT + "/")
        handle = self.handle_of(self.alice, CHAT)
        question = self.alice.get(SIGN_OUT)
        action, fields = question.form(0, "Sign out")
        self.assert_is_question(self.alice.post(action, {**fields, "_pomerium_csrf": "made-up"}, follow=False))
        self.assert_is_question(self.alice.post(action, {}, follow=False))
        self.assertEqual(self.house.registry.count, 1)
        page = self.alice.click(question, "Sign out")
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual(self.replay(handle, CHAT).status, 302)

    def test_50_foreign_target(self) -> None:
        """
        The confirmation page passes on no foreign redirect while the flag is off.
        """
        question = self.alice.get(f"{SIGN_OUT}?pomerium_redirect_uri={EVIL}")
        self.assertNotIn("evil", question.text)
        _, fields = question.form(0, "Sign out")
        landed = self.alice.post(SIGN_OUT, {**fields, "pomerium_redirect_uri": EVIL})
        self.assertTrue(landed.url.startswith(SIGNED_OUT))

    def test_51_cross_site(self) -> None:
        """
        A cross-site POST ends nothing: the page asks (overruled: not 400), a script gets 403; other forms get 400, and
        a same-origin POST is allowed.
        """
        question = self.alice.get(SIGN_OUT)
        action, fields = question.form(0, "Sign out")
        self.assert_is_question(self.alice.post(action, fields, site="cross-site", follow=False))
        self.assert_is_question(self.alice.post(action, fields, site="same-site", follow=False))
        self.assertEqual(self.alice.fetch(SIGN_OUT, "POST", site="cross-site").status, 403)
        self.assertEqual(self.house.registry.count, 1)
        self.assertEqual(self.alice.post(action, fields, follow=False).status, 303)
        self.assertEqual(self.house.registry.count, 0)
        action, fields = self.alice.get(APP + "/").form(0, "Sign in")
        self.assertEqual(action, SIGN_IN)
        for site in ("cross-site", "same-site"):
            self.assertEqual(self.alice.post(action, fields, site=site, follow=False).status, 400)
        self.assertEqual(self.alice.post(action, fields, follow=False).status, 303)


class SignedOutPageTests(AuthenticateSignOutTestCase):
    """
    Where a sign-out ends.
    """

    def test_52_page(self) -> None:
        """
        Signed_out is 200 HTML and needs no session; POST gets 405.
        """
        for browser in (self.browser(), self.alice):
            page = browser.get(SIGNED_OUT, follow=False)
            self.assertEqual((page.status, page.get("Location")), (200, None))
            self.assertTrue((page.get("Content-Type") or "").startswith("text/html"))
            self.assertEqual(browser.post(SIGNED_OUT, {}, follow=False).status, 405)
        self.assertIn("still signed in", self.alice.get(SIGNED_OUT).text)
        self.assertEqual(self.browser().get(AUTHENTICATE + "/.pomerium/signed_out?state=made-up").status, 200)
