"""
Tests for `pomerium_tx.workers.shared_store`: what an append waits for, and what becomes of who keeps it waiting.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, Change, Conflict, SessionsEnded, StoreUnavailable, UsedOnce
from pomerium_tx.workers.follower import PATIENCE, SECOND_LOOK
from tests.sessions.records import NOW
from tests.workers.links import Worker, Workers


def change(key: str = "a") -> UsedOnce:
    """
    A change like any other.
    """
    return UsedOnce(key=key, at=NOW, expires=NOW + 9)


class SharedStoreCase(SynchronousTestCase):
    """
    A store, and workers that follow it.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.workers = Workers(self.clock)
        self.shared = self.workers.shared
        self.seen: dict[Worker, list[Change]] = {}

    def done(self, coroutine: Any) -> Any:
        """
        What a coroutine answers, at once.
        """
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def following(self, **options: Any) -> Worker:
        """
        One more worker that follows.
        """
        worker = self.workers.worker(**options)
        seen = self.seen[worker] = []
        self.done(worker.store.follow(0, lambda position, change: seen.append(change)))
        return worker

    def joined(self, worker: Worker | None = None) -> tuple[Worker, SessionRegistry]:
        """
        A worker with a registry.
        """
        worker = worker or self.workers.worker()
        registry = SessionRegistry(worker.store, self.clock)
        self.done(registry.join())
        return worker, registry


class WaitingTests(SharedStoreCase):
    """
    An append answers when everybody has applied the change.
    """

    def test_every_worker(self) -> None:
        """
        It answers neither the parent nor a worker while any worker does not say that it has applied it.
        """
        one, other = self.following(), self.following()
        for store in (self.shared, one.store, other.store):
            other.to_parent.hold()
            appending = Deferred.fromCoroutine(store.append(change()))
            self.assertNoResult(appending)
            self.assertEqual(self.seen[one], self.seen[other])
            other.to_parent.release()
            self.successResultOf(appending)

    def test_not_for_who_joins(self) -> None:
        """
        Whoever has not been told everything yet serves nothing, and keeps nobody waiting.
        """
        self.following()
        for number in range(2000):
            self.done(self.shared.append(change(str(number))))
        late = self.workers.worker()
        late.to_parent.hold()
        seen: list[Change] = []
        joining = Deferred.fromCoroutine(late.store.follow(0, lambda position, change: seen.append(change)))
        late.to_parent.release()
        late.to_child.hold()
        self.assertEqual(self.shared.replicas, 2)
        self.assertEqual(len(seen), 2000)
        self.successResultOf(joining)

    def test_what_is_appended_meanwhile(self) -> None:
        """
        A change that a worker appends while it applies another is applied everywhere before the first append answers.
        """
        one, other = self.following(), self.workers.worker()
        seen: list[str] = []
        appended: list[Deferred[int]] = []

        def apply(position: int, change_: Change) -> None:
            assert isinstance(change_, UsedOnce)
            seen.append(change_.key)
            if change_.key == "question":
                appended.append(Deferred.fromCoroutine(other.store.append(change("answer"))))

        self.done(other.store.follow(0, apply))
        one.to_parent.hold()
        asking = Deferred.fromCoroutine(self.shared.append(change("question")))
        self.assertEqual(seen, ["question", "answer"])
        one.to_parent.release_one()
        self.assertNoResult(asking)
        one.to_parent.release()
        self.successResultOf(asking)
        self.successResultOf(appended[0])

    def test_here_too(self) -> None:
        """
        What this process appends while it applies another change comes before the answer as well.
        """
        one = self.following()
        answers: list[Deferred[int]] = []

        def apply(position: int, change_: Change) -> None:
            if change_ == change("question"):
                answers.append(Deferred.fromCoroutine(self.shared.append(change("answer"))))

        self.done(self.shared.follow(0, apply))
        one.to_parent.hold()
        asking = Deferred.fromCoroutine(self.shared.append(change("question")))
        self.assertEqual(self.seen[one], [change("question"), change("answer")])
        one.to_parent.release_one()
        self.assertNoResult(asking)
        one.to_parent.release_one()
        self.successResultOf(asking)
        self.successResultOf(answers[0])

    def test_conflict(self) -> None:
        """
        A change that is not written keeps nobody waiting, and takes no position.
        """
        one = self.following()
        position = self.done(one.store.append(change()))
        for store in (self.shared, one.store):
            self.failureResultOf(Deferred.fromCoroutine(store.append(change(), position - 1)), Conflict)
        self.assertEqual(self.done(one.store.append(change(), position)), position + 1)

    def test_given_up(self) -> None:
        """
        Whoever does not wait for the answer any more has appended all the same.
        """
        one, other = self.following(), self.following()
        other.to_parent.hold()
        for store in (self.shared, one.store):
            appending = Deferred.fromCoroutine(store.append(change()))
            appending.cancel()
            self.failureResultOf(appending)
        other.to_parent.release()
        self.assertEqual(self.seen[one], [change(), change()])
        self.done(one.store.append(change()))


