"""
What every session store has to do for the registries that follow it.

Import the module, not the class: trial runs an imported test case a second time.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.departure import Departure, Leg
from pomerium_tx.sessions.registry import SessionRegistry, SignedOutMeanwhile
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Change, Conflict, SeenJti, SessionStore, UsedOnce
from tests.doubles.exchanges import MemoryExchange
from tests.sessions.records import ISS, NOW, ending, owed, session, tokens, tombstone


def departure(**changes: Any) -> Departure:
    """
    A departure to nowhere in particular, of any of the people here.
    """
    fields: dict[str, Any] = {
        "reference": "reference",
        "receipt_id": "",
        "legs": legs(),
        "target": None,
        "expires": NOW + 600,
        "browsers": tuple(f"browser-{name}-{number}" for name in ("alice", "bob") for number in range(10)),
    }
    return Departure(**fields | changes)


def legs(*issuers: str, id_token: str | None = "id-alice", state: str = "state") -> tuple[Leg, ...]:
    """
    The way to these OPs; without any, to the one of the sessions here.
    """
    ways = issuers or (ISS,)
    return tuple(
        Leg(iss=iss, idp_id="idp", id_token=id_token, state=state if number == 0 else f"{state}-{number}")
        for number, iss in enumerate(ways)
    )


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
        registry = self.unjoined()
        self.done(registry.join())
        return registry

    def unjoined(self) -> SessionRegistry:
        """
        One more registry that has yet to join the store.
        """
        return SessionRegistry(self.store, self.clock)

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
