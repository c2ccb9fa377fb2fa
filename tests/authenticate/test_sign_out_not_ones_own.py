"""
Tests for `pomerium_tx.authenticate.sign_out`: a confirmation that ends a session of another browser.

A route host's handle alone is enough to end its session, also a stolen one. It is enough for nothing else.
"""

from __future__ import annotations

import json

from pomerium_tx.sessions.store import OpLogout
from tests.authenticate.cases import SIGN_OUT, SIGNED_OUT, SignOutCase
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, SCRIPT, A, R, query_of

HOST = "authenticate.example.com"


class NotOnesOwnTests(SignOutCase):
    """
    Alice, and a thief who has the cookie of an application of hers.
    """

    def setUp(self) -> None:
        super().setUp()
        self.session = self.alice.sign_in()
        handle = self.alice.cookie(R, "_pomerium")
        assert handle is not None
        self.thief = UserAgent(self.world, "bob")
        self.thief.jar["app.example.com"] = {("_pomerium", "/"): handle}

    def asked(self, user_agent: UserAgent) -> dict[str, str]:
        """
        The form of the page that asks, for what a browser has on the route host.
        """
        there = user_agent.get(R + "/.pomerium/sign_out", FROM_ANOTHER_SITE).header("location") or ""
        return self.assert_asks(user_agent.get(there, FROM_ANOTHER_SITE))

    def confirm(self, user_agent: UserAgent) -> Asked:
        """
        Press its button.
        """
        return user_agent.post(SIGN_OUT, self.asked(user_agent))

    def assert_nothing_of_alice(self, answer: Asked, user_agent: UserAgent) -> None:
        """
        The way to the page that tells the truth, and a hold of one's own.
        """
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
        page = user_agent.get(SIGNED_OUT)
        for text in (page.text, str(page.headers("content-security-policy")), answer.text):
            self.assertNotIn(self.world.receipts[0].id, text)
        self.assertIn("You signed out at", user_agent.open(R + "/").text)

    def assert_alice_is_held(self) -> None:
        """
        Her own OP has confirmed nothing, and she is not told that it has.
        """
        receipt = self.world.registry.receipt(self.world.receipts[0].id)
        assert receipt is not None
        self.assertIs(receipt.op_logout, OpLogout.PENDING)
        self.assertIn("did not confirm", self.alice.get(SIGNED_OUT).text)
        self.assertIn("You signed out at", self.alice.open(R + "/").text)

    def test_live(self) -> None:
        """
        The thief may end her session, and learns neither ID Token nor `state`; she is held, and not released.
        """
        answer = self.confirm(self.thief)
        self.assertFalse(self.is_signed_in())
        self.assert_nothing_of_alice(answer, self.thief)
        self.assertIn("did not confirm", self.thief.get(SIGNED_OUT).text)
        self.assert_alice_is_held()

    def test_ended(self) -> None:
        """
        The same with what she has signed out of herself a moment ago: there is nothing to repeat.
        """
        form = self.asked(self.thief)
        self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
        for answer in (self.thief.post(SIGN_OUT, form), self.confirm(self.thief)):
            self.assert_nothing_of_alice(answer, self.thief)
        self.assertIn("Nothing was signed out here", self.thief.get(SIGNED_OUT).text)
        self.assert_alice_is_held()

    def test_script(self) -> None:
        """
        A thief's script gets a receipt of what has ended, without where else she was, and no way to her OP.
        """
        form = self.asked(self.thief)
        for ended in (1, 0):
            with self.subTest(ended=ended):
                headers = {**SCRIPT, "X-CSRF-Token": self.token(self.thief)}
                answer = self.thief.post(SIGN_OUT, {"pomerium_reference": form["pomerium_reference"]}, headers)
                receipt = json.loads(answer.body)
                self.assertEqual(receipt["sessions_ended"], ended)
                self.assertFalse(receipt.get("routes"))
                self.assertNotIn("pomerium_ended", receipt["end_session_url"])

    def test_with_ones_own(self) -> None:
        """
        Who confirms with a session of their own as well learns nothing of hers either.
        """
        mallory = UserAgent(self.world, "bob")
        mallory.sign_in()
        mallory.jar["app.example.com"] = dict(self.thief.jar["app.example.com"])
        form = self.asked(mallory)
        headers = {**SCRIPT, "X-CSRF-Token": self.token(mallory)}
        answer = mallory.post(SIGN_OUT, {"pomerium_reference": form["pomerium_reference"]}, headers)
        receipt = json.loads(answer.body)
        self.assertEqual((receipt["sessions_ended"], self.world.registry.count), (2, 0))
        self.assertNotIn("routes", receipt)
        left = mallory.get(receipt["end_session_url"])
        self.assertEqual((left.status, left.header("location")), (303, SIGNED_OUT))

    def test_opened_by_somebody_else(self) -> None:
        """
        Mallory's confirmation in alice's browser leads her to no OP with mallory's ID Token, whatever she has.
        """
        mallory = UserAgent(self.world, "bob")
        mallory.sign_in()
        there = mallory.get(R + "/.pomerium/sign_out", FROM_ANOTHER_SITE).header("location") or ""
        mallory.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
        victim = UserAgent(self.world)
        answer = victim.post(SIGN_OUT, self.assert_asks(victim.get(there, FROM_ANOTHER_SITE)))
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
        answer = self.alice.post(SIGN_OUT, self.assert_asks(self.alice.get(there, FROM_ANOTHER_SITE)))
        self.assertEqual(query_of(answer.header("location") or "")["id_token_hint"], self.session.tokens.id_token)

    def test_ones_own(self) -> None:
        """
        The browser whose session it was goes on to its OP and back: by its session cookie on A, by its CSRF secret, or
        by the hold, and as often as it presses the button.
        """
        for name in ("_pomerium_authenticate", "_pomerium_csrf"):
            with self.subTest(name):
                alice = UserAgent(self.world)
                session = alice.sign_in()
                alice.jar[HOST] = {key: value for key, value in alice.jar[HOST].items() if key[0] == name}
                form = self.asked(alice)
                before = dict(alice.jar[HOST])
                answer = alice.post(SIGN_OUT, form)
                location = answer.header("location") or ""
                self.assertEqual(query_of(location)["id_token_hint"], session.tokens.id_token)
                alice.jar[HOST] = before
                self.assertEqual(alice.post(SIGN_OUT, form).header("location"), location)
                back = alice.get(alice.sign_out_at_provider(location) or "")
                self.assertIn("You are signed out everywhere", back.text)

    def test_by_the_hold_alone(self) -> None:
        """
        The hold of the very end is enough to be led on again.
        """
        form = self.asked(self.alice)
        location = self.alice.post(SIGN_OUT, form).header("location")
        hold = self.alice.cookie(A, "_pomerium_hold")
        assert hold is not None
        alice = UserAgent(self.world)
        alice.jar[HOST] = {("_pomerium_hold", "/"): hold}
        fresh = {**form, "_pomerium_csrf": self.token(alice)}
        self.assertEqual(alice.post(SIGN_OUT, fresh).header("location"), location)