class FenceTests(SharedStoreCase):
    """
    Who does not keep up.
    """

    def test_in_time(self) -> None:
        """
        Who says so in the last moment is left alone.
        """
        one = self.following()
        for _ in range(3):
            one.to_parent.hold()
            appending = Deferred.fromCoroutine(self.shared.append(change()))
            self.clock.advance(PATIENCE - 0.01)
            one.to_parent.release()
            self.successResultOf(appending)
        self.clock.advance(10 * PATIENCE)
        self.assertFalse(one.is_fenced)

    def test_too_late(self) -> None:
        """
        Who does not say in time that a change is applied is fenced; the append waits until that is done, and no longer.
        """
        fenced: list[Worker] = []
        one, stuck = self.following(), self.following(fence=fenced.append)
        stuck.to_parent.hold()
        appending = Deferred.fromCoroutine(one.store.append(change()))
        self.clock.advance(PATIENCE - 0.01)
        self.clock.advance(0.01)
        self.assertEqual(fenced, [])
        self.clock.advance(SECOND_LOOK)
        self.assertEqual(fenced, [stuck])
        self.assertNoResult(appending)
        stuck.break_link()
        self.successResultOf(appending)
        self.assertEqual(self.shared.replicas, 1)
        self.done(one.store.append(change()))

    def test_the_earliest_counts(self) -> None:
        """
        A worker that is sent more and more has no more time for the first of it.
        """
        stuck = self.following()
        stuck.to_parent.hold()
        for _ in range(5):
            Deferred.fromCoroutine(self.shared.append(change()))
            self.clock.advance(PATIENCE / 5)
        self.clock.advance(SECOND_LOOK)
        self.assertTrue(stuck.is_fenced)

    def test_a_parent_that_was_held_up(self) -> None:
        """
        Nobody is fenced because this process was slow to hear that they are done.
        """
        one = self.following()
        one.to_parent.hold()
        appending = Deferred.fromCoroutine(self.shared.append(change()))
        self.clock.advance(10 * PATIENCE)
        one.to_parent.release()
        self.clock.advance(SECOND_LOOK)
        self.successResultOf(appending)
        one.to_parent.hold()
        Deferred.fromCoroutine(self.shared.append(change()))
        self.clock.advance(PATIENCE)
        self.assertFalse(one.is_fenced)
        self.clock.advance(SECOND_LOOK)
        self.assertTrue(one.is_fenced)

    def test_many_at_once(self) -> None:
        """
        Many changes have no more time than one.
        """
        stuck = self.following()
        stuck.to_parent.hold()
        for _ in range(5):
            Deferred.fromCoroutine(self.shared.append(change()))
        for _ in range(4):
            stuck.to_parent.release_one()
        self.clock.pump([PATIENCE, SECOND_LOOK])
        self.assertTrue(stuck.is_fenced)

    def test_long_changes(self) -> None:
        """
        A change of many megabytes may take longer than a short one.
        """
        one = self.following()
        one.to_parent.hold()
        ids = tuple(f"{number:043}" for number in range(400_000))
        end = SessionsEnded(
            receipt_id="r", at=NOW, cause=Cause.ADMINISTRATOR, session_ids=ids, known=0, remember_until=NOW + 9
        )
        appending = Deferred.fromCoroutine(self.shared.append(end))
        self.clock.pump([PATIENCE, 1, 1])
        self.assertFalse(one.is_fenced)
        one.to_parent.release()
        self.successResultOf(appending)

    def test_gone(self) -> None:
        """
        Who is gone keeps nobody waiting, and what it asked for is done.
        """
        one, other = self.following(), self.following()
        one.to_parent.hold()
        appending = Deferred.fromCoroutine(one.store.append(change()))
        one.to_parent.release()
        other.to_parent.hold()
        waiting = Deferred.fromCoroutine(one.store.append(change("b")))
        other.break_link()
        self.successResultOf(appending)
        self.successResultOf(waiting)

    def test_nothing_is_left(self) -> None:
        """
        Once everything is applied or everybody gone nothing is timed any more.
        """
        one, other = self.following(), self.following()
        other.to_parent.hold()
        appending = Deferred.fromCoroutine(one.store.append(change()))
        other.break_link()
        self.successResultOf(appending)
        self.clock.advance(PATIENCE)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(one.is_fenced)


class BrokenLinkTests(SharedStoreCase):
    """
    A worker that does not hear of its parent any more.
    """

    def test_appends_under_way(self) -> None:
        """
        What is under way is not known to have happened, and nothing is asked for any more.
        """
        one, other = self.following(), self.following()
        other.to_parent.hold()
        appending = Deferred.fromCoroutine(one.store.append(change()))
        one.break_link()
        self.failureResultOf(appending, StoreUnavailable)
        self.failureResultOf(Deferred.fromCoroutine(one.store.append(change())), StoreUnavailable)
        self.failureResultOf(Deferred.fromCoroutine(one.store.follow(0, lambda *about: None)), StoreUnavailable)

    def test_while_joining(self) -> None:
        """
        Who has not been told everything has not joined.
        """
        self.done(self.shared.append(change()))
        one = self.workers.worker()
        one.to_child.hold()
        joining = Deferred.fromCoroutine(one.store.follow(0, lambda *about: None))
        self.assertNoResult(joining)
        one.break_link()
        self.failureResultOf(joining, StoreUnavailable)

    def test_out_of_step(self) -> None:
        """
        A worker that cannot apply a new change says so to itself, and never that it has applied it.
        """
        worker = self.workers.worker()

        def apply(position: int, change: Change) -> None:
            raise ValueError("it cannot be read")

        self.done(worker.store.follow(0, apply))
        self.assertNoResult(Deferred.fromCoroutine(self.shared.append(change())))
        self.assertEqual(worker.out_of_step, 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
