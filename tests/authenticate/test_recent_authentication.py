"""
Tests for `pomerium_tx.authenticate.recent_authentication`.
"""

from __future__ import annotations

from dataclasses import replace

from pomerium_tx import paths
from pomerium_tx.authenticate.recent_authentication import MOST_AGE, RecentAuthentication
from tests.authenticate.cases import AuthenticateCase
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, World, form_of, query_of

SESSIONS = A + "/.pomerium/sessions"


class RecentAuthenticationTests(AuthenticateCase):
    """
    Tests for `RecentAuthentication`.
    """

    def test_is_recent(self) -> None:
        """
        Five minutes, by when the person said who they are, not by when the session began.
        """
        session = self.alice.sign_in()
        recent = RecentAuthentication(start=None, clock=self.world.clock)  # type: ignore[arg-type] # not asked
        now = self.world.clock.seconds()
        for age, expected in ((0.0, True), (MOST_AGE, True), (MOST_AGE + 1, False), (86400.0, False), (-1.0, True)):
            with self.subTest(age=age):
                self.assertEqual(recent.is_recent(replace(session, authenticated=now - age)), expected)

    def press(self, alice: UserAgent) -> str:
        """
        Press "end the others" too late: where that leads.
        """
        page = alice.get(A + "/.pomerium/")
        fields = {**form_of(page.text), "action": "end_others"}
        answer = alice.post(SESSIONS, fields)
        self.assertEqual(answer.status, 303)
        return answer.header("location") or ""

    def test_asks(self) -> None:
        """
        The person is sent to their OP, which must ask them, and comes back to their sessions.
        """
        self.alice.sign_in()
        self.world.clock.advance(MOST_AGE + 1)
        location = self.press(self.alice)
        self.assertTrue(location.startswith(self.world.op.issuer))
        self.assertEqual(query_of(location)["prompt"], "login")
        asked = self.alice.questions
        back = self.alice.get(self.alice.at_provider(location))
        self.assertEqual(self.alice.questions, asked + 1)
        self.assertEqual(back.header("location"), f"{A}{paths.DASHBOARD}?pomerium_asked=1")
        session = self.alice.session(A)
        assert session is not None
        self.assertEqual(session.authenticated, self.world.clock.seconds())

    def test_other_provider(self) -> None:
        """
        It is the OP of the session, not the default one.
        """
        self.world = World(second_provider=True)
        self.addCleanup(self.world.stop)
        alice = UserAgent(self.world)
        alice.sign_in(idp_id=self.world.provider2.idp_id)
        self.world.clock.advance(MOST_AGE + 1)
        self.assertTrue(self.press(alice).startswith(self.world.op2.issuer))
        # If that one is gone by now, the default one is left.
        del self.world.providers[self.world.provider2.idp_id]
        self.assertTrue(self.press(alice).startswith(self.world.op.issuer))

    def test_script(self) -> None:
        """
        A script cannot be sent there, and is told why nothing ended.
        """
        self.alice.sign_in()
        self.world.clock.advance(MOST_AGE + 1)
        page = self.alice.get(A + "/.pomerium/")
        fields = {**form_of(page.text), "action": "end_others"}
        headers = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Accept": "application/json"}
        answer = self.alice.post(SESSIONS, fields, headers)
        self.assertEqual((answer.status, answer.header("content-type")), (403, "application/json"))
        self.assertIn("five minutes", answer.text)
