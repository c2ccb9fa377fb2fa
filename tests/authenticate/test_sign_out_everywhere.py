"""
Tests for `pomerium_tx.authenticate.sign_out`: on all the person's devices.
"""

from __future__ import annotations

import json
from copy import deepcopy

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.store import Cause, OpLogout
from tests.authenticate.test_my_sessions import JSON, LATE, PAGE, SIGN_OUT, MySessionsCase, pressed
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, R2, A, R, query_of, with_query

EVERYWHERE = "Sign out everywhere"


class SignOutEverywhereTests(MySessionsCase):
    """
    The button "Sign out everywhere".
    """

    def test_everywhere(self) -> None:
        """
        All sessions of the person end under one receipt; this browser goes on to the OP, and the page tells of both.
        """
        answer = self.press(EVERYWHERE)
        self.assertEqual(self.lives(self.session, self.on_phone, self.bobs), [False, False, True])
        [receipt] = self.world.receipts
        self.assertEqual((receipt.cause, receipt.sessions_ended), (Cause.USER_EVERYWHERE, 2))
        location = answer.header("location") or ""
        self.assertTrue(location.startswith(self.world.op.issuer))
        page = self.alice.get(self.alice.sign_out_at_provider(location) or "")
        self.assertIn("on all your devices", page.text)
        self.assertIn(receipt.id, page.text)
        self.assertIn("did not confirm", self.phone.get(A + "/.pomerium/signed_out").text)
        # One browser has returned from the OP, which still knows the person in the other.
        self.assertIn("You signed out at", self.phone.open(R + "/").text)
        self.assertEqual(self.alice.open(R + "/").status, 302)

    def test_confirmed(self) -> None:
        """
        Only the OP's own word, which is about all of them, lets the other browsers be signed in again by themselves.
        """
        self.press(EVERYWHERE)
        self.assertIn("You signed out at", self.phone.open(R + "/").text)
        [receipt] = self.world.receipts
        confirmed = self.world.registry.op_logout(receipt.id, OpLogout.CONFIRMED)
        self.successResultOf(Deferred.fromCoroutine(confirmed))
        self.assertEqual(self.phone.open(R + "/").status, 302)

    def test_late(self) -> None:
        """
        More than five minutes after the person said who they are nothing ends before they have said so again.
        """
        self.world.clock.advance(LATE)
        answer = self.press(EVERYWHERE)
        self.assertEqual(query_of(answer.header("location") or "")["prompt"], "login")
        self.assertEqual(self.lives(self.session, self.on_phone), [True, True])
        page = self.alice.follow(answer)
        self.assertIn("press the button again", page.text)
        self.alice.post(*pressed(page, EVERYWHERE))
        self.assertEqual(self.lives(self.on_phone, self.bobs), [False, True])

    def test_script(self) -> None:
        """
        A script gets the receipt, or is told why nothing has ended.
        """
        _, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        self.world.clock.advance(LATE)
        self.assertEqual(self.alice.post(SIGN_OUT, fields, JSON).status, 403)
        self.assertEqual(self.lives(self.session, self.on_phone), [True, True])
        self.alice.follow(self.press(EVERYWHERE))
        _, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        answer = self.alice.post(SIGN_OUT, fields, JSON)
        self.assertEqual(answer.status, 200)
        self.assertEqual(json.loads(answer.body)["cause"], "user_everywhere")
        self.assertEqual(self.lives(self.on_phone), [False])

    def test_again(self) -> None:
        """
        The second click gets the answer of the first.
        """
        action, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        before = deepcopy(self.alice.jar)
        first = self.alice.post(action, fields)
        self.alice.jar = before
        second = self.alice.post(action, fields)
        self.assertEqual(first.header("location"), second.header("location"))
        self.assertEqual(len(self.world.receipts), 1)

    def test_own_session_has_ended(self) -> None:
        """
        Whose own session has ended otherwise ends nobody's, and is not told that it was everywhere.
        """
        action, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        ending = self.world.ending.end([self.session.id], Cause.ADMINISTRATOR)
        self.successResultOf(Deferred.fromCoroutine(ending))
        answer = self.alice.post(action, fields)
        self.assertIn("/authorize", answer.header("location") or "")
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_ended_from_elsewhere(self) -> None:
        """
        Whose session was ended from another browser, which stays signed in, is never told that it was on all devices.
        """
        action, fields = pressed(self.phone.get(PAGE), EVERYWHERE)
        self.press("End the other sessions")
        before = deepcopy(self.phone.jar)
        self.assertIn("You signed out at", self.phone.post(action, fields).text)
        self.assertEqual(self.lives(self.session, self.on_phone), [True, False])
        self.assertNotIn("on all your devices", self.phone.get(A + "/.pomerium/signed_out").text)
        # Its own sign-out goes on to the OP, and comes back.
        self.phone.jar = before
        there = self.phone.get(R2 + "/.pomerium/sign_out", FROM_OWN_PAGE).header("location") or ""
        location = self.phone.get(there).header("location") or ""
        page = self.phone.get(self.phone.sign_out_at_provider(location) or "")
        self.assertIn("You are signed out everywhere", page.text)
        self.assertNotIn("on all your devices", page.text)

    def test_signed_out_here_meanwhile(self) -> None:
        """
        Whoever has signed out just here in another tab is told that, and nothing more ends.
        """
        action, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        before = deepcopy(self.alice.jar)
        self.press("Sign out")
        self.alice.jar = before
        self.assertIn("You signed out at", self.alice.post(action, fields).text)
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_only_by_the_button(self) -> None:
        """
        No link, no other site and no request without the token does it.
        """
        _, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        self.alice.post(SIGN_OUT, fields, FROM_ANOTHER_SITE)
        self.alice.post(SIGN_OUT, {"everywhere": "1"})
        self.assertEqual(self.lives(self.session, self.on_phone), [True, True])
        # With the token a link signs out, but only here.
        self.alice.get(with_query(SIGN_OUT, **fields), FROM_OWN_PAGE)
        self.assertEqual(self.lives(self.session, self.on_phone), [False, True])

    def test_nobody_elses(self) -> None:
        """
        A session that somebody else has brought here does not make it theirs: their other devices stay.
        """
        asking = self.bob.get(R + "/.pomerium/sign_out", FROM_ANOTHER_SITE).header("location") or ""
        reference = query_of(asking)
        bobs_phone = UserAgent(self.world, "bob").sign_in()
        _, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        self.alice.post(with_query(SIGN_OUT, **reference), fields)
        self.assertEqual(self.lives(self.session, self.on_phone), [False, False])
        self.assertEqual(self.lives(self.bobs, bobs_phone), [True, True])

    def test_store_unavailable(self) -> None:
        """
        What cannot be recorded has not ended.
        """
        action, fields = pressed(self.alice.get(PAGE), EVERYWHERE)
        self.world.store.break_down()
        self.assertEqual(self.alice.post(action, fields).status, 503)
        self.assertEqual(self.lives(self.session, self.on_phone), [True, True])
