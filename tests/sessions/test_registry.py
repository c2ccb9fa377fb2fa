"""
Tests for `pomerium_tx.sessions.registry`.

What holds for every store is in `tests.contracts.session_store`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import RouteUse, Session
from pomerium_tx.sessions.store import Cause, CutReported, NoticeDone, OpLogout, RevocationDone, StoreUnavailable
from tests.contracts import session_store
from tests.doubles.exchanges import MemoryExchange
from tests.sessions import registries
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tokens, tombstone


class FindTests(registries.RegistryTestCase):
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
        A session was last seen when and where it was last used, or began; use of an ended one leaves nothing behind.
        """
        self.begin()
        self.clock.advance(5)
        self.assertEqual(self.one.last_seen("alice-1"), NOW)
        self.one.touch("alice-1")
        self.assertEqual(self.one.last_seen("alice-1"), NOW + 5)
        self.assertEqual(self.one.last_address("alice-1"), "192.0.2.1")
        self.one.touch("alice-1", "192.0.2.9")
        self.one.touch("alice-1")
        self.assertEqual(self.one.last_address("alice-1"), "192.0.2.9")
        self.done(self.one.end(ending("alice-1")))
        self.one.touch("alice-1")
        self.assertEqual((self.one.last_seen("alice-1"), self.one.last_address("alice-1")), (0.0, ""))
        self.assertEqual(self.one._activity._seen, {})


