"""
Tests for `pomerium_tx.dashboard.user`.
"""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwt import parse
from pomerium_tx.sessions.store import Cause
from tests.logout.user_agent import UserAgent
from tests.logout.world import SCRIPT, A, R, World, query_of


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)


class WhoAmITests(_Case):
    """
    ``/.pomerium/`` of a route host.
    """

    def test_signed_in(self) -> None:
        """
        The person sees what the application is told, a way out, and the way to their sessions.
        """
        self.alice.sign_in()
        page = self.alice.get(R + "/.pomerium/")
        self.assertEqual(page.status, 200)
        for text in ("alice@example.com", "Alice Liddell", 'href="/.pomerium/sign_out"', f'href="{A}/.pomerium/"'):
            self.assertIn(text, page.text)
        self.assertEqual(page.header("x-pomerium-intercepted-response"), "true")

    def test_listens(self) -> None:
        """
        A page about somebody learns of the end of their session; one about nobody has no script.
        """
        nobody = self.alice.get(R + "/.pomerium/")
        self.assertNotIn("<script", nobody.text)
        self.assertNotIn("script-src", nobody.header("content-security-policy") or "")
        self.alice.sign_in()
        somebody = self.alice.get(R + "/.pomerium/")
        self.assertIn("/.pomerium/session_events", somebody.text)
        self.assertIn("connect-src 'self'", somebody.header("content-security-policy") or "")

    def test_nobody(self) -> None:
        """
        Without a session, or with one that has ended, it is a page too.
        """
        self.assertIn("You are not signed in", self.alice.get(R + "/.pomerium/").text)
        session = self.alice.sign_in()
        ending = self.world.ending.end([session.id], Cause.EXPIRED)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.assertIn("You are not signed in", self.alice.get(R + "/.pomerium/").text)

    def test_hostile_claims(self) -> None:
        """
        What the OP says is shown as text.
        """
        self.world.op.alterations["userinfo"] = lambda claims: {**claims, "name": "<script>alert(1)</script>"}
        self.alice.sign_in()
        self.assertNotIn("<script>alert", self.alice.get(R + "/.pomerium/").text)


class UserTests(_Case):
    """
    ``/.pomerium/user``.
    """

    def test_claims(self) -> None:
        """
        The assertion's claims without those about the token itself.
        """
        session = self.alice.sign_in()
        answer = self.alice.get(R + "/.pomerium/user", SCRIPT)
        self.assertEqual((answer.status, answer.header("content-type")), (200, "application/json"))
        self.assertEqual(
            json.loads(answer.body),
            {
                "sub": session.user_id,
                "user": session.user_id,
                "email": "alice@example.com",
                "groups": ["engineering", "staff"],
                "sid": session.id,
                "name": "Alice Liddell",
            },
        )

    def test_script_without_session(self) -> None:
        """
        A script, a JSON client or a stale handle in a header gets 401.
        """
        for headers in (SCRIPT, {"Accept": "application/json"}, {"Authorization": "Pomerium stale"}):
            with self.subTest(headers=headers):
                self.assertEqual(self.alice.get(R + "/.pomerium/user", headers).status, 401)

    def test_person_without_session(self) -> None:
        """
        A person is led to sign in, and comes back.
        """
        answer = self.alice.get(R + "/.pomerium/user")
        self.assertEqual(answer.status, 302)
        self.assertEqual(query_of(answer.header("location") or "")["pomerium_redirect_uri"], R + "/.pomerium/user")
        page = self.alice.follow(answer)
        self.assertEqual(json.loads(page.body)["email"], "alice@example.com")


class JwtTests(_Case):
    """
    ``/.pomerium/jwt``.
    """

    def test_not_there(self) -> None:
        """
        Unless the operator has asked for it, there is no such page, with a session or without.
        """
        self.assertEqual(self.alice.get(R + "/.pomerium/jwt", SCRIPT).status, 404)
        self.alice.sign_in()
        self.assertEqual(self.alice.get(R + "/.pomerium/jwt", SCRIPT).status, 404)

    def test_there(self) -> None:
        """
        The signed assertion of this host, for whoever is signed in; 401 for a script that is not.
        """
        world = self.world = World(gives_jwt=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        self.assertEqual(alice.get(R + "/.pomerium/jwt", SCRIPT).status, 401)
        session = alice.sign_in()
        answer = alice.get(R + "/.pomerium/jwt", SCRIPT)
        self.assertEqual((answer.status, answer.header("content-type")), (200, "application/jwt"))
        self.assertEqual(answer.header("cache-control"), "no-store")
        token = parse(answer.text)
        self.assertEqual((token.claims["aud"], token.claims["sid"]), ("app.example.com", session.id))
        self.assertEqual(alice.post(R + "/.pomerium/jwt").status, 405)

    def test_not_let_in(self) -> None:
        """
        Nobody is given an assertion for applications that do not let them in: 403, with a way out.
        """
        world = self.world = World(gives_jwt=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        world.kept_out = alice.sign_in().sub
        answer = alice.get(R + "/.pomerium/jwt", SCRIPT)
        self.assertEqual(answer.status, 403)
        self.assertNotIn("application/jwt", answer.header("content-type") or "")
