"""
Tests for `pomerium_tx.authenticate.refresher`: UserInfo.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.refresher import Refresher
from pomerium_tx.demo.messages import Fault
from pomerium_tx.demo.registration import Lifetimes
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.logout.user_agent import UserAgent
from tests.logout.world import R2, World

LIFE = 600.0


def _refusal(error: str, status: int = 400) -> Fault:
    return Fault(status=status, body=b'{"error": "%s"}' % error.encode(), content_type="application/json")


class PollTests(SynchronousTestCase):
    """
    UserInfo is asked every ten minutes. The OP's tokens live for ten hours.
    """

    def setUp(self) -> None:
        self.world = World(lifetimes=Lifetimes(access_token=36_000.0, id_token=36_000.0))
        self.addCleanup(self.world.stop)
        self.changed: list[Session] = []
        self.world.registry.subscribe_refreshed(self.changed.append)
        self.refresher = Refresher(
            registry=self.world.registry,
            providers=self.world.providers,
            ending=self.world.ending,
            clock=self.world.clock,
            late_tokens=self.world.late_tokens,
            jitter=lambda: 0.0,
        )
        self.refresher.start()
        self.addCleanup(self.refresher.stop)
        self.session = UserAgent(self.world).sign_in()

    def advance(self, seconds: float) -> None:
        self.world.clock.pump([10.0] * int(seconds / 10.0))

    def known(self) -> Session:
        session = self.world.registry.known(self.session.id)
        assert session is not None
        return session

    def test_every_ten_minutes(self) -> None:
        """
        Once in ten minutes, no more.
        """
        self.advance(3600.0)
        self.assertEqual(len(self.world.op.userinfo_calls), 1 + 6)
        self.assertEqual(self.known(), self.session)

    def test_new_claims(self) -> None:
        """
        What UserInfo newly says counts at once; the tokens stay.
        """
        self.world.op.alterations["userinfo"] = lambda claims: {**claims, "groups": ["new"]}
        self.advance(650.0)
        self.assertEqual(self.known().claims["groups"], ("new",))
        self.assertEqual(self.known().tokens, self.session.tokens)
        self.assertEqual(self.changed, [self.known()])

    def test_refused(self) -> None:
        """
        A 401 or 403 for a token that should still be good ends the session: the OP has withdrawn it.
        """
        for status in (401, 403):
            with self.subTest(status=status):
                session = UserAgent(self.world).sign_in(R2 + "/")
                self.world.op.faults["userinfo"] = Fault(status=status)
                self.advance(650.0)
                self.world.op.faults.clear()
                receipt = self.world.registry.ended(session.id)
                assert receipt is not None
                self.assertIs(receipt.cause, Cause.REFRESH_REFUSED)

    def test_refused_while_the_store_is_down(self) -> None:
        """
        An end that cannot be recorded is recorded as soon as it can be, and not at the next poll.
        """
        self.world.op.faults["userinfo"] = Fault(status=401)
        self.advance(590.0)
        self.world.store.break_down()
        self.advance(60.0)
        self.assertIsNone(self.world.registry.ended(self.session.id))
        self.world.store.failure = None
        self.advance(10.0)
        receipt = self.world.registry.ended(self.session.id)
        assert receipt is not None
        self.assertIs(receipt.cause, Cause.REFRESH_REFUSED)

    def test_other_failures(self) -> None:
        """
        An outage, nonsense or somebody else's claims end nothing and change nothing.
        """
        for fault in (Fault(status=500), Fault(status=200, body=b"nonsense")):
            with self.subTest(fault=fault):
                self.world.op.faults["userinfo"] = fault
                self.advance(650.0)
                self.assertEqual(self.known(), self.session)
        self.world.op.faults.clear()
        self.world.op.alterations["userinfo"] = lambda claims: {**claims, "sub": "somebody else", "groups": ["new"]}
        self.advance(650.0)
        self.assertEqual(self.known(), self.session)

    def test_token_of_unknown_life(self) -> None:
        """
        Where the OP does not say how long a token lives, a 401 is first taken for its end, and refreshed.
        """
        self.world.op.alterations["token"] = lambda document: {
            name: value for name, value in document.items() if name != "expires_in"
        }
        ending = self.world.ending.end([self.session.id], Cause.EXPIRED)
        self.successResultOf(Deferred.fromCoroutine(ending))
        session = UserAgent(self.world).sign_in(R2 + "/")
        self.world.op.ledger.revoke(session.tokens.access_token, client_id="rp1")
        self.world.op.faults["userinfo"] = Fault(status=401)
        calls = len(self.world.op.userinfo_calls)
        while len(self.world.op.userinfo_calls) == calls:
            self.world.clock.advance(10.0)
        self.assertEqual(len(self.world.op.refreshes), 1)