class UnavailableTests(registries.RegistryTestCase):
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
        An end that ends nothing and says nothing more needs no store; nor does what changes nothing besides.
        """
        origin = "https://app.example.com"
        self.begin("alice-1", uses={"app": RouteUse(origin=origin, first_used=NOW)})
        confirmed = self.done(self.one.end(ending("bob-1", departure=session_store.departure())))
        self.done(self.one.op_logout(confirmed.id, OpLogout.CONFIRMED))
        self.store.break_down()
        receipt = self.done(self.one.end(ending("nobody")))
        self.assertEqual((receipt.sessions_ended, receipt.cause), (0, Cause.USER_ROUTE))
        self.assertFalse(self.refresh(self.one, "nobody"))
        for name in ("alice-1", "nobody"):
            self.done(self.one.use_route(name, "app", origin))
        for expires in (NOW - 1, NOW):
            self.assertFalse(self.done(self.one.use_once("key", expires)))
        for receipt_id in (confirmed.id, "unknown"):
            self.done(self.one.op_logout(receipt_id, OpLogout.CONFIRMED))
        self.done(self.one.revocation_done("unknown", 1))
        self.done(self.one.notice_done("unknown", 1))

    def test_what_is_done_is_recorded(self) -> None:
        """
        That a token is revoked, or an application told, is recorded with the end that it was for and how often it took.
        """
        self.begin(uses={"app": RouteUse(origin="https://app.example.com", first_used=NOW)})
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(),), notify=("app",))))
        [notice] = self.other.notices()
        self.done(self.other.revocation_done("owed-1", 3))
        self.done(self.one.notice_done(notice.id, 4))
        self.assertEqual(
            self.store.appended[-2:],
            [
                RevocationDone(id="owed-1", receipt_id=receipt.id, attempts=3),
                NoticeDone(id=notice.id, receipt_id=receipt.id, attempts=4),
            ],
        )

    def test_a_release_is_recorded_once(self) -> None:
        """
        That revocations need not wait is recorded while one waits, however often it is said; then they do not wait.
        """
        self.begin("alice-1")
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(name="alice-1"),))))
        self.assertEqual([one.not_before for one in self.one.owed()], [NOW + 60])
        self.done(self.one.release_revocations("another"))
        before = len(self.store.appended)
        for _ in range(3):
            self.done(self.one.release_revocations(receipt.id))
        self.assertEqual([one.not_before for one in self.one.owed()], [0.0])
        self.assertEqual(len(self.store.appended), before + 1)

    def test_no_release_of_what_is_due(self) -> None:
        """
        Nothing is recorded for revocations whose time has come, or that are done.
        """
        self.begin("alice-1")
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(name="alice-1"),))))
        self.clock.advance(60)
        self.store.break_down()
        self.done(self.one.release_revocations(receipt.id))
        self.store.failure = None
        self.done(self.one.revocation_done(self.one.owed()[0].id, 1))
        self.store.break_down()
        self.done(self.one.release_revocations(receipt.id))
        self.one.leave()
        self.refused(self.one.release_revocations(receipt.id), StoreUnavailable)

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


class CutTests(registries.RegistryTestCase):
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
        receipt = self.done(self.one.end(ending("alice-1")))
        self.assertIsInstance(self.store.appended[-1], CutReported)
        self.one.leave()
        self.store.release()
        known = self.other.receipt(receipt.id)
        assert known is not None
        self.assertEqual((receipt.exchanges_cut["download"], known.exchanges_cut["download"]), (1, 0))


class LeavingTests(registries.RegistryTestCase):
    """
    A process that does not hear of ends any more.
    """

    def test_knows_of_nothing(self) -> None:
        """
        It answers for no session, neither for those that lived nor for those that begin or end elsewhere; what was open
        here is not cut, since nobody has signed out.
        """
        begun = self.begin()
        self.begin("bob-1")
        ended = self.done(self.one.end(ending("bob-1")))
        exchange = MemoryExchange()
        exchange.open(self.one, "alice-1")
        self.one.leave()
        self.assertEqual((self.one.exchanges("alice-1"), exchange.causes), ((), []))
        self.done(self.other.begin(session("carol-1"), state_issued=NOW))
        self.assertEqual(self.other.count, 2)
        self.assertEqual((self.one.count, self.one.find("alice-1"), self.one.find("carol-1")), (0, None, None))
        self.assertEqual(
            (self.one.by_sub(ISS, "alice"), self.one.by_browser(begun.browser)), (frozenset(), frozenset())
        )
        self.assertEqual((self.one.receipt(ended.id), self.one.ended("bob-1")), (None, None))

    def test_ends_nothing(self) -> None:
        """
        It never says that there was nothing to end: that it cannot know.
        """
        self.begin()
        self.one.leave()
        self.refused(self.one.end(ending("alice-1")), StoreUnavailable)
        self.refused(self.unjoined().end(ending("alice-1")), StoreUnavailable)

    def test_begins_nothing(self) -> None:
        """
        What is asked of it is not recorded, since it could not say what has become of it.
        """
        self.one.leave()
        for asked in (self.one.begin(session(), state_issued=NOW), self.one.use_once("key", NOW + 60)):
            self.refused(asked, StoreUnavailable)
        self.assertEqual((self.other.count, self.done(self.other.use_once("key", NOW + 60))), (0, True))

    def test_twice(self) -> None:
        """
        To leave twice, or before one has joined, is harmless.
        """
        self.one.leave()
        self.one.leave()
        self.unjoined().leave()


class DueTests(registries.RegistryTestCase):
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

    def test_reported_from_outside(self) -> None:
        """
        A session that somebody else finds due is reported like any other, unless it has ended.
        """
        self.begin()
        for name in ("alice-1", "alice-1", "nobody"):
            self.one.report_due(name, Cause.PROVIDER_REMOVED)
        self.assertEqual(self.heard, [("alice-1", Cause.PROVIDER_REMOVED)])

    def test_one_delayed_call_of_a_kind(self) -> None:
        """
        However many sessions there are, each registry waits for four moments at most, and for none when it has left.
        """
        for registry in self.both:
            registry.set_idle_timeout(HOUR)
        for number in range(100):
            self.begin(f"alice-{number}")
            self.begin(f"bob-{number}", tokens=tokens(refresh_token=None))
        self.assertLessEqual(len(self.clock.getDelayedCalls()), 8)
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

    def test_refreshed(self) -> None:
        """
        A refresh that brings no ``sid`` is taken, and every process hears of it until it wants to no more.
        """
        self.begin()
        told: list[Session] = []
        stop = self.other.subscribe_refreshed(told.append)
        self.assertTrue(self.refresh(self.one))
        self.assertEqual(told, [self.one.find("alice-1")])
        stop()
        self.assertTrue(self.refresh(self.one))
        self.assertEqual(len(told), 1)

    def test_refreshed_into_a_signed_out_session(self) -> None:
        """
        A refresh that joins a session to one that the OP has signed out meanwhile is refused, and the session is due.
        """
        self.begin()
        self.done(self.one.end(ending(tombstones=(tombstone("sid", "gone"),))))
        self.assertFalse(self.refresh(self.other, sid="gone", requested=NOW - 1))
        self.assertEqual(self.heard, [("alice-1", Cause.REFRESH_REFUSED)])
        self.assertEqual(self.one.by_sid(ISS, "gone"), frozenset())


class SubscriptionTests(registries.RegistryTestCase):
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
        Whoever revokes is told when more is owed, in every process, and when it may be done earlier; whoever tells
        applications is not, for that.
        """
        heard: list[None] = []
        self.other.subscribe_notices(self.fail)
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


