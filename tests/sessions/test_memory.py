"""
Tests for `pomerium_tx.sessions.memory`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import Change, StoreUnavailable, UsedOnce
from tests.contracts import session_ends, session_idle, session_provider, session_store
from tests.sessions.records import HOUR, NOW, ending, session


class MemoryLogTests(session_store.LogContract, SynchronousTestCase):
    """
    The log contract, in memory.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()


class MemoryLifeTests(session_store.LifeContract, SynchronousTestCase):
    """
    The life contract, in memory.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()


class MemoryEndTests(session_ends.EndContract, SynchronousTestCase):
    """
    The end contract, in memory.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()


class MemoryProviderTests(session_provider.ProviderContract, SynchronousTestCase):
    """
    The provider contract, in memory.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()


class MemoryNoticeTests(session_provider.NoticeContract, SynchronousTestCase):
    """
    The notice contract, in memory.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()


class MemoryIdleTests(session_idle.IdleContract, SynchronousTestCase):
    """
    The idle contract, in memory.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()


class MemoryStoreTests(session_store.SessionStoreContract, SynchronousTestCase):
    """
    What only this store promises.
    """

    store: MemoryStore

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore(Limits())

    def test_memory_is_bounded(self) -> None:
        """
        A thousand people who sign in and out leave nothing behind once their time is over.
        """
        for number in range(1000):
            self.begin(f"alice-{number}")
            self.assertTrue(self.refresh(self.one, f"alice-{number}"))
            self.done(self.one.end(ending(f"alice-{number}")))
        self.assertEqual(len(self.store), 1000)
        self.clock.advance(25 * HOUR)
        self.done(self.one.use_once("later", self.clock.seconds() + 1))
        self.assertEqual(len(self.store), 1)

    def test_a_broken_follower(self) -> None:
        """
        A follower that cannot read a change keeps it from nobody else, and the fault is logged.
        """

        def broken(position: int, change: Change) -> None:
            raise ZeroDivisionError

        self.done(self.store.follow(0, broken))
        later = self.registry()
        self.begin()
        self.assertIsNotNone(later.find("alice-1"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_unfollow_in_the_middle(self) -> None:
        """
        A follower that another one stops while a change is delivered is not told of it.
        """
        seen: list[Change] = []
        stops: list[Callable[[], None]] = []
        self.done(self.store.follow(0, lambda position, change: stops[0]()))
        stops.append(self.done(self.store.follow(0, lambda position, change: seen.append(change))))
        self.begin()
        self.assertEqual(seen, [])

    def test_joining_in_the_middle(self) -> None:
        """
        Who begins to follow while a change is delivered is told of it once.
        """
        seen: list[Change] = []

        def join(position: int, change: Change) -> None:
            if not seen:
                Deferred.fromCoroutine(self.store.follow(0, lambda position, change: seen.append(change)))

        self.done(self.store.follow(0, join))
        change = UsedOnce(key="a", at=NOW, expires=NOW + 9)
        self.done(self.store.append(change))
        self.assertEqual(seen, [change])

    def test_a_gap_is_not_hidden(self) -> None:
        """
        Who asks for the log from a position behind which something was dropped is refused; from the beginning is fine.
        """
        first = self.done(self.store.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        self.done(self.one.begin(session(), state_issued=NOW))
        self.done(self.one.end(ending("alice-1")))
        self.refused(self.store.follow(first, lambda position, change: None), StoreUnavailable)
        self.done(self.store.follow(0, lambda position, change: None))


class PiecesTests(session_store.SessionStoreContract, SynchronousTestCase):
    """
    A log that is read a piece at a time, while it is written.
    """

    def make_store(self) -> MemoryStore:
        """
        A store in memory.
        """
        return MemoryStore()

    def test_positions(self) -> None:
        """
        What is kept after a position is found by its own positions, in order; what is dropped is not there.
        """
        changes = [UsedOnce(key=key, at=NOW, expires=NOW + 9) for key in "abcd"]
        positions = [self.done(self.store.append(change)) for change in changes]
        store = cast(MemoryStore, self.store)
        self.assertEqual(store.positions(positions[1]), positions[2:])
        self.done(self.store.append(changes[0]))
        self.assertEqual(store.position, positions[-1] + 1)
        self.assertEqual(store.positions(0), positions)
        self.assertEqual([store.at(position) for position in positions], changes)
        self.assertIsNone(store.at(store.position))

    def test_attend(self) -> None:
        """
        Who attends is told what comes, and nothing that was there.
        """
        store = cast(MemoryStore, self.store)
        self.done(store.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        seen: list[Change] = []
        unfollow = store.attend(store.position, lambda position, change: seen.append(change))
        new = UsedOnce(key="b", at=NOW, expires=NOW + 9)
        self.done(store.append(new))
        unfollow()
        self.done(store.append(UsedOnce(key="c", at=NOW, expires=NOW + 9)))
        self.assertEqual(seen, [new])
