"""
Tests for `pomerium_tx.dashboard.site`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.user_agent import UserAgent
from tests.logout.world import R2, R, World


class SiteTests(SynchronousTestCase):
    """
    What is where on every route host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def test_places(self) -> None:
        """
        Every page is at its place, and there is nothing beside or below it, nor anything to be forwarded.
        """
        for path, status in (
            ("/.pomerium", 301),
            ("/.pomerium/", 200),
            ("/.pomerium/user", 302),
            ("/.pomerium/sign_out", 302),
            ("/.pomerium/sign_out/", 301),
            ("/.pomerium/sign_out/x", 404),
            ("/.pomerium/callback", 301),
            ("/.pomerium/callback/", 400),
            ("/.pomerium/x", 404),
            ("/.pomerium/sign_in", 404),
            ("/.pomerium/signed_out", 404),
            ("/.well-known/pomerium", 200),
            ("/.well-known/pomerium/jwks.json", 200),
            ("/.well-known/pomerium/x", 404),
            ("/ping", 200),
            ("/healthz", 200),
        ):
            for origin in (R, R2):
                with self.subTest(path=path, origin=origin):
                    self.assertEqual(self.alice.get(origin + path).status, status)

    def test_slash(self) -> None:
        """
        The slash that is missing is added on the same origin.
        """
        self.assertEqual(self.alice.get(R2 + "/.pomerium").header("location"), R2 + "/.pomerium/")

    def test_no_store(self) -> None:
        """
        No page is kept by anybody.
        """
        for path in ("/.pomerium/", "/.pomerium/user", "/.pomerium/sign_out", "/.pomerium/callback/", "/.pomerium/x"):
            with self.subTest(path=path):
                self.assertEqual(self.alice.get(R + path).header("cache-control"), "no-store")
