"""
Tests for `pomerium_tx.authenticate.recent_authentication`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.task import Clock

from pomerium_tx import paths
from pomerium_tx.authenticate.new_session import NOT_KNOWN
from pomerium_tx.authenticate.recent_authentication import MOST_AGE, RecentAuthentication
from tests.authenticate.cases import AuthenticateCase, without
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World, form_of, query_of

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
        self.assertFalse(recent.is_recent(replace(session, authenticated=NOT_KNOWN)))
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
        self.assertEqual((query_of(location)["prompt"], query_of(location)["max_age"]), ("login", "300"))
        asked = self.alice.questions
        back = self.alice.get(self.alice.at_provider(location))
        self.assertEqual(self.alice.questions, asked + 1)
        self.assertEqual(back.header("location"), f"{A}{paths.DASHBOARD}?pomerium_asked=1")
        session = self.alice.session(A)
        assert session is not None
        self.assertEqual(session.authenticated, self.world.clock.seconds())

    def test_not_known_while_time_is_young(self) -> None:
        """
        What is not known is not recent, be it moments since the clock began.
        """
        session = replace(self.alice.sign_in(), authenticated=NOT_KNOWN)
        recent = RecentAuthentication(start=None, clock=Clock())  # type: ignore[arg-type] # not asked
        self.assertFalse(recent.is_recent(session))

    def test_stricter_setting(self) -> None:
        """
        An OP that is configured to ask oftener is not asked for less.
        """
        for configured, expected in (("60", "60"), ("86400", "300")):
            with self.subTest(configured=configured):
                self.world = World(settings={"request_params": {"max_age": configured, "hd": "example.com"}})
                self.addCleanup(self.world.stop)
                alice = UserAgent(self.world)
                alice.sign_in()
                self.world.clock.advance(MOST_AGE + 1)
                query = query_of(self.press(alice))
                self.assertEqual((query["max_age"], query["hd"]), (expected, "example.com"))

    def test_ordinary_sign_in(self) -> None:
        """
        No other sign-in asks for more than is configured.
        """
        for location in (self.alice.open(A + "/.pomerium/"), self.alice.open(R + "/")):
            query = query_of(location.header("location") or "")
            self.assertEqual({"prompt", "max_age"} & set(query), set())

    def without_auth_time(self, *, prompts: list[str] | None = None) -> None:
        """
        An OP that does not say when the person has said who they are, in whatever sign-in.
        """
        self.world.stop()
        self.world = World()
        self.addCleanup(self.world.stop)
        if prompts is not None:
            self.world.op.alterations["discovery"] = lambda said: {**said, "prompt_values_supported": prompts}
        self.world.op.alterations["id_token"] = without("auth_time")
        self.alice = UserAgent(self.world)

    def test_silent_sign_in(self) -> None:
        """
        An OP that says nothing of it may have asked nobody: such a sign-in is not enough, however fresh.
        """
        self.without_auth_time()
        self.alice.sign_in()
        self.alice.jar.clear()
        questions = self.alice.questions
        self.alice.sign_in()
        self.assertEqual(self.alice.questions, questions)
        self.assertIn("prompt=login", self.press(self.alice))

    def test_asked_without_an_answer(self) -> None:
        """
        Where it was told to ask, it is taken to have done so; but not where it was told to let the person choose among
        accounts.
        """
        for prompt, expected in (("login", True), ("select_account", False)):
            with self.subTest(prompt=prompt):
                self.without_auth_time(prompts=[prompt])
                self.alice.sign_in()
                page = self.alice.follow(self.alice.get(self.alice.at_provider(self.press(self.alice))))
                self.assertIs("press the button again" in page.text, expected)
                self.assertIs("did not ask you" in page.text, not expected)

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
