"""
What every session store has to do for the registries that follow it.

Import the module, not the class: trial runs an imported test case a second time.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.registry import SessionRegistry, SignedOutMeanwhile
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import (
    Cause,
    Change,
    Conflict,
    Departure,
    OpLogout,
    SeenJti,
    SessionStore,
    StoreUnavailable,
    UsedOnce,
)
from tests.doubles.exchanges import MemoryExchange
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tokens, tombstone


def departure(**changes: Any) -> Departure:
    """
    A departure to nowhere in particular.
    """
    fields: dict[str, Any] = {
        "reference": "reference",
        "state": "state",
        "receipt_id": "",
        "idp_id": "idp",
        "id_token": "id-alice",
        "target": None,
        "expires": NOW + 600,
    }
    return Departure(**fields | changes)


class SessionStoreContract:
    """
    Two registries on one store: whatever one of them is asked, both know.

    Mix it into a test case and say how a store is made.
    """

    def make_store(self) -> SessionStore:
        """
        A new, empty store.
        """
        raise NotImplementedError

    def setUp(self) -> None:
        """
        Two registries, joined.
        """
        assert isinstance(self, SynchronousTestCase)
        self.clock = Clock()
        self.clock.advance(NOW)
        self.store = self.make_store()
        self.one, self.other = self.registry(), self.registry()
        self.both = (self.one, self.other)

    def registry(self) -> SessionRegistry:
        """
        One more registry that has joined the store.
        """
        registry = SessionRegistry(self.store, self.clock)
        self.done(registry.join())
        return registry

    def done(self, coroutine: Any) -> Any:
        """
        What a coroutine answers, which must be at once.
        """
        assert isinstance(self, SynchronousTestCase)
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def refused(self, coroutine: Any, *reasons: type[Exception]) -> None:
        """
        A coroutine raises, at once.
        """
        assert isinstance(self, SynchronousTestCase)
        self.failureResultOf(Deferred.fromCoroutine(coroutine), *reasons)

    def begin(self, id: str = "alice-1", **changes: Any) -> Session:
        """
        A session that has begun at the first registry.
        """
        begun = session(id, **changes)
        self.done(self.one.begin(begun, state_issued=NOW - 10))
        return begun

    def refresh(self, registry: SessionRegistry, session_id: str = "alice-1", **changes: Any) -> bool:
        """
        Whether a session took new tokens.
        """
        fields: dict[str, Any] = {
            "tokens": tokens("new"),
            "claims": {"groups": ("new",)},
            "email": "new@example.com",
            "name": "New",
            "sid": None,
            "requested": NOW,
        }
        answer: bool = self.done(registry.refresh(session_id, **fields | changes))
        return answer


class LogContract(SessionStoreContract):
    """
    The log itself.
    """

    def test_positions_rise(self: Any) -> None:
        """
        Each change has a position behind that of the one before.
        """
        positions = [self.done(self.store.append(UsedOnce(key=key, at=NOW, expires=NOW + 9))) for key in "abc"]
        self.assertEqual(positions, sorted(set(positions)))

    def test_every_follower_has_applied_it(self: Any) -> None:
        """
        When an append answers, everybody who follows has seen the change, at the position that it answers.
        """
        seen: list[tuple[str, int]] = []
        for name in ("first", "second"):
            self.done(self.store.follow(0, lambda position, change, name=name: seen.append((name, position))))
        position = self.done(self.store.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        self.assertEqual(seen, [("first", position), ("second", position)])

    def test_follow_from_a_position(self: Any) -> None:
        """
        Who knows a part of the log is told the rest, once, and then what comes.
        """
        changes = [UsedOnce(key=key, at=NOW, expires=NOW + 9) for key in "abcd"]
        positions = [self.done(self.store.append(change)) for change in changes[:3]]
        seen: list[tuple[int, Change]] = []
        self.done(self.store.follow(positions[0], lambda position, change: seen.append((position, change))))
        positions.append(self.done(self.store.append(changes[3])))
        self.assertEqual(seen, list(zip(positions, changes, strict=True))[1:])

    def test_unfollow(self: Any) -> None:
        """
        Who has stopped following is told nothing more, and may say so twice.
        """
        seen: list[Change] = []
        unfollow = self.done(self.store.follow(0, lambda position, change: seen.append(change)))
        unfollow()
        unfollow()
        self.done(self.store.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        self.assertEqual(seen, [])

    def test_conflict(self: Any) -> None:
        """
        A change that depends on a version is written on that version and on no other.
        """
        position = self.done(self.store.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        late = UsedOnce(key="b", at=NOW, expires=NOW + 9)
        self.refused(self.store.append(late, expected_version=position - 1), Conflict)
        self.done(self.store.append(late, expected_version=position))
        seen: list[Change] = []
        self.done(self.store.follow(position, lambda position, change: seen.append(change)))
        self.assertEqual(seen, [late])

    def test_append_from_inside_apply(self: Any) -> None:
        """
        A change that answers a change comes behind it for everybody, before the first append answers.
        """
        answer = UsedOnce(key="answer", at=NOW, expires=NOW + 9)
        seen: dict[str, list[str]] = {"before": [], "after": []}
        appended: list[Deferred[int]] = []

        def reply(position: int, change: Change) -> None:
            if isinstance(change, UsedOnce) and change.key == "question":
                appended.append(Deferred.fromCoroutine(self.store.append(answer)))

        self.done(self.store.follow(0, lambda position, change: seen["before"].append(change.key)))
        self.done(self.store.follow(0, reply))
        self.done(self.store.follow(0, lambda position, change: seen["after"].append(change.key)))
        position = self.done(self.store.append(UsedOnce(key="question", at=NOW, expires=NOW + 9)))
        self.assertEqual(seen, {"before": ["question", "answer"], "after": ["question", "answer"]})
        self.assertGreater(self.successResultOf(appended[0]), position)


class LifeContract(SessionStoreContract):
    """
    Sessions begin, change, and are found.
    """

    def test_begun_is_found_by_both(self: Any) -> None:
        """
        Once a session has begun, every process finds it, by every name it has.
        """
        begun = self.begin(sids=("a", "b"))
        for registry in self.both:
            self.assertEqual(registry.find(begun.id), begun)
            self.assertEqual(registry.count, 1)
            self.assertEqual(list(registry.sessions()), [begun])
            for names in (
                registry.by_sid(ISS, "a"),
                registry.by_sid(ISS, "b"),
                registry.by_sub(ISS, "alice"),
                registry.by_browser(begun.browser),
            ):
                self.assertEqual(names, {begun.id})

    def test_issuer_matters(self: Any) -> None:
        """
        A ``sid`` or ``sub`` of another issuer names nobody.
        """
        self.begin()
        self.assertEqual(self.other.by_sid("https://evil.example", "sid-alice-1"), frozenset())
        self.assertEqual(self.other.by_sub("https://evil.example", "alice"), frozenset())

    def test_unknown(self: Any) -> None:
        """
        What never began is not found, and nothing can be attached to it.
        """
        for registry in self.both:
            self.assertIsNone(registry.find("nobody"))
            self.assertIsNone(registry.ended("nobody"))
            self.assertFalse(registry.attach("nobody", MemoryExchange()))
            self.assertEqual(registry.last_seen("nobody"), 0.0)

    def test_late_joiner(self: Any) -> None:
        """
        Who joins later knows what the others know: who lives, who was signed out, what is owed, what was used.
        """
        self.begin("alice-1", sids=("a",))
        self.begin("bob-1")
        self.refresh(self.one, sid="b")
        self.done(self.one.use_route("alice-1", "route", "https://app.example.com"))
        exchange = MemoryExchange(kind="sse")
        exchange.open(self.one, "bob-1")
        jti = SeenJti(iss=ISS, jti="jti", expires=NOW + 900)
        change = ending("bob-1", owed=(owed(name="bob-1"),), tombstones=(tombstone("sub", "bob"),), jti=jti)
        receipt = self.done(self.one.end(change))
        self.assertTrue(self.done(self.one.use_once("key", NOW + 900)))
        late = self.registry()
        self.assertEqual(late.find("alice-1"), self.one.find("alice-1"))
        self.assertEqual(late.by_sid(ISS, "a") | late.by_sid(ISS, "b"), {"alice-1"})
        self.assertEqual(late.ended("bob-1"), receipt)
        self.assertEqual(late.owed(), self.one.owed())
        self.assertTrue(late.has_seen(ISS, "jti"))
        self.assertFalse(self.done(late.use_once("key", NOW + 900)))
        self.refused(late.begin(session("bob-2"), state_issued=NOW - 1), SignedOutMeanwhile)

    def test_refresh(self: Any) -> None:
        """
        A refreshed session has the new tokens and claims everywhere, and every ``sid`` it ever had.
        """
        self.begin(sids=("old",))
        self.assertTrue(self.refresh(self.other, sid="new"))
        for registry in self.both:
            refreshed = registry.find("alice-1")
            self.assertEqual(refreshed.tokens, tokens("new"))
            self.assertEqual((refreshed.email, refreshed.name), ("new@example.com", "New"))
            self.assertEqual(refreshed.claims, {"groups": ("new",)})
            self.assertEqual(refreshed.sids, ("old", "new"))
            self.assertEqual(registry.by_sid(ISS, "old"), {"alice-1"})
            self.assertEqual(registry.by_sid(ISS, "new"), {"alice-1"})

    def test_refresh_after_the_end(self: Any) -> None:
        """
        A refresh that comes after the end brings nothing back, under no name.
        """
        self.begin()
        self.done(self.one.end(ending("alice-1")))
        self.assertFalse(self.refresh(self.other, sid="new"))
        for registry in self.both:
            self.assertIsNone(registry.find("alice-1"))
            self.assertEqual(registry.by_sid(ISS, "new"), frozenset())

    def test_use_route(self: Any) -> None:
        """
        The first use of a route is recorded once, wherever the next ones are.
        """
        self.begin()
        self.done(self.one.use_route("alice-1", "route", "https://app.example.com"))
        self.clock.advance(5)
        self.done(self.other.use_route("alice-1", "route", "https://elsewhere.example.com"))
        for registry in self.both:
            use = registry.find("alice-1").uses["route"]
            self.assertEqual((use.origin, use.first_used), ("https://app.example.com", NOW))

    def test_use_once(self: Any) -> None:
        """
        Of all who use a value, in whatever process, one may; afterwards its time is over for everybody.
        """
        answers = [self.done(registry.use_once("key", NOW + 60)) for registry in (*self.both, *self.both)]
        self.assertEqual(answers, [True, False, False, False])
        self.assertTrue(self.done(self.other.use_once("another", NOW + 60)))
        self.assertFalse(self.done(self.other.use_once("too late", NOW)))


class EndContract(SessionStoreContract):
    """
    Sessions end, everywhere.
    """

    def test_ends_everywhere(self: Any) -> None:
        """
        An ended session is found nowhere, under no name, and nothing can be attached to it.
        """
        begun = self.begin(sids=("a", "b"))
        self.begin("bob-1")
        receipt = self.done(self.other.end(ending(begun.id)))
        self.assertEqual(receipt.sessions_ended, 1)
        for registry in self.both:
            self.assertIsNone(registry.find(begun.id))
            self.assertIsNone(registry.known(begun.id))
            self.assertEqual(registry.by_sid(ISS, "a") | registry.by_sid(ISS, "b"), frozenset())
            self.assertEqual(registry.by_sub(ISS, "alice") | registry.by_browser(begun.browser), frozenset())
            self.assertFalse(registry.attach(begun.id, MemoryExchange()))
            self.assertEqual(registry.ended(begun.id), receipt)
            self.assertEqual(registry.receipt(receipt.id), receipt)
            self.assertIsNotNone(registry.find("bob-1"))

    def test_cuts_everywhere(self: Any) -> None:
        """
        What is open for the session is cut, each once, in every process, before the end is answered, and counted.
        """
        self.begin()
        self.begin("bob-1")
        here = [MemoryExchange(kind=kind) for kind in ("websocket", "tunnel", "upload", "unheard of")]
        there = [MemoryExchange(kind="sse"), MemoryExchange(kind="download", in_doubt=True, method="POST")]
        bobs = MemoryExchange()
        for exchange in here:
            self.assertTrue(exchange.open(self.one, "alice-1"))
        for exchange in there:
            self.assertTrue(exchange.open(self.other, "alice-1"))
        self.assertTrue(bobs.open(self.other, "bob-1"))
        receipt = self.done(self.one.end(ending("alice-1", cause=Cause.BACK_CHANNEL)))
        self.assertEqual([exchange.causes for exchange in here + there], [[Cause.BACK_CHANNEL]] * 6)
        self.assertFalse(bobs.is_cut)
        counts = {"websocket": 1, "tunnel": 1, "sse": 1, "upload": 1, "download": 2}
        self.assertEqual(receipt.exchanges_cut, counts)
        self.assertEqual(receipt.in_doubt, {"POST route": 1})
        self.assertEqual(self.other.receipt(receipt.id), receipt)

    def test_nothing_can_be_found_when_the_first_is_cut(self: Any) -> None:
        """
        By the time the first exchange is cut, none of the sessions can be found in that process, nor attached to.
        """
        names = ("alice-1", "alice-2")
        seen: list[object] = []

        def look(exchange: MemoryExchange) -> None:
            seen.extend(self.one.find(name) for name in names)
            seen.extend(self.one.attach(name, MemoryExchange()) or None for name in names)

        for name in names:
            self.begin(name)
            MemoryExchange(on_cut=look).open(self.one, name)
        self.done(self.one.end(ending(*names)))
        self.assertEqual(seen, [None] * 8)

    def test_idempotent(self: Any) -> None:
        """
        Ending what has ended, or never was, ends nothing and says so; the first receipt stands.
        """
        self.begin()
        first = self.done(self.one.end(ending("alice-1", "alice-1")))
        again = self.done(self.other.end(ending("alice-1", "nobody")))
        self.assertEqual((first.sessions_ended, again.sessions_ended), (1, 0))
        for registry in self.both:
            self.assertEqual(registry.ended("alice-1"), first)

    def test_an_ended_id_never_begins_again(self: Any) -> None:
        """
        A session whose id has ended does not begin.
        """
        begun = self.begin()
        self.done(self.one.end(ending(begun.id)))
        self.refused(self.other.begin(begun, state_issued=NOW + 60), SignedOutMeanwhile)
        self.assertEqual([registry.find(begun.id) for registry in self.both], [None, None])

    def test_replaced(self: Any) -> None:
        """
        A browser's earlier session ends by the one that replaces it, which lives.
        """
        self.begin("alice-1", browser="b")
        self.begin("alice-2", browser="b")
        earlier = self.other.by_browser("b") - {"alice-2"}
        self.done(self.other.end(ending(*earlier, cause=Cause.REPLACED)))
        for registry in self.both:
            self.assertEqual(registry.by_browser("b"), {"alice-2"})
            self.assertEqual(registry.ended("alice-1").cause, Cause.REPLACED)

    def test_tombstones(self: Any) -> None:
        """
        Who was signed out while signing in is not signed in, whichever way they were named; who begins later is.
        """
        for kind, value in (("browser", "browser-alice-2"), ("sid", "sid-alice-2"), ("sub", "alice")):
            with self.subTest(kind=kind):
                self.setUp()
                self.done(self.one.end(ending(tombstones=(tombstone(kind, value),))))
                late = session("alice-2")
                self.refused(self.other.begin(late, state_issued=NOW - 0.1), SignedOutMeanwhile)
                self.assertEqual([registry.find(late.id) for registry in self.both], [None, None])
                self.done(self.other.begin(session("bob-1"), state_issued=NOW - 0.1))
                self.done(self.other.begin(late, state_issued=NOW + 0.1))
                self.assertEqual([registry.find(late.id) for registry in self.both], [late, late])

    def test_routes(self: Any) -> None:
        """
        The receipt names the origins that the ended sessions were used on, each once.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        for name, route in (("alice-1", "b"), ("alice-1", "a"), ("alice-2", "a")):
            self.done(self.one.use_route(name, route, f"https://{route}.example.com"))
        receipt = self.done(self.other.end(ending("alice-1", "alice-2")))
        self.assertEqual(receipt.routes, ("https://a.example.com", "https://b.example.com"))

    def test_departure(self: Any) -> None:
        """
        What the way to the OP needs is known everywhere, by reference and by ``state``, and for its time only.
        """
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", departure=departure())))
        for registry in self.both:
            found = registry.departure("reference")
            self.assertEqual(found, departure(receipt_id=receipt.id))
            self.assertEqual(registry.departure_by_state("state"), found)
        self.clock.advance(600)
        for registry in self.both:
            self.assertIsNone(registry.departure("reference"))
            self.assertIsNone(registry.departure_by_state("state"))

    def test_departure_of_nothing(self: Any) -> None:
        """
        A sign-out that ended nothing leads the browser the same way, and its receipt can be read.
        """
        receipt = self.done(self.one.end(ending(departure=departure())))
        self.assertEqual(receipt.sessions_ended, 0)
        self.assertEqual(self.other.departure("reference").receipt_id, receipt.id)
        self.assertEqual(self.other.receipt(receipt.id), receipt)

    def test_jti(self: Any) -> None:
        """
        A Logout Token that was acted on is known everywhere, and only under its own issuer.
        """
        self.done(self.one.end(ending(jti=SeenJti(iss=ISS, jti="jti", expires=NOW + 60))))
        for registry in self.both:
            self.assertTrue(registry.has_seen(ISS, "jti"))
            self.assertFalse(registry.has_seen("https://evil.example", "jti"))

    def test_hold(self: Any) -> None:
        """
        The hold is released by the return from the OP or its word, and by no doubt that comes afterwards.
        """
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", op_logout=OpLogout.PENDING)))
        steps = [
            (OpLogout.UNREACHABLE, OpLogout.UNREACHABLE, False),
            (OpLogout.RETURNED, OpLogout.RETURNED, True),
            (OpLogout.UNCONFIRMED, OpLogout.RETURNED, True),
            (OpLogout.CONFIRMED, OpLogout.CONFIRMED, True),
            (OpLogout.RETURNED, OpLogout.CONFIRMED, True),
        ]
        for said, known, released in steps:
            with self.subTest(said=said):
                self.done(self.other.op_logout(receipt.id, said))
                for registry in self.both:
                    self.assertIs(registry.ended("alice-1").op_logout, known)
                    self.assertIs(registry.ended("alice-1").op_logout.releases_hold, released)

    def test_owed(self: Any) -> None:
        """
        What an end owes is known everywhere until it is done, and can be released from its wait.
        """
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(),))))
        self.assertEqual(receipt.tokens_to_revoke, 2)
        self.done(self.other.owe(owed("owed-2", "stray")))
        for registry in self.both:
            self.assertEqual(registry.owed(), [owed(receipt_id=receipt.id), owed("owed-2", "stray")])
        self.done(self.other.release_revocations(receipt.id))
        for registry in self.both:
            self.assertEqual([one.not_before for one in registry.owed()], [0.0, NOW + 60])
        for name in ("owed-1", "owed-2", "owed-2", "unknown"):
            self.done(self.other.revocation_done(name, 1))
        self.assertEqual([registry.owed() for registry in self.both], [[], []])

    def test_remembered(self: Any) -> None:
        """
        An end is remembered for a day, and for as long as the session could have lived.
        """
        self.begin("alice-1", expires=NOW + 14 * HOUR)
        self.begin("alice-2", expires=NOW + 40 * HOUR)
        self.done(self.one.end(ending("alice-1")))
        self.done(self.one.end(ending("alice-2")))
        for hours, remembered in ((23, {"alice-1", "alice-2"}), (39, {"alice-2"}), (41, set())):
            self.clock.advance(NOW + hours * HOUR - self.clock.seconds())
            self.done(self.one.use_once(f"after {hours}", self.clock.seconds() + 1))
            for registry in self.both:
                known = {name for name in ("alice-1", "alice-2") if registry.ended(name) is not None}
                self.assertEqual(known, remembered)

    def test_leaving(self: Any) -> None:
        """
        Who has left answers for no session, records nothing, and does not keep the others from doing so.
        """
        self.begin()
        self.one.leave()
        self.assertIsNone(self.one.find("alice-1"))
        self.refused(self.one.end(ending("alice-1")), StoreUnavailable)
        self.refused(self.one.begin(session("bob-1"), state_issued=NOW), StoreUnavailable)
        self.assertEqual(self.done(self.other.end(ending("alice-1"))).sessions_ended, 1)
