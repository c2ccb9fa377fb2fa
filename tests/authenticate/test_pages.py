"""
Tests for `pomerium_tx.authenticate.pages`.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.user_agent import UserAgent
from tests.logout.world import A, World


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
                "frontchannel_logout_session_supported": True,
                "backchannel_logout_uri": A + "/.pomerium/backchannel_logout",
                "backchannel_logout_session_supported": True,
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
