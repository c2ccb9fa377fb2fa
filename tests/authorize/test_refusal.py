"""
How refusals are answered.
"""

from __future__ import annotations

from collections.abc import Mapping

from pomerium_tx.authorize.refusal import unauthenticated
from pomerium_tx.authorize.verdict import Action
from tests.authorize.asking import ALICE, HANDSHAKE, NAVIGATION, CheckTestCase


class AnswerTests(CheckTestCase):
    """
    What an unauthenticated request gets.
    """

    def test_sign_in_or_401(self) -> None:
        """
        A navigation is redirected; whatever would not show the sign-in page gets 401.
        """
        cases: list[tuple[Mapping[str, str], Action]] = [
            ({}, Action.SIGN_IN),
            ({"Accept": "*/*"}, Action.SIGN_IN),
            (NAVIGATION, Action.SIGN_IN),
            ({"Accept": "application/json"}, Action.UNAUTHORIZED),
            ({"Accept": "text/event-stream"}, Action.UNAUTHORIZED),
            ({"Sec-Fetch-Mode": "cors"}, Action.UNAUTHORIZED),
            ({"X-Requested-With": "XMLHttpRequest"}, Action.UNAUTHORIZED),
            ({"X-Pomerium-Authorization": "stale"}, Action.UNAUTHORIZED),
            ({"Authorization": "Pomerium stale"}, Action.UNAUTHORIZED),
            ({"Authorization": "Bearer Pomerium-stale"}, Action.UNAUTHORIZED),
            ({"Authorization": "Bearer other"}, Action.SIGN_IN),
            ({"Cookie": "_pomerium=stale"}, Action.SIGN_IN),
        ]
        for headers, action in cases:
            with self.subTest(headers=headers):
                verdict = self.ask("app.example.com/", headers)
                self.assertIs(verdict.action, action)
                expected = (302, "Found") if action is Action.SIGN_IN else (401, "Unauthenticated")
                self.assertEqual((verdict.status, verdict.reason), expected)
        self.assert_action(self.ask("app.example.com/?pomerium_session=stale"), Action.UNAUTHORIZED, 401)
        self.assertEqual(self.ask("app.example.com/?pomerium_session=stale").reason, "Unauthenticated")

    def test_repeated_field(self) -> None:
        """
        A field in several lines is read as one list.
        """
        lines = [("Accept", "text/css"), ("Accept", "text/event-stream")]
        self.assert_action(self.ask("app.example.com/", lines), Action.UNAUTHORIZED, 401)

    def test_signed_out_header(self) -> None:
        """
        A program whose session was ended gets 401.
        """
        headers = {"Authorization": f"Pomerium {self.handle(ALICE)}"}
        del self.known.live[ALICE.id]
        self.assert_action(self.ask("app.example.com/", headers), Action.UNAUTHORIZED, 401)

    def test_ended_meanwhile(self) -> None:
        """
        A request whose session ends before the answer is told what it would be told now.
        """
        handle = self.handle(ALICE)
        cases: list[tuple[str, Mapping[str, str], Action]] = [
            ("app.example.com", {**NAVIGATION, **self.cookie(ALICE)}, Action.SIGN_IN),
            ("app.example.com", {"Sec-Fetch-Mode": "cors", **self.cookie(ALICE)}, Action.UNAUTHORIZED),
            ("app.example.com", {"Authorization": f"Pomerium {handle}"}, Action.UNAUTHORIZED),
            ("chat.example.com", {**HANDSHAKE, **self.cookie(ALICE)}, Action.UNAUTHORIZED),
        ]
        for host, headers, action in cases:
            with self.subTest(host=host, headers=list(headers)):
                before = self.ask(host + "/", headers)
                self.assertIs(before.action, Action.PROCEED)
                after = unauthenticated(self.head, before)
                self.assert_action(after, action, 302 if action is Action.SIGN_IN else 401)
                self.assertEqual((after.session, after.live, after.allow), (None, (), False))
                self.assertEqual((after.route, after.origin), (before.route, before.origin))
                self.assertEqual(after.presented, before.presented)

    def test_method(self) -> None:
        """
        The method makes no difference.
        """
        for method in (b"GET", b"HEAD", b"POST", b"OPTIONS", b"PROPFIND"):
            self.assert_action(self.ask("app.example.com/", method=method), Action.SIGN_IN, 302)

    def test_robots(self) -> None:
        """
        Robots are told to stay away where they would be refused, and read the application's own file elsewhere.
        """
        for host in ("app.example.com", "closed.example.com"):
            verdict = self.ask(host + "/robots.txt")
            self.assert_action(verdict, Action.ROBOTS, 200)
            self.assertEqual(verdict.reason, "")
        self.assert_action(self.ask("public.example.com/robots.txt"), Action.PROCEED, 200)
        self.assert_action(self.ask("app.example.com/robots.txt", self.cookie(ALICE)), Action.PROCEED, 200)
        self.assert_action(self.ask("app.example.com/x/robots.txt"), Action.SIGN_IN, 302)
