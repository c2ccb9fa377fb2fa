"""
Tests for `pomerium_tx.logout.expiry`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import Cause
from tests.doubles.exchanges import MemoryExchange
from tests.doubles.sessions import a_session
from tests.logout.world import START, World


class ExpiryTests(SynchronousTestCase):
    """
    Sessions end when their time has come, without anybody asking.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)

    def begin(self, **changes: object) -> Session:
        session = a_session(**{"began": START, "idp_id": self.world.provider.idp_id, **changes})
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        return session

    def test_absolute(self) -> None:
        """
        A session ends at its absolute end, with what is open, and its tokens are revoked.
        """
        session = self.begin(expires=START + 100.0)
        exchange = MemoryExchange()
        self.world.registry.attach(session.id, exchange)
        self.world.clock.advance(99.0)
        self.assertIsNotNone(self.world.registry.known(session.id))
        self.world.clock.advance(1.0)
        self.world.clock.advance(1.0)
        self.assertIsNone(self.world.registry.known(session.id))
        self.assertEqual(exchange.causes, [Cause.EXPIRED])
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 2)

    def test_tokens(self) -> None:
        """
        So does one whose access token is over and which has no refresh token.
        """
        tokens = Tokens(id_token="i", access_token="a", access_token_expires=START + 50.0)
        session = self.begin(tokens=tokens)
        self.world.clock.advance(50.0)
        self.world.clock.advance(1.0)
        receipt = self.world.registry.ended(session.id)
        assert receipt is not None
        self.assertIs(receipt.cause, Cause.TOKENS_EXPIRED)

    def test_many_at_once(self) -> None:
        """
        Those that are due together make one end for each cause.
        """
        for _ in range(10):
            self.begin(expires=START + 100.0)
        self.world.clock.advance(100.0)
        self.world.clock.advance(1.0)
        self.assertEqual([receipt.sessions_ended for receipt in self.world.receipts], [10])

    def test_store_down(self) -> None:
        """
        An end that cannot be recorded is tried again; the session is not found meanwhile.
        """
        session = self.begin(expires=START + 100.0)
        self.world.store.break_down()
        self.world.clock.advance(100.0)
        self.world.clock.advance(1.0)
        self.assertIsNone(self.world.registry.find(session.id))
        self.assertIsNotNone(self.world.registry.known(session.id))
        self.world.store.failure = None
        self.world.clock.advance(5.0)
        self.assertIsNone(self.world.registry.known(session.id))

    def test_stopped(self) -> None:
        """
        After the end of the service nothing is ended, and what was due then is ended by the next one.
        """
        session = self.begin(expires=START + 100.0)
        self.world.expiry.stop()
        self.world.clock.advance(101.0)
        self.assertIsNotNone(self.world.registry.known(session.id))
        self.world.expiry.start()
        self.world.clock.advance(0.0)
        self.assertIsNone(self.world.registry.known(session.id))
