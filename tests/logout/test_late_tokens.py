"""
Tests for `pomerium_tx.logout.late_tokens`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout import late_tokens
from pomerium_tx.sessions.session import Tokens
from tests.logout.world import START, World

TOKENS = Tokens(id_token="i", access_token="a", refresh_token="r")


class LateTokensTests(SynchronousTestCase):
    """
    Tokens that belong to no session.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.addCleanup(self.world.late_tokens.stop)

    def test_owed(self) -> None:
        """
        They are owed at once; where there is none that could be revoked, nothing is.
        """
        self.world.late_tokens.owe("idp", TOKENS)
        self.world.late_tokens.owe("idp", Tokens(id_token="i", access_token=""))
        self.assertEqual(
            [(one.idp_id, one.not_before, one.receipt_id, one.tokens) for one in self.world.registry.owed()],
            [("idp", START, None, (("refresh_token", "r"), ("access_token", "a")))],
        )

    def test_when_it_can_be_recorded(self) -> None:
        """
        What cannot be recorded now is recorded later, each once, however long that takes.
        """
        self.world.store.break_down()
        for number in range(3):
            self.world.late_tokens.owe("idp", Tokens(id_token="", access_token=f"a{number}"))
        for _ in range(5):
            self.world.clock.advance(late_tokens.PAUSE)
        self.assertEqual(self.world.registry.owed(), [])
        self.world.store.failure = None
        self.world.clock.advance(late_tokens.PAUSE)
        owed = [token for one in self.world.registry.owed() for _, token in one.tokens]
        self.assertEqual(owed, ["a0", "a1", "a2"])
        self.world.clock.advance(10 * late_tokens.PAUSE)
        self.assertEqual(len({one.id for one in self.world.registry.owed()}), len(self.world.registry.owed()))

    def test_bounded(self) -> None:
        """
        A store that stays away does not fill the memory.
        """
        self.patch(late_tokens, "MOST", 2)
        self.world.store.break_down()
        for _ in range(5):
            self.world.late_tokens.owe("idp", TOKENS)
        self.world.store.failure = None
        self.world.clock.advance(late_tokens.PAUSE)
        self.assertEqual(len(self.world.registry.owed()), 2)

    def test_stop(self) -> None:
        """
        Nothing is left behind, and nothing is recorded any more.
        """
        before = len(self.world.clock.getDelayedCalls())
        self.world.store.break_down()
        self.world.late_tokens.owe("idp", TOKENS)
        self.assertEqual(len(self.world.clock.getDelayedCalls()), before + 1)
        self.world.late_tokens.stop()
        self.assertEqual(len(self.world.clock.getDelayedCalls()), before)
