"""
Tests for `pomerium_tx.authenticate.site`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.user_agent import UserAgent
from tests.logout.world import A, World


class SiteTests(SynchronousTestCase):
    """
    What is where on the authenticate host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def test_places(self) -> None:
        """
        Every page is at its place, and there is nothing beside or below it.
        """
        for path, status in (
            ("/", 302),
            ("/robots.txt", 200),
            ("/ping", 200),
            ("/healthz", 200),
            ("/oauth2/callback", 400),
            ("/oauth2/callback/x", 404),
            ("/oauth2", 404),
            ("/.pomerium", 301),
            ("/.pomerium/sign_in", 400),
            ("/.pomerium/sign_out", 200),
            ("/.pomerium/sign_out/", 301),
            ("/.pomerium/sign_outx", 404),
            ("/.pomerium/signed_out", 200),
            ("/.pomerium/callback/", 404),
            ("/.pomerium/user", 404),
            ("/.well-known/pomerium", 200),
            ("/.well-known/pomerium/", 200),
            ("/.well-known/pomerium/jwks.json", 200),
            ("/.well-known/pomerium/other", 404),
            ("/.well-known/other", 404),
            ("/favicon.ico", 404),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.alice.get(A + path).status, status)

    def test_no_store(self) -> None:
        """
        No page of the host is kept by anybody.
        """
        for path in ("/", "/.pomerium/sign_out", "/.pomerium/signed_out", "/.pomerium/", "/oauth2/callback"):
            with self.subTest(path=path):
                self.assertEqual(self.alice.get(A + path).header("cache-control"), "no-store")
