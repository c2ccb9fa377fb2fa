"""
Tests for `pomerium_tx.authenticate.my_sessions`: who may not end sessions in other browsers.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.store import Cause
from tests.authenticate.test_my_sessions import PAGE, SESSIONS, MySessionsCase, pressed
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, R, with_query


class RefusedTests(MySessionsCase):
    """
    Requests for ``/.pomerium/sessions`` that end nothing.
    """

    def test_token(self) -> None:
        """
        Without the token of this browser and session nothing ends, whichever way it is left out.
        """
        _, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        theirs = pressed(self.bob.get(PAGE), "Sign out everywhere")[1]["_pomerium_csrf"]
        for token in (None, "", "x", theirs):
            with self.subTest(token=token):
                given = {name: value for name, value in fields.items() if name != "_pomerium_csrf"}
                answer = self.alice.post(SESSIONS, given if token is None else {**given, "_pomerium_csrf": token})
                self.assertEqual(answer.status, 400)
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_other_sites(self) -> None:
        """
        Another site's page ends nothing, not even with the token.
        """
        _, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        for headers in (FROM_ANOTHER_SITE, {"Sec-Fetch-Site": "same-site"}, {"Origin": R}, {"Origin": "null"}):
            with self.subTest(headers=headers):
                self.assertEqual(self.alice.post(SESSIONS, fields, headers).status, 400)
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_get(self) -> None:
        """
        No link ends anything.
        """
        _, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        answer = self.alice.get(with_query(SESSIONS, **fields), FROM_OWN_PAGE)
        self.assertEqual((answer.status, answer.header("allow")), (405, "POST"))
        fields = {"_pomerium_csrf": fields["_pomerium_csrf"]}
        self.assertEqual(self.alice.post(with_query(SESSIONS, action="end_others"), fields).status, 400)
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_unknown_action(self) -> None:
        """
        What is not understood ends nothing.
        """
        _, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        for action in ("", "end", "END_OTHERS", "end_all"):
            with self.subTest(action):
                self.assertEqual(self.alice.post(SESSIONS, {**fields, "action": action}).status, 400)
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_own_session_has_ended(self) -> None:
        """
        Whose own session has ended meanwhile ends nothing, and is shown the way in.
        """
        action, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        ending = self.world.ending.end([self.session.id], Cause.ADMINISTRATOR)
        self.successResultOf(Deferred.fromCoroutine(ending))
        answer = self.alice.post(action, fields)
        self.assertEqual(answer.status, 303)
        self.assertTrue((answer.header("location") or "").startswith(self.world.op.issuer))
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_signed_out_meanwhile(self) -> None:
        """
        Whoever has signed out here in another tab is told so.
        """
        action, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        self.press("Sign out")
        self.assertIn("You signed out at", self.alice.post(action, fields).text)
        self.assertEqual(self.lives(self.on_phone), [True])
