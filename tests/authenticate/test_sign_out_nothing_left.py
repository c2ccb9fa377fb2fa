"""
Tests for `pomerium_tx.authenticate.sign_out`: a person signs out when their session is over already.

The OP may still know them, and would sign them in again without a word.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.authenticate.cases import SIGN_OUT, SIGNED_OUT, SignOutCase
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, NAVIGATION, R2, SCRIPT, A, R, form_of

FROM_SIBLING = {**NAVIGATION, "Sec-Fetch-Site": "same-site"}
ON_ROUTE = R + "/.pomerium/sign_out"
STAYS = "You will stay signed out here until you choose to sign in"


class NothingLeftTests(SignOutCase):
    """
    Alice's session has ended without her.
    """

    def setUp(self) -> None:
        super().setUp()
        self.session = self.alice.sign_in()

    def end(self, session: Session | None = None, cause: Cause = Cause.IDLE) -> None:
        """
        End it for some cause.
        """
        self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([(session or self.session).id], cause)))

    def assert_is_held(self, alice: UserAgent | None = None) -> None:
        """
        Nothing signs the person in by itself; the page says that nothing has ended, and that it will stay so; and only
        the click changes that.
        """
        alice = alice or self.alice
        page = alice.get(SIGNED_OUT)
        self.assertIn("Nothing was signed out here", page.text)
        self.assertIn(STAYS, page.text)
        self.assertNotIn("Receipt", page.text)
        told = json.loads(alice.get(SIGNED_OUT, {**SCRIPT, "Accept": "application/json"}).body)
        self.assertEqual(told, {"truth": "nothing_signed_out", "op_logout": None, "receipt": None})
        self.assertIn("You signed out at", alice.open(R + "/").text)

    def assert_is_not_held(self, alice: UserAgent | None = None) -> None:
        """
        The next visit begins a sign-in.
        """
        self.assertEqual((alice or self.alice).open(R2 + "/").status, 302)

    def on_route(self, url: str = ON_ROUTE) -> Asked:
        """
        Sign out where an application is, and go on to A.
        """
        answer = self.alice.get(url, FROM_OWN_PAGE)
        self.assertEqual(answer.status, 302)
        return self.alice.get(answer.header("location") or "", FROM_SIBLING)

    def test_click(self) -> None:
        """
        Her click on A holds, for whatever cause the session has ended, and where she never had one.
        """
        for cause in (Cause.IDLE, Cause.FRONT_CHANNEL, Cause.EXPIRED, Cause.ADMINISTRATOR, Cause.BACK_CHANNEL):
            with self.subTest(cause):
                alice = UserAgent(self.world)
                self.end(alice.sign_in(), cause)
                answer = alice.post(SIGN_OUT, self.assert_asks(alice.get(SIGN_OUT)))
                self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
                self.assert_is_held(alice)
        stranger = UserAgent(self.world)
        self.assertNotIn(STAYS, stranger.get(SIGNED_OUT).text)
        stranger.post(SIGN_OUT, self.assert_asks(stranger.get(SIGN_OUT)))
        self.assert_is_held(stranger)

    def test_script(self) -> None:
        """
        So does her script's request with the token.
        """
        self.end()
        answer = self.alice.post(SIGN_OUT, {}, {**SCRIPT, "X-CSRF-Token": self.token()})
        self.assertEqual((answer.status, json.loads(answer.body)["sessions_ended"]), (200, 0))
        self.assert_is_held()

    def test_on_route(self) -> None:
        """
        Her click in an application, which finds no session, holds as well, and leads where she wanted to be.
        """
        self.end()
        answer = self.on_route()
        self.assertEqual((answer.status, answer.header("location")), (302, SIGNED_OUT))
        self.assertIsNone(self.alice.cookie(A, "_pomerium_authenticate"))
        self.assert_is_held()
        alice = self.alice = UserAgent(self.world)
        self.end(alice.sign_in())
        answer = self.on_route(f"{ON_ROUTE}?{urlencode({'pomerium_redirect_uri': R2 + '/bye'})}")
        self.assertEqual(answer.header("location"), R2 + "/bye")
        self.assert_is_held()

    def test_by_script_on_route(self) -> None:
        """
        And her application's script, which goes on to the URL that it gets.
        """
        self.end()
        answer = self.alice.post(ON_ROUTE, {}, SCRIPT)
        self.alice.get(json.loads(answer.body)["end_session_url"], FROM_SIBLING)
        self.assert_is_held()

    def test_click_releases(self) -> None:
        """
        Whoever then chooses to sign in is asked by the OP who they are, and is in.
        """
        self.end()
        self.on_route()
        held = self.alice.open(R + "/")
        asked = self.alice.questions
        fields = form_of(held.text)
        answer = self.alice.follow(self.alice.post(A + "/.pomerium/sign_in", fields))
        self.assertEqual(self.alice.questions, asked + 1)
        self.assertEqual(answer.header("location"), R + "/")
        self.assert_is_not_held()

    def test_planted(self) -> None:
        """
        A signed URL that somebody else got, or that was got for another session, costs her nothing: she is asked.
        """
        mallory = UserAgent(self.world, "bob")
        self.end(mallory.sign_in())
        planted = mallory.get(ON_ROUTE, FROM_OWN_PAGE).header("location") or ""
        without = UserAgent(self.world).get(ON_ROUTE, FROM_OWN_PAGE).header("location") or ""
        self.assertIn("pomerium_presented", planted)
        self.assertNotIn("pomerium_presented", without)
        self.end()
        for url in (planted, without):
            for headers in (FROM_ANOTHER_SITE, FROM_SIBLING, NAVIGATION, FROM_OWN_PAGE):
                for alice in (self.alice, UserAgent(self.world)):
                    self.assert_asks(alice.get(url, headers))
        self.assert_is_not_held()

    def test_not_signed(self) -> None:
        """
        What a route host has merely asked about is not what it was told to do: unsigned, late, or by the confirmation.
        """
        self.end()
        before = dict(self.alice.jar["app.example.com"])
        asking = self.alice.get(ON_ROUTE, FROM_ANOTHER_SITE).header("location") or ""
        self.assert_asks(self.alice.get(asking, FROM_OWN_PAGE))
        self.assert_asks(self.alice.get(asking.replace("pomerium_confirm", "pomerium_presented"), FROM_OWN_PAGE))
        self.alice.jar["app.example.com"] = before
        url = self.alice.get(ON_ROUTE, FROM_OWN_PAGE).header("location") or ""
        self.assert_asks(self.alice.get(url.replace("pomerium_signature", "signature"), FROM_OWN_PAGE))
        self.world.clock.advance(700.0)
        self.assert_asks(self.alice.get(url, FROM_OWN_PAGE))
        self.assert_is_not_held()

    def test_signed_in_again(self) -> None:
        """
        Who is signed in by then is asked, and keeps the session.
        """
        self.end()
        url = self.alice.get(ON_ROUTE, FROM_OWN_PAGE).header("location") or ""
        old = self.alice.cookie(A, "_pomerium_authenticate")
        assert old is not None
        self.alice.sign_in()
        self.assert_asks(self.alice.get(url, FROM_SIBLING))
        # Also where the cookie of the ended one has stayed beside the new one.
        self.alice.jar["authenticate.example.com"]["_pomerium_authenticate", "/.pomerium"] = old
        self.assert_asks(self.alice.get(url, FROM_SIBLING))
        self.assertTrue(self.is_signed_in())

    def test_no_hold_is_lost(self) -> None:
        """
        A sign-out that holds already stays the one that the page tells of.
        """
        self.alice.get(ON_ROUTE, FROM_OWN_PAGE)
        self.world.clock.advance(700.0)
        self.alice.post(SIGN_OUT, self.assert_asks(self.alice.get(SIGN_OUT)))
        page = self.alice.get(SIGNED_OUT)
        self.assertIn("did not confirm", page.text)
        self.assertIn(self.world.receipts[0].id, page.text)
        self.assertIn("You signed out at", self.alice.open(R + "/").text)

    def test_sign_in_under_way(self) -> None:
        """
        A sign-in of another tab that was under way when she clicked does not come to its end.
        """
        self.end()
        tab = UserAgent(self.world)
        tab.jar, tab.at_op = self.alice.jar, self.alice.at_op
        callback = tab.at_provider(tab.open(R + "/").header("location") or "")
        self.world.clock.advance(1.0)
        self.alice.post(SIGN_OUT, self.assert_asks(self.alice.get(SIGN_OUT)))
        self.assertIn("You were signed out while signing in", tab.get(callback, FROM_ANOTHER_SITE).text)
        self.assertFalse(self.is_signed_in())
