"""
Tests for `pomerium_tx.authenticate.pages`.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, SCRIPT, A, R, World, form_of


class MySessionTests(SynchronousTestCase):
    """
    ``/.pomerium/`` of the authenticate host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def test_session(self) -> None:
        """
        The person sees who they are, and a button that signs out.
        """
        self.alice.sign_in()
        page = self.alice.get(A + "/.pomerium/")
        self.assertEqual(page.status, 200)
        self.assertIn("Alice Liddell", page.text)
        self.assertIn("alice@example.com", page.text)
        self.assertEqual(page.header("x-frame-options"), "DENY")
        self.alice.post(A + "/.pomerium/sign_out", form_of(page.text))
        self.assertEqual(self.world.registry.count, 0)

    def test_sign_in(self) -> None:
        """
        Without a session it leads to the OP and back here; a script gets 401.
        """
        self.assertEqual(self.alice.get(A + "/.pomerium/", SCRIPT).status, 401)
        page = self.alice.follow(self.alice.get(A + "/.pomerium/"))
        self.assertEqual(page.status, 200)
        self.assertIn("alice@example.com", page.text)

    def test_held(self) -> None:
        """
        After a sign-out it signs nobody in by itself; the click comes back here.
        """
        self.alice.sign_in()
        self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
        held = self.alice.get(A + "/.pomerium/")
        self.assertIn("You signed out at", held.text)
        page = self.alice.follow(self.alice.post(A + "/.pomerium/sign_in", form_of(held.text)))
        self.assertIn("alice@example.com", page.text)


class WellKnownTests(SynchronousTestCase):
    """
    ``/.well-known/pomerium`` of the authenticate host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.answer = UserAgent(self.world).get(A + "/.well-known/pomerium")

    def test_document(self) -> None:
        """
        The three members are exactly those of the documentation; no key promises a back channel yet.
        """
        self.assertEqual(
            json.loads(self.answer.body),
            {
                "issuer": A + "/",
                "authentication_callback_endpoint": A + "/oauth2/callback",
                "jwks_uri": A + "/.well-known/pomerium/jwks.json",
                "frontchannel_logout_uri": A + "/.pomerium/sign_out",
            },
        )

    def test_token(self) -> None:
        """
        The token is in the field, its cookie is set; other origins may read the document, not the token.
        """
        self.assertTrue(self.answer.header("x-csrf-token"))
        [cookie] = self.answer.headers("set-cookie")
        self.assertTrue(cookie.startswith("_pomerium_csrf="))
        self.assertEqual(self.answer.header("access-control-allow-origin"), "*")
        for name in ("access-control-expose-headers", "access-control-allow-credentials"):
            self.assertIsNone(self.answer.header(name))
        self.assertEqual(self.answer.header("cache-control"), "no-store")
        self.assertEqual(self.answer.header("x-content-type-options"), "nosniff")


class SmallPagesTests(SynchronousTestCase):
    """
    The rest of the host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def test_root(self) -> None:
        """
        The bare host leads to the dashboard.
        """
        answer = self.alice.get(A + "/")
        self.assertEqual((answer.status, answer.header("location")), (302, A + "/.pomerium/"))

    def test_robots(self) -> None:
        """
        Robots are kept out.
        """
        answer = self.alice.get(A + "/robots.txt")
        self.assertEqual((answer.status, answer.body), (200, b"User-agent: *\nDisallow: /\n"))
