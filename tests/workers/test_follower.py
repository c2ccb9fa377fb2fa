"""
Tests for `pomerium_tx.workers.follower`: how a log that is long is told.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Change, RevocationOwed, UsedOnce
from pomerium_tx.workers.follower import PATIENCE, PIECE_CHANGES, SECOND_LOOK, UNDER_WAY
from pomerium_tx.workers.link import PIECE
from tests.sessions.records import NOW, ending, owed, session
from tests.workers.links import Worker, Workers


def change(key: object) -> UsedOnce:
    """
    A change like any other.
    """
    return UsedOnce(key=str(key), at=NOW, expires=NOW + 9)


class SnapshotTests(SynchronousTestCase):
    """
    A worker that is told what was kept.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.workers = Workers(self.clock)
        self.shared = self.workers.shared

    def done(self, coroutine: Any) -> Any:
        """
        What a coroutine answers, at once.
        """
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def joining(self, worker: Worker) -> tuple[list[Change], Deferred[Any]]:
        """
        What a worker is told, and its joining.
        """
        seen: list[Change] = []
        return seen, Deferred.fromCoroutine(worker.store.follow(0, lambda position, change: seen.append(change)))

    def test_back_pressure(self) -> None:
        """
        However long the log is, no more than a few pieces are under way until the worker says that it has applied some.
        """
        for number in range(20 * PIECE_CHANGES):
            self.done(self.shared.append(change(number)))
        worker = self.workers.worker()
        worker.to_parent.hold()
        seen, joining = self.joining(worker)
        # It has asked.
        worker.to_parent.release_one()
        for pieces in range(UNDER_WAY, 20):
            self.assertEqual(len(seen), pieces * PIECE_CHANGES)
            self.assertNoResult(joining)
            worker.to_parent.release_one()
        self.successResultOf(joining)
        self.assertEqual(seen, list(map(change, range(20 * PIECE_CHANGES))))

    def test_long_changes_make_small_pieces(self) -> None:
        """
        A piece is bounded in bytes too.
        """
        for number in range(12):
            long = owed(f"owed-{number}", tokens=(("refresh_token", "t" * (PIECE // 2)),))
            self.done(self.shared.append(RevocationOwed(owed=long)))
        worker = self.workers.worker()
        worker.to_parent.hold()
        seen, joining = self.joining(worker)
        worker.to_parent.release()
        self.successResultOf(joining)
        self.assertEqual(len(seen), 12)

    def test_written_meanwhile(self) -> None:
        """
        What is written while a worker is told the log comes behind it, once and in order; what was dropped meanwhile
        leaves nothing behind.
        """
        _, first = self._registry(self.workers.worker())
        for number in range(5 * PIECE_CHANGES):
            self.done(first.begin(session(f"p{number}-1"), state_issued=NOW))
        worker = self.workers.worker()
        worker.to_child.hold()
        registry = SessionRegistry(worker.store, self.clock)
        joining = Deferred.fromCoroutine(registry.join())
        ended = [f"p{number}-1" for number in (0, 3 * PIECE_CHANGES, 5 * PIECE_CHANGES - 1)]
        receipt = self.done(first.end(ending(*ended)))
        self.done(first.begin(session("late-1"), state_issued=NOW))
        self.done(first.owe(owed()))
        self.done(first.revocation_done("owed-1", 1))
        self.assertNoResult(joining)
        worker.to_child.release()
        self.successResultOf(joining)
        self.assertEqual({one.id for one in registry.sessions()}, {one.id for one in first.sessions()})
        self.assertEqual(registry.count, 5 * PIECE_CHANGES - 2)
        self.assertEqual(registry.ended(ended[0]), receipt)
        self.assertEqual(registry.owed(), [])
        self.assertEqual(self.shared.replicas, 2)

    def test_no_gap(self) -> None:
        """
        From the moment at which a worker has been sent everything appends wait for it, before it says that it serves.
        """
        self.done(self.shared.append(change("kept")))
        worker = self.workers.worker()
        worker.to_child.hold()
        seen, joining = self.joining(worker)
        appending = Deferred.fromCoroutine(self.shared.append(change("new")))
        self.assertNoResult(joining)
        self.assertNoResult(appending)
        worker.to_child.release()
        self.successResultOf(joining)
        self.successResultOf(appending)
        self.assertEqual(seen, [change("kept"), change("new")])

    def test_who_does_not_get_on(self) -> None:
        """
        A worker that does nothing with what it is told is fenced like any other.
        """
        self.done(self.shared.append(change("kept")))
        worker = self.workers.worker()
        worker.to_child.hold()
        _, joining = self.joining(worker)
        self.clock.pump([PATIENCE, SECOND_LOOK])
        self.assertTrue(worker.is_fenced)
        self.failureResultOf(joining)

    def test_from_a_position(self) -> None:
        """
        Who follows from a position that the log does not reach back to is refused.
        """
        _, registry = self._registry(self.workers.worker())
        first = self.done(registry.begin(session(), state_issued=NOW))
        self.assertIsNone(first)
        self.done(registry.begin(session("bob-1"), state_issued=NOW))
        self.done(registry.end(ending("alice-1", "bob-1")))
        worker = self.workers.worker()
        self.failureResultOf(Deferred.fromCoroutine(worker.store.follow(1, lambda *about: None)))

    def _registry(self, worker: Worker) -> tuple[Worker, SessionRegistry]:
        registry = SessionRegistry(worker.store, self.clock)
        self.done(registry.join())
        return worker, registry
