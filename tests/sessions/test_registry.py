"""
Tests for `pomerium_tx.sessions.registry`.

What holds for every store is in `tests.contracts.session_store`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry, SignedOutMeanwhile
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, CutReported, StoreUnavailable
from tests.contracts import session_store
from tests.doubles.exchanges import MemoryExchange
from tests.doubles.stores import UnreliableStore
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tokens, tombstone


class RegistryTestCase(session_store.SessionStoreContract, SynchronousTestCase):
    """
    Two registries on a store that can misbehave.
    """

    store: UnreliableStore

    def make_store(self) -> UnreliableStore:
        """
        A store that does as it is told.
        """
        return UnreliableStore()

    def start(self, coroutine: Any) -> Deferred[Any]:
        """
        A coroutine that may have to wait.
        """
        return Deferred.fromCoroutine(coroutine)


class FindTests(RegistryTestCase):
    """
    The question on every request.
    """

    def test_expiry(self) -> None:
        """
        A session is found until the moment it expires, and not at that moment, before anybody has ended it.
        """
        self.begin(expires=NOW + 10)
        self.clock.advance(9.9)
        self.assertIsNotNone(self.one.find("alice-1"))
        self.clock.advance(0.1)
        self.assertIsNone(self.one.find("alice-1"))
        self.assertIsNotNone(self.one.known("alice-1"))

    def test_token_expiry(self) -> None:
        """
        Without a refresh token a session lasts as long as its access token; with one, or with no known expiry, longer.
        """
        self.begin("alice-1", tokens=tokens(refresh_token=None))
        self.begin("bob-1")
        self.begin("carol-1", tokens=tokens(refresh_token=None, access_token_expires=None))
        self.clock.advance(HOUR)
        found = [self.one.find(name) is not None for name in ("alice-1", "bob-1", "carol-1")]
        self.assertEqual(found, [False, True, True])

    def test_last_seen(self) -> None:
        """
        A session was last seen when it was last used, or when it began; use of an ended one leaves nothing behind.
        """
        self.begin()
        self.clock.advance(5)
        self.assertEqual(self.one.last_seen("alice-1"), NOW)
        self.one.touch("alice-1")
        self.assertEqual(self.one.last_seen("alice-1"), NOW + 5)
        self.done(self.one.end(ending("alice-1")))
        self.one.touch("alice-1")
        self.assertEqual(self.one.last_seen("alice-1"), 0.0)


class RaceTests(RegistryTestCase):
    """
    What happens at the same time has one outcome, whichever way round it is recorded.
    """

    def test_two_ends(self) -> None:
        """
        Each session is counted by the end that is recorded first, and by no other; so are its tokens.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                for name in ("alice-1", "alice-2", "alice-3"):
                    self.begin(name)
                exchange = MemoryExchange()
                exchange.open(self.one, "alice-2")
                self.store.hold()
                here = ending("alice-1", "alice-2", owed=(owed("a", "alice-1"), owed("b", "alice-2")))
                there = ending("alice-2", "alice-3", owed=(owed("c", "alice-2"), owed("d", "alice-3")))
                ends = [self.start(self.one.end(here)), self.start(self.other.end(there))]
                self.store.release(backwards=backwards)
                receipts = [self.successResultOf(end) for end in ends]
                first, second = reversed(receipts) if backwards else receipts
                self.assertEqual((first.sessions_ended, second.sessions_ended), (2, 1))
                self.assertEqual((first.tokens_to_revoke, second.tokens_to_revoke), (4, 2))
                self.assertEqual((first.exchanges_cut["download"], second.exchanges_cut["download"]), (1, 0))
                self.assertEqual(len(exchange.causes), 1)
                for registry in self.both:
                    self.assertEqual(registry.ended("alice-2"), first)
                    owes = [pair for one in registry.owed() for pair in one.tokens]
                    self.assertEqual(len(owes), len(set(owes)))

    def test_begin_and_end(self) -> None:
        """
        A sign-in that meets a sign-out gives the same answer everywhere, in either order: after it, no session lives.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                late = session("alice-2", browser="b")
                self.store.hold()
                begins = self.start(self.one.begin(late, state_issued=NOW - 1))
                ends = self.start(self.other.end(ending(tombstones=(tombstone("browser", "b"),))))
                self.store.release(backwards=backwards)
                receipt = self.successResultOf(ends)
                found = [registry.find("alice-2") for registry in self.both]
                if backwards:
                    self.failureResultOf(begins, SignedOutMeanwhile)
                else:
                    self.successResultOf(begins)
                    self.assertEqual(receipt.session_ids, (late.id,))
                    owes = [pair for one in self.one.owed() for pair in one.tokens]
                    self.assertEqual(owes, list(late.tokens.revocable()))
                self.assertEqual(found, [None, None])

    def test_an_end_spares_whom_it_knew(self) -> None:
        """
        An end that names a person but not one of their sessions, which it knew, leaves that session alone.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        self.done(self.other.end(ending("alice-2", tombstones=(tombstone("sub", "alice"),))))
        self.assertEqual([registry.find("alice-2") for registry in self.both], [None, None])
        self.assertNotIn(None, [registry.find("alice-1") for registry in self.both])

    def test_a_sid_got_just_before_its_end(self) -> None:
        """
        A session that joins a ``sid`` while the OP signs that out ends with it, although the end did not name it.
        """
        self.begin()
        self.store.hold()
        fields: dict[str, Any] = {"claims": {}, "email": "", "name": "", "requested": NOW - 1}
        refresh = self.start(self.one.refresh("alice-1", tokens=tokens("new"), sid="sid", **fields))
        end = self.start(self.other.end(ending(tombstones=(tombstone("sid", "sid"), tombstone("sub", "bob")))))
        self.store.release()
        self.assertTrue(self.successResultOf(refresh))
        self.assertEqual(self.successResultOf(end).session_ids, ("alice-1",))
        self.assertEqual([registry.find("alice-1") for registry in self.both], [None, None])

    def test_begun_and_ended_before_the_answer(self) -> None:
        """
        A sign-in whose session has ended by the time it is answered is answered as one that was too late.
        """
        begun = session("alice-1")
        self.done(self.store.follow(0, lambda position, change: ended or ended.append(self.start(end()))))
        ended: list[Deferred[Receipt]] = []

        def end() -> Any:
            return self.other.end(ending("alice-1"))

        self.refused(self.one.begin(begun, state_issued=NOW - 1), SignedOutMeanwhile)
        self.assertEqual(self.successResultOf(ended[0]).sessions_ended, 1)

    def test_refresh_and_end(self) -> None:
        """
        Tokens that are recorded before the end are revoked by it, also those that nobody knew when it was asked for.
        """
        self.begin()
        self.store.hold()
        fields: dict[str, Any] = {"claims": {}, "email": "", "name": "", "sid": None, "requested": NOW}
        refresh = self.start(self.one.refresh("alice-1", tokens=tokens("new"), **fields))
        end = self.start(self.other.end(ending("alice-1", owed=(owed(),))))
        self.store.release()
        self.successResultOf(refresh)
        receipt = self.successResultOf(end)
        for registry in self.both:
            revoked = {token for one in registry.owed() for _, token in one.tokens}
            self.assertEqual(revoked, {"refresh-alice-1", "access-alice-1", "refresh-new", "access-new"})
        self.assertEqual(receipt.tokens_to_revoke, 4)

    def test_refresh_behind_an_end(self) -> None:
        """
        Tokens that are recorded after the end belong to whoever brought them, and to no session.
        """
        self.begin()
        self.store.hold()
        fields: dict[str, Any] = {"claims": {}, "email": "", "name": "", "sid": "late", "requested": NOW}
        refresh = self.start(self.one.refresh("alice-1", tokens=tokens("new"), **fields))
        end = self.start(self.other.end(ending("alice-1")))
        self.store.release(backwards=True)
        self.assertFalse(self.successResultOf(refresh))
        self.assertEqual(self.successResultOf(end).sessions_ended, 1)
        self.assertEqual([registry.by_sid(ISS, "late") for registry in self.both], [frozenset(), frozenset()])

    def test_use_once(self) -> None:
        """
        Of two that use a value at the same time, the one recorded first may.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                self.store.hold()
                uses = [self.start(registry.use_once("key", NOW + 60)) for registry in self.both]
                self.store.release(backwards=backwards)
                self.assertEqual([self.successResultOf(use) for use in uses], [not backwards, backwards])

    def test_a_late_follower_decides_alike(self) -> None:
        """
        Who learns of everything late, when its own clock is somewhere else, comes to the same conclusions.
        """
        self.store.lag()
        late = self.registry()
        self.begin("alice-1")
        self.done(self.one.end(ending("alice-1", tombstones=(tombstone("sub", "alice"),))))
        self.refused(self.other.begin(session("alice-2"), state_issued=NOW - 1), SignedOutMeanwhile)
        exchange = MemoryExchange()
        self.assertFalse(exchange.open(late, "alice-1"))
        self.clock.advance(2 * HOUR)
        self.store.catch_up()
        self.assertIsNone(late.find("alice-2"))
        self.assertEqual(late.ended("alice-1"), self.one.ended("alice-1"))


class UnavailableTests(RegistryTestCase):
    """
    A store that cannot record.
    """

    def test_nothing_changes(self) -> None:
        """
        What cannot be recorded has not happened: sessions neither begin nor end, nothing is cut, nothing is used.
        """
        self.begin()
        exchange = MemoryExchange()
        exchange.open(self.one, "alice-1")
        self.store.break_down()
        self.refused(self.one.end(ending("alice-1")), StoreUnavailable)
        self.refused(self.one.begin(session("bob-1"), state_issued=NOW), StoreUnavailable)
        self.refused(self.one.use_once("key", NOW + 60), StoreUnavailable)
        self.refused(self.one.use_route("alice-1", "route", "https://app.example.com"), StoreUnavailable)
        for registry in self.both:
            self.assertIsNotNone(registry.find("alice-1"))
            self.assertIsNone(registry.find("bob-1"))
        self.assertFalse(exchange.is_cut)
        self.store.failure = None
        self.assertEqual(self.done(self.one.end(ending("alice-1"))).sessions_ended, 1)
        self.assertTrue(exchange.is_cut)

    def test_nothing_is_recorded_in_vain(self) -> None:
        """
        An end that ends nothing and says nothing more needs no store.
        """
        self.store.break_down()
        receipt = self.done(self.one.end(ending("nobody")))
        self.assertEqual((receipt.sessions_ended, receipt.cause), (0, Cause.USER_ROUTE))

    def test_the_session_lives_until_the_end_is_recorded(self) -> None:
        """
        While an end waits for the store nothing is cut; then everything is, and only then is it answered.
        """
        self.begin()
        exchange = MemoryExchange()
        self.store.hold()
        end = self.start(self.one.end(ending("alice-1")))
        self.assertTrue(exchange.open(self.one, "alice-1"))
        self.assertNoResult(end)
        self.store.release()
        self.assertEqual(self.successResultOf(end).exchanges_cut["download"], 1)
        self.assertTrue(exchange.is_cut)

    def test_unreported_cuts_are_counted(self) -> None:
        """
        If the cuts cannot be recorded, everything is cut all the same and the receipt here counts it.
        """
        self.begin()
        MemoryExchange(on_cut=lambda exchange: self.store.break_down()).open(self.one, "alice-1")
        receipt = self.done(self.one.end(ending("alice-1")))
        self.assertEqual(receipt.exchanges_cut["download"], 1)
        self.assertEqual(self.one.receipt(receipt.id), receipt)
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 1)


class CutTests(RegistryTestCase):
    """
    What is open when a session ends.
    """

    def test_a_cut_that_raises(self) -> None:
        """
        One exchange that cannot be cut is logged and keeps none of the others.
        """
        self.begin()

        def fail(exchange: MemoryExchange) -> None:
            raise ZeroDivisionError

        exchanges = [MemoryExchange(), MemoryExchange(on_cut=fail), MemoryExchange()]
        for exchange in exchanges:
            exchange.open(self.one, "alice-1")
        self.assertEqual(self.done(self.one.end(ending("alice-1"))).sessions_ended, 1)
        self.assertEqual([len(exchange.causes) for exchange in exchanges], [1, 1, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_detached(self) -> None:
        """
        What is over before the end is neither cut nor counted; to detach it twice is harmless.
        """
        self.begin()
        over, open = MemoryExchange(), MemoryExchange()
        for exchange in (over, open):
            exchange.open(self.one, "alice-1")
        self.assertEqual(len(self.one.exchanges("alice-1")), 2)
        over.close()
        self.one.detach("alice-1", over)
        self.one.detach("nobody", over)
        (remaining,) = self.one.exchanges("alice-1")
        self.assertIs(remaining, open)
        receipt = self.done(self.one.end(ending("alice-1")))
        self.assertEqual((receipt.exchanges_cut["download"], over.causes), (1, []))
        self.assertEqual(self.one.exchanges("alice-1"), ())

    def test_an_end_from_inside_a_cut(self) -> None:
        """
        A cut that ends the session once more ends nothing, and cuts nothing twice.
        """
        self.begin()
        again: list[Deferred[Receipt]] = []
        first = MemoryExchange(on_cut=lambda exchange: again.append(self.start(self.one.end(ending("alice-1")))))
        second = MemoryExchange()
        for exchange in (first, second):
            exchange.open(self.one, "alice-1")
        self.done(self.one.end(ending("alice-1")))
        self.assertEqual(self.successResultOf(again[0]).sessions_ended, 0)
        self.assertEqual((len(first.causes), len(second.causes)), (1, 1))

    def test_reports_stop(self) -> None:
        """
        Leaving abandons the report of what was cut without a complaint.
        """
        self.begin()
        MemoryExchange(on_cut=lambda exchange: self.store.hold()).open(self.one, "alice-1")
        self.done(self.one.end(ending("alice-1")))
        self.assertIsInstance(self.store.appended[-1], CutReported)
        self.one.leave()
        self.store.release()


class DueTests(RegistryTestCase):
    """
    Sessions whose time has come.
    """

    def setUp(self) -> None:
        """
        Somebody listens at the first registry.
        """
        super().setUp()
        self.heard: list[tuple[str, Cause]] = []
        self.one.subscribe_due(lambda name, cause: self.heard.append((name, cause)))
        self.to_refresh: list[str] = []
        self.one.subscribe_refresh_due(self.to_refresh.append)

    def test_due(self) -> None:
        """
        A session is reported when it expires, once, as due until it is ended, and is not ended by the report.
        """
        self.begin("alice-1", expires=NOW + 20, tokens=tokens(access_token_expires=None))
        self.begin("bob-1", expires=NOW + 99, tokens=tokens(refresh_token=None, access_token_expires=NOW + 30))
        self.clock.advance(19)
        self.assertEqual(self.one.due(), [])
        self.clock.advance(1)
        self.clock.advance(10)
        expected = [("alice-1", Cause.EXPIRED), ("bob-1", Cause.TOKENS_EXPIRED)]
        self.assertEqual((self.heard, self.one.due()), (expected, expected))
        self.done(self.other.end(ending("alice-1", "bob-1", cause=Cause.EXPIRED)))
        self.clock.advance(99)
        self.assertEqual((self.heard, self.one.due(), self.other.due()), (expected, [], []))

    def test_ended_before(self) -> None:
        """
        A session that has ended is not reported when it would have expired.
        """
        self.begin(expires=NOW + 20)
        self.done(self.one.end(ending("alice-1")))
        self.clock.advance(30)
        self.assertEqual(self.heard, [])

    def test_one_delayed_call_of_a_kind(self) -> None:
        """
        However many sessions there are, each registry waits for three moments at most, and for none when it has left.
        """
        for number in range(100):
            self.begin(f"alice-{number}")
            self.begin(f"bob-{number}", tokens=tokens(refresh_token=None))
        self.assertLessEqual(len(self.clock.getDelayedCalls()), 6)
        for registry in self.both:
            registry.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refresh(self) -> None:
        """
        A refresh is due a minute before the access token expires, and after it again for the new one.
        """
        self.begin()
        self.clock.advance(HOUR - 61)
        self.assertEqual(self.to_refresh, [])
        self.clock.advance(1)
        self.assertEqual((self.to_refresh, self.one.refresh_due()), (["alice-1"], ["alice-1"]))
        now = self.clock.seconds()
        self.refresh(self.other, tokens=tokens("new", access_token_expires=now + HOUR), requested=now)
        self.assertEqual(self.one.refresh_due(), [])
        self.clock.advance(HOUR - 60)
        self.assertEqual(self.to_refresh, ["alice-1", "alice-1"])

    def test_refresh_put_off(self) -> None:
        """
        A refresh that is put off is due again at the time that was said, unless the session has ended.
        """
        self.begin("alice-1")
        self.begin("bob-1")
        self.clock.advance(HOUR - 60)
        for name in ("alice-1", "bob-1", "nobody"):
            self.one.put_off_refresh(name, self.clock.seconds() + 30)
        self.assertEqual(self.one.refresh_due(), [])
        self.done(self.one.end(ending("bob-1")))
        self.clock.advance(30)
        self.assertEqual(self.one.refresh_due(), ["alice-1"])

    def test_refreshed_into_a_signed_out_session(self) -> None:
        """
        A refresh that joins a session to one that the OP has signed out meanwhile is refused, and the session is due.
        """
        self.begin()
        self.done(self.one.end(ending(tombstones=(tombstone("sid", "gone"),))))
        self.assertFalse(self.refresh(self.other, sid="gone", requested=NOW - 1))
        self.assertEqual(self.heard, [("alice-1", Cause.REFRESH_REFUSED)])
        self.assertEqual(self.one.by_sid(ISS, "gone"), frozenset())


class SubscriptionTests(RegistryTestCase):
    """
    Who is told what.
    """

    def test_ended(self) -> None:
        """
        Every process is told which sessions ended, in the turn in which they do; nobody is told of nothing.
        """
        heard: list[tuple[Receipt, tuple[Session, ...]]] = []
        stop = self.other.subscribe_ended(lambda receipt, sessions: heard.append((receipt, sessions)))
        begun = self.begin()
        receipt = self.done(self.one.end(ending(begun.id, tombstones=(tombstone("sub", "alice"),))))
        self.done(self.one.end(ending(tombstones=(tombstone("sub", "alice"),))))
        self.assertEqual(heard, [(receipt, (begun,))])
        stop()
        self.begin("bob-1")
        self.done(self.one.end(ending("bob-1")))
        self.assertEqual(len(heard), 1)

    def test_owed(self) -> None:
        """
        Whoever revokes is told when more is owed, in every process, and when it may be done earlier.
        """
        heard: list[None] = []
        self.other.subscribe_owed(lambda: heard.append(None))
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(),))))
        self.assertEqual(len(heard), 1)
        self.done(self.one.release_revocations(receipt.id))
        self.assertEqual(len(heard), 2)
        self.done(self.one.owe(owed("owed-2")))
        self.assertEqual(len(heard), 3)

    def test_owed_at_the_start(self) -> None:
        """
        A registry that joins a store where something is owed says so.
        """
        self.done(self.one.owe(owed()))
        heard: list[None] = []
        late = SessionRegistry(self.store, self.clock)
        late.subscribe_owed(lambda: heard.append(None))
        self.done(late.join())
        self.assertTrue(heard)


class SecrecyTests(RegistryTestCase):
    """
    What must not be printed.
    """

    def test_repr(self) -> None:
        """
        No token shows when a record of ours is printed.
        """
        begun = self.begin()
        departure = session_store.departure(id_token="secret-id", reference="secret-reference", state="secret-state")
        self.done(self.one.end(ending(begun.id, departure=departure, owed=(owed(),))))
        self.refresh(self.one)
        printed = " ".join(repr(thing) for thing in [begun, begun.tokens, owed(), departure, *self.store.appended])
        for secret in ("refresh-alice-1", "access-alice-1", "idtoken-alice-1", "secret-"):
            self.assertNotIn(secret, printed)
