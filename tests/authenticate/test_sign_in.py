"""
Tests for `pomerium_tx.authenticate.sign_in`: from a route host to a session and back.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.world import A, R, R2, SCRIPT, UserAgent, World, form_of, query_of


class SignInTests(SynchronousTestCase):
    """
    ``/.pomerium/sign_in`` of the authenticate host.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def test_whole_way(self) -> None:
        """
        A person who opens a page gets there, byte for byte, with a session.
        """
        url = R + "/a%20b/?q=1&empty=&q=%2F%C3%A9+x;y#"[:-1]
        session = self.alice.sign_in(url)
        self.assertEqual((session.email, session.sub), ("alice@example.com", "248289761001"))
        self.assertEqual([one.id for one in self.world.begun], [session.id])