class SeveralProvidersTests(registries.RegistryTestCase):
    """
    An end that leads to several OPs.
    """

    def test_each_by_itself(self) -> None:
        """
        What one OP says is known of that OP, and lets no other's tokens be revoked; what is said of none is of each.
        Nothing is recorded twice.
        """
        there = "https://other.example.com"
        self.begin("alice-1")
        self.begin("alice-2", iss=there, idp_id="other")
        receipt = self.done(
            self.one.end(
                ending(
                    "alice-1",
                    "alice-2",
                    departure=session_store.departure(legs=session_store.legs(ISS, there)),
                    op_logouts={ISS: OpLogout.PENDING, there: OpLogout.PENDING},
                    owed=(owed("a", "alice-1"), owed("b", "alice-2", iss=there, idp_id="other")),
                )
            )
        )

        def learn(value: OpLogout, *iss: str) -> tuple[dict[str, OpLogout], list[str]]:
            for _ in range(2):
                self.done(self.one.op_logout(receipt.id, value, *iss))
                self.done(self.one.release_revocations(receipt.id, *iss))
                self.store.break_down()
            self.store.recover()
            known = self.other.receipt(receipt.id)
            assert known is not None
            return dict(known.op_logouts), [one.id for one in self.other.owed() if one.not_before > NOW]

        expected = {ISS: OpLogout.CONFIRMED, there: OpLogout.PENDING}
        self.assertEqual(learn(OpLogout.CONFIRMED, ISS), (expected, ["b"]))
        self.assertEqual(learn(OpLogout.RETURNED), ({**expected, there: OpLogout.RETURNED}, []))


class LimitsTests(registries.RegistryTestCase):
    """
    How much is remembered.
    """

    def test_as_it_is_told(self) -> None:
        """
        A registry remembers as many ends as it was told to, before and after it has left and joined again.
        """
        for name in ("alice-1", "bob-1", "carol-1"):
            self.begin(name)
            self.done(self.one.end(ending(name)))
        few = SessionRegistry(self.store, self.clock, Limits(receipts=2))
        for _ in range(2):
            self.done(few.join())
            known = [few.ended(name) is not None for name in ("alice-1", "bob-1", "carol-1")]
            self.assertEqual(known, [False, True, True])
            few.leave()


class SecrecyTests(registries.RegistryTestCase):
    """
    What must not be printed.
    """

    def test_repr(self) -> None:
        """
        No token shows when a record of ours is printed.
        """
        begun = self.begin()
        departure = session_store.departure(
            reference="secret-reference", legs=session_store.legs(id_token="secret-id", state="secret-state")
        )
        self.done(self.one.end(ending(begun.id, departure=departure, owed=(owed(),))))
        self.refresh(self.one)
        printed = " ".join(repr(thing) for thing in [begun, begun.tokens, owed(), departure, *self.store.appended])
        for secret in ("refresh-alice-1", "access-alice-1", "idtoken-alice-1", "secret-"):
            self.assertNotIn(secret, printed)


class BegunTests(registries.RegistryTestCase):
    """
    Who wants to know of sessions that begin.
    """

    def test_wherever(self) -> None:
        """
        Each session that begins is told once, in whatever process it began, until that is not wanted any more.
        """
        told: list[str] = []
        stop = self.other.subscribe_begun(lambda session: told.append(session.id))
        self.begin("alice-1")
        self.done(self.other.begin(session("bob-1"), state_issued=NOW))
        stop()
        self.begin("alice-2")
        self.assertEqual(told, ["alice-1", "bob-1"])
