"""
Tests for `pomerium_tx.authenticate.refresher`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.refresher import Refresher
from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.logout.user_agent import UserAgent
from tests.logout.world import R2, R, World

LIFE = 600.0


def _refusal(error: str, status: int = 400) -> Fault:
    return Fault(status=status, body=b'{"error": "%s"}' % error.encode(), content_type="application/json")


class RefresherTests(SynchronousTestCase):
    """
    Sessions stay fresh for as long as the OP knows them. The OP's tokens live for ten minutes.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.changed: list[Session] = []
        self.world.registry.subscribe_refreshed(self.changed.append)
        self.refresher = self.refresher_of(self.world.registry)
        self.refresher.start()
        self.addCleanup(self.stop)
        self.alice = UserAgent(self.world)
        self.session = self.alice.sign_in()

    def refresher_of(self, registry: SessionRegistry) -> Refresher:
        return Refresher(
            registry=registry,
            providers=self.world.providers,
            ending=self.world.ending,
            clock=self.world.clock,
            late_tokens=self.world.late_tokens,
            jitter=lambda: 0.0,
        )

    def stop(self) -> None:
        self.refresher.stop()

    def advance(self, seconds: float) -> None:
        self.world.clock.pump([1.0] * int(seconds))

    def known(self) -> Session | None:
        return self.world.registry.known(self.session.id)

    def ended_by(self) -> Cause | None:
        receipt = self.world.registry.ended(self.session.id)
        return None if receipt is None else receipt.cause

    def test_refreshes_in_time(self) -> None:
        """
        A minute before the access token expires, with UserInfo, and again and again; the session stays the same one.
        """
        self.advance(LIFE - 61.0)
        self.assertEqual(self.world.op.refreshes, [])
        self.advance(2.0)
        self.assertEqual(len(self.world.op.refreshes), 1)
        session = self.known()
        assert session is not None
        self.assertNotEqual(session.tokens, self.session.tokens)
        self.assertEqual(
            (session.id, session.sids, session.expires), (self.session.id, self.session.sids, self.session.expires)
        )
        self.advance(LIFE)
        self.assertEqual(len(self.world.op.refreshes), 2)
        self.assertIsNotNone(self.alice.session(R))

    def test_invalid_grant(self) -> None:
        """
        `invalid_grant` ends the session, at once.
        """
        self.world.op.faults["token"] = _refusal("invalid_grant")
        self.advance(LIFE - 58.0)
        self.assertIs(self.ended_by(), Cause.REFRESH_REFUSED)

    def test_other_failures_keep_the_session(self) -> None:
        """
        A changed client secret, an outage or nonsense signs nobody out; it is tried again until it works.
        """
        for fault in (
            _refusal("invalid_client", 401),
            _refusal("temporarily_unavailable"),
            Fault(status=500),
            Fault(status=200, body=b"nonsense"),
        ):
            with self.subTest(fault=fault):
                alice = UserAgent(self.world)
                session = alice.sign_in()
                self.world.op.faults["token"] = fault
                self.advance(LIFE + 300.0)
                known = self.world.registry.find(session.id)
                assert known is not None
                self.assertEqual(known.tokens, session.tokens)
                self.world.op.faults.clear()
                self.advance(400.0)
                known = self.world.registry.find(session.id)
                assert known is not None
                self.assertNotEqual(known.tokens, session.tokens)

    def test_backs_off(self) -> None:
        """
        A failing OP is not asked more and more often, but less and less.
        """
        self.world.op.faults["token"] = Fault(status=500)
        self.advance(LIFE + 240.0)
        self.assertLess(len(self.world.op.refreshes), 8)
        self.assertGreater(len(self.world.op.refreshes), 3)

    def test_userinfo_refuses_after_a_refresh(self) -> None:
        """
        If UserInfo does not take the fresh token the session ends, and the fresh tokens are revoked too.
        """
        self.advance(LIFE - 62.0)
        self.world.op.faults["userinfo"] = Fault(status=403)
        self.advance(5.0)
        self.assertIs(self.ended_by(), Cause.REFRESH_REFUSED)
        self.assertEqual(len({one.parameter("token") for one in self.world.op.revocations}), 4)

    def test_userinfo_is_down_after_a_refresh(self) -> None:
        """
        If UserInfo is down the new tokens are kept, with what was known of the person.
        """
        self.advance(LIFE - 62.0)
        self.world.op.faults["userinfo"] = Fault(status=500)
        self.advance(5.0)
        session = self.known()
        assert session is not None
        self.assertNotEqual(session.tokens.access_token, self.session.tokens.access_token)
        self.assertEqual(session.claims, self.session.claims)

    def test_new_claims(self) -> None:
        """
        What the OP newly says is known with the refresh, and whoever has to look at rights again is told.
        """
        self.world.op.alterations["userinfo"] = lambda claims: {**claims, "groups": ["new"], "email": "a@new.example"}
        self.advance(LIFE - 58.0)
        session = self.known()
        assert session is not None
        self.assertEqual((session.claims["groups"], session.email), (("new",), "a@new.example"))
        self.assertEqual(self.changed, [session])

    def test_id_token_of_somebody_else(self) -> None:
        """
        A refresh that is answered about somebody else changes nothing.
        """
        self.world.op.alterations["id_token"] = lambda claims: {**claims, "sub": "somebody else"}
        self.advance(LIFE - 58.0)
        session = self.known()
        assert session is not None
        self.assertEqual((session.tokens, session.sub), (self.session.tokens, self.session.sub))
        self.advance(30.0)
        self.assertGreater(len(self.world.op.refreshes), 1)

    def test_no_userinfo_endpoint(self) -> None:
        """
        Where the OP has no UserInfo the new ID Token says what is known.
        """
        world = self.world = World()
        self.addCleanup(world.stop)
        world.op.alterations["discovery"] = lambda document: {
            name: value for name, value in document.items() if name != "userinfo_endpoint"
        }
        refresher = self.refresher_of(world.registry)
        refresher.start()
        self.addCleanup(refresher.stop)
        self.session = UserAgent(world).sign_in()
        world.op.alterations["id_token"] = lambda claims: {**claims, "groups": ["new"]}
        self.advance(LIFE - 58.0)
        self.assertEqual((self.known() or self.session).claims["groups"], ("new",))

    def test_answer_without_id_token(self) -> None:
        """
        Without a new ID Token the old one stays the hint for the OP's logout.
        """
        self.world.op.alterations["token"] = lambda document: {
            name: value for name, value in document.items() if name != "id_token"
        }
        self.advance(LIFE - 58.0)
        session = self.known()
        assert session is not None
        self.assertEqual(session.tokens.id_token, self.session.tokens.id_token)
        self.assertNotEqual(session.tokens.access_token, self.session.tokens.access_token)

    def test_answer_without_refresh_token(self) -> None:
        """
        Without a new refresh token the old one stays.
        """
        self.world.op.alterations["token"] = lambda document: {
            name: value for name, value in document.items() if name != "refresh_token"
        }
        self.advance(LIFE - 58.0)
        session = self.known()
        assert session is not None
        self.assertEqual(session.tokens.refresh_token, self.session.tokens.refresh_token)

    def test_id_token_expires_first(self) -> None:
        """
        Where the ID Token expires before the access token, that is when it is refreshed.
        """
        now = self.world.clock.seconds()
        self.world.op.alterations["id_token"] = lambda claims: {**claims, "exp": now + 300}
        UserAgent(self.world).sign_in(R2 + "/")
        self.advance(239.0)
        self.assertEqual(len(self.world.op.refreshes), 0)
        self.advance(3.0)
        self.assertEqual(len(self.world.op.refreshes), 1)

    def test_nothing_for_an_ended_session(self) -> None:
        """
        After the end neither a refresh nor a UserInfo call is made for it.
        """
        ending = self.world.ending.sign_out([self.session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        calls = len(self.world.op.userinfo_calls)
        self.advance(3 * LIFE)
        self.assertEqual((self.world.op.refreshes, len(self.world.op.userinfo_calls)), ([], calls))

    def test_end_while_a_refresh_is_under_way(self) -> None:
        """
        Tokens that arrive after the end go to be revoked and into nothing else.
        """
        self.advance(LIFE - 62.0)
        self.world.http.is_held = True
        self.advance(4.0)
        ending = self.world.ending.sign_out([self.session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        calls = len(self.world.op.userinfo_calls)
        self.world.http.release()
        self.advance(70.0)
        self.assertIsNone(self.known())
        self.assertEqual(len(self.world.op.userinfo_calls), calls)
        self.assertEqual(len({one.parameter("token") for one in self.world.op.revocations}), 4)
        self.assertEqual(self.world.registry.owed(), [])

    def test_end_while_userinfo_is_under_way(self) -> None:
        """
        The same if only the last step is left.
        """
        self.advance(LIFE - 62.0)
        self.world.http.is_held = True
        self.advance(4.0)
        held, self.world.http._held = self.world.http._held, []
        for answer in held:
            answer()
        ending = self.world.ending.sign_out([self.session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.world.http.release()
        self.advance(70.0)
        self.assertIsNone(self.known())
        self.assertEqual(len({one.parameter("token") for one in self.world.op.revocations}), 4)

    def test_store_down(self) -> None:
        """
        Tokens that could not be recorded are not lost, nor is the refresh token used twice.
        """
        self.advance(LIFE - 62.0)
        self.world.http.is_held = True
        self.advance(4.0)
        self.world.store.break_down()
        self.world.http.release()
        self.advance(1.0)
        self.assertEqual((self.known() or self.session).tokens, self.session.tokens)
        self.world.store.failure = None
        self.advance(30.0)
        self.assertEqual(len(self.world.op.refreshes), 1)
        self.assertNotEqual((self.known() or self.session).tokens, self.session.tokens)

    def test_end_while_the_store_was_down(self) -> None:
        """
        If the session has ended before its new tokens could be recorded, they are revoked.
        """
        self.advance(LIFE - 62.0)
        self.world.http.is_held = True
        self.advance(4.0)
        self.world.store.break_down()
        self.world.http.release()
        self.world.store.failure = None
        ending = self.world.ending.end([self.session.id], Cause.ADMINISTRATOR)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.advance(60.0)
        self.assertEqual(len({one.parameter("token") for one in self.world.op.revocations}), 4)

    def test_expired_token_is_not_asked_about(self) -> None:
        """
        While refreshing fails, an expired access token is not shown to UserInfo, whose 401 would prove nothing.
        """
        self.world.op.faults["token"] = Fault(status=500)
        self.advance(3 * LIFE)
        self.assertIsNone(self.ended_by())
        self.assertIsNotNone(self.world.registry.find(self.session.id))

    def test_one_of_two_processes(self) -> None:
        """
        Of two processes one refreshes: an OP that rotates would take the second for a theft.
        """
        registry = SessionRegistry(self.world.store, self.world.clock)
        self.successResultOf(Deferred.fromCoroutine(registry.join()))
        other = self.refresher_of(registry)
        other.start()
        self.addCleanup(registry.leave)
        self.addCleanup(other.stop)
        self.advance(LIFE)
        self.assertEqual(len(self.world.op.refreshes), 1)
        self.assertIsNotNone(self.known())

    def test_due_before_the_start(self) -> None:
        """
        What was due before the service started is refreshed then.
        """
        self.refresher.stop()
        self.advance(LIFE - 30.0)
        self.assertEqual(self.world.op.refreshes, [])
        self.refresher = self.refresher_of(self.world.registry)
        self.refresher.start()
        self.advance(2.0)
        self.assertEqual(len(self.world.op.refreshes), 1)

    def test_stopped(self) -> None:
        """
        After the end of the service no OP is asked any more, and no call is left.
        """
        self.refresher.stop()
        self.advance(2 * LIFE)
        self.assertEqual(self.world.op.refreshes, [])
