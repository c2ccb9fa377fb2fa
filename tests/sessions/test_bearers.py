"""
Tests of `pomerium_tx.sessions.bearers`, alone and through the registry.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.bearers import (
    HALF,
    UNKNOWN_LIFETIME,
    Bearers,
    is_bearer,
    new_bearer_session_id,
    remembered_until,
)
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import Ending, SessionRegistry, SignedOutMeanwhile
from pomerium_tx.sessions.session import Session, Tokens, new_session_id
from pomerium_tx.sessions.store import Cause

FINAL = [
    Cause.USER_ROUTE,
    Cause.USER_AUTHENTICATE,
    Cause.USER_EVERYWHERE,
    Cause.FRONT_CHANNEL,
    Cause.BACK_CHANNEL,
    Cause.ADMINISTRATOR,
    Cause.REFRESH_REFUSED,
    Cause.REPLACED,
]
IN_TIME = [Cause.EXPIRED, Cause.IDLE, Cause.TOKENS_EXPIRED, Cause.PROVIDER_REMOVED]


def session(session_id: str, *, tokens: Tokens | None = None) -> Session:
    """
    A session of that id, from 0 to 100.
    """
    return Session(
        id=session_id,
        browser=session_id,
        idp_id="op",
        iss="https://op.example.com",
        client_id="rp1",
        sub="alice",
        user_id="alice",
        email="",
        name="",
        began=0.0,
        expires=100.0,
        authenticated=0.0,
        id_token_iat=0.0,
        claims={},
        tokens=tokens or Tokens(id_token="", access_token=""),
    )


class NamesTests(SynchronousTestCase):
    """
    Ids of sessions that began with a token.
    """

    def test_told_apart(self) -> None:
        """
        No session of a browser passes for one of a token, and two of the same token are not the same session.
        """
        one, other = (new_bearer_session_id("digest", "scope") for _ in range(2))
        self.assertNotEqual(one, other)
        self.assertTrue(is_bearer(one))
        self.assertFalse(any(is_bearer(new_session_id()) for _ in range(100)))

    def test_causes(self) -> None:
        """
        Every cause is on one of the two sides: time's own, or somebody's.
        """
        self.assertEqual({*FINAL, *IN_TIME}, set(Cause))
        self.assertEqual([cause.is_final for cause in (*FINAL, *IN_TIME)], [True] * len(FINAL) + [False] * len(IN_TIME))

    def test_remembered_until(self) -> None:
        """
        An end is remembered for as long as the token could be presented.
        """
        name = new_bearer_session_id("digest", "scope")
        known = Tokens(id_token="", access_token="t", access_token_expires=1000.0)
        self.assertEqual(remembered_until(session(name, tokens=known)), 1000.0)
        self.assertEqual(remembered_until(session(name, tokens=replace(known, access_token_expires=50.0))), 100.0)
        self.assertEqual(remembered_until(session(name)), UNKNOWN_LIFETIME)
        self.assertEqual(remembered_until(session("browser", tokens=known)), 100.0)


class BearersTests(SynchronousTestCase):
    """
    The part of the fold.
    """

    def test_one_at_a_time(self) -> None:
        """
        One session of each token and scope.
        """
        bearers = Bearers()
        one = new_bearer_session_id("d", "a")
        bearers.begun(one)
        self.assertEqual(bearers.find("d", "a"), one)
        self.assertFalse(bearers.may_begin(new_bearer_session_id("d", "a")))
        self.assertTrue(bearers.may_begin(new_bearer_session_id("d", "b")))
        self.assertTrue(bearers.may_begin(new_bearer_session_id("e", "a")))
        self.assertTrue(bearers.may_begin("browser"))

    def test_same_token_signed_anew(self) -> None:
        """
        What is signed is not known without its signature, and over with any of them.
        """
        bearers = Bearers()
        first, second = ("t" * HALF + each * HALF for each in "ab")
        one, two = new_bearer_session_id(first, "s"), new_bearer_session_id(second, "s")
        bearers.begun(one)
        self.assertIsNone(bearers.find(second, "s"))
        self.assertTrue(bearers.may_begin(two))
        bearers.begun(two)
        self.assertEqual(set(bearers.of_same_tokens([two])), {one, two})
        bearers.ended([two], "r1", spends=False)
        self.assertEqual((bearers.find(first, "s"), bearers.is_spent(first)), (one, False))
        bearers.ended([one], "r2", spends=True)
        self.assertEqual((bearers.is_spent(first), bearers.is_spent(second)), (True, True))
        self.assertFalse(bearers.may_begin(two))
        self.assertTrue(bearers.may_begin(new_bearer_session_id("u" * HALF + "a" * HALF, "s")))

    def test_end_of_another(self) -> None:
        """
        The end of an earlier session of a token leaves the later one findable.
        """
        bearers = Bearers()
        one, two = (new_bearer_session_id("d", "a") for _ in range(2))
        bearers.begun(one)
        bearers.ended([one], "r", spends=False)
        bearers.begun(two)
        bearers.ended([one, "browser"], "r", spends=False)
        self.assertEqual(bearers.find("d", "a"), two)

    def test_forgotten(self) -> None:
        """
        With the receipt of the end goes the knowledge of the token; not with that of another end.
        """
        bearers = Bearers()
        one = new_bearer_session_id("d", "a")
        bearers.ended([one], "r1", spends=True)
        bearers.ended([one], "r2", spends=True)
        bearers.forget([one, "browser"], "r1")
        self.assertTrue(bearers.is_spent("d"))
        bearers.forget([one], "r2")
        self.assertFalse(bearers.is_spent("d"))


class RegistryTests(SynchronousTestCase):
    """
    Two registries on one store, as in two processes.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.one, self.other = (SessionRegistry(self.store, self.clock) for _ in range(2))
        for registry in (self.one, self.other):
            self.successResultOf(Deferred.fromCoroutine(registry.join()))
            self.addCleanup(registry.leave)

    def begin(self, registry: SessionRegistry, digest: str = "d", scope: str = "a") -> str:
        name = new_bearer_session_id(digest, scope)
        beginning = registry.begin(session(name), state_issued=0.0)
        self.successResultOf(Deferred.fromCoroutine(beginning))
        return name

    def refused(self, registry: SessionRegistry, digest: str = "d", scope: str = "a") -> None:
        beginning = registry.begin(session(new_bearer_session_id(digest, scope)), state_issued=0.0)
        self.failureResultOf(Deferred.fromCoroutine(beginning), SignedOutMeanwhile)

    def end(self, name: str, cause: Cause) -> int:
        ending = self.one._store.append(  # the door itself is not what is tested here
            Ending(session_ids=(name,), cause=cause, at=self.clock.seconds()).change(
                [found] if (found := self.one.known(name)) else [], 0
            )
        )
        self.successResultOf(Deferred.fromCoroutine(ending))
        return self.one.count

    def test_found_everywhere(self) -> None:
        """
        A session that one process begins is that of the token in all of them; a second never begins.
        """
        name = self.begin(self.one)
        self.assertEqual((self.one.by_bearer("d", "a"), self.other.by_bearer("d", "a")), (name, name))
        self.refused(self.other)
        self.assertEqual(self.one.count, 1)

    def test_final(self) -> None:
        """
        Whoever ends it: the token begins none any more, in whatever process, nor in one that joins later.
        """
        for cause in FINAL:
            with self.subTest(cause):
                digest = cause.value
                self.end(self.begin(self.one, digest), cause)
                late = SessionRegistry(self.store, self.clock)
                self.successResultOf(Deferred.fromCoroutine(late.join()))
                for registry in (self.one, self.other, late):
                    self.assertTrue(registry.is_spent(digest))
                    self.refused(registry, digest)
                    self.refused(registry, digest, "another")
                late.leave()

    def test_in_time(self) -> None:
        """
        What time has ended may begin again, by another id.
        """
        for cause in IN_TIME:
            with self.subTest(cause):
                before = self.begin(self.one, cause.value)
                self.end(before, cause)
                self.assertFalse(self.other.is_spent(cause.value))
                self.assertNotEqual(self.begin(self.other, cause.value), before)

    def test_all_of_a_token(self) -> None:
        """
        Who ends one session of a token ends its others too.
        """
        one, two = self.begin(self.one, scope="a"), self.begin(self.one, scope="b")
        self.assertEqual(self.end(one, Cause.USER_ROUTE), 0)
        self.assertIsNotNone(self.other.ended(two))

    def test_not_for_another_token(self) -> None:
        """
        One token's end leaves the sessions of all others alone.
        """
        one, two = self.begin(self.one, "d"), self.begin(self.one, "e")
        self.assertEqual(self.end(one, Cause.USER_ROUTE), 1)
        self.assertEqual(self.one.by_bearer("e", "a"), two)
        self.assertFalse(self.one.is_spent("e"))
