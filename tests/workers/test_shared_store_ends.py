"""
Tests for `pomerium_tx.workers.shared_store`: ends, and what their receipts say.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause
from pomerium_tx.workers.follower import PATIENCE, SECOND_LOOK
from tests.doubles.exchanges import MemoryExchange
from tests.sessions.records import NOW, ending, session
from tests.workers import test_shared_store


class EndTests(test_shared_store.SharedStoreCase):
    """
    Ends, and their receipts.
    """

    def test_cuts_of_all(self) -> None:
        """
        The answer to an end has what was cut in every worker, and says how many those are; so has what anybody else
        asks for.
        """
        registries = [self.joined()[1] for _ in range(3)]
        here = SessionRegistry(self.shared, self.clock)
        self.done(here.join())
        self.done(registries[0].begin(session(), state_issued=NOW))
        exchanges = [MemoryExchange(kind=kind) for kind in ("sse", "sse", "websocket")]
        for registry, exchange in zip(registries, exchanges, strict=True):
            exchange.open(registry, "alice-1")
        receipt = self.done(registries[0].end(ending("alice-1")))
        self.assertEqual([exchange.causes for exchange in exchanges], [[Cause.USER_ROUTE]] * 3)
        self.assertEqual((receipt.exchanges_cut["sse"], receipt.exchanges_cut["websocket"]), (2, 1))
        self.assertEqual(receipt.replicas, "3/3")
        for registry in (here, *registries):
            self.assertEqual(registry.receipt(receipt.id), receipt)

    def test_answer_waits_for_the_cuts(self) -> None:
        """
        No answer before everything is cut everywhere; of one that is fenced nothing is open, and it counts as done.
        """
        (stuck, far), (_, near) = self.joined(), self.joined()
        self.done(near.begin(session(), state_issued=NOW))
        exchange = MemoryExchange(kind="sse")
        exchange.open(far, "alice-1")
        stuck.to_child.hold()
        ending_ = Deferred.fromCoroutine(near.end(ending("alice-1")))
        self.assertNoResult(ending_)
        self.assertIsNone(near.find("alice-1"))
        self.clock.pump([PATIENCE, SECOND_LOOK])
        self.assertTrue(stuck.is_fenced)
        self.assertEqual(self.successResultOf(ending_).replicas, "2/2")
        _, late = self.joined()
        self.assertIsNone(late.find("alice-1"))

    def test_told_once(self) -> None:
        """
        Of each end that a worker asks for it is told once, when it is in force, even if the worker does not live to
        hear of it.
        """
        (one, registry), (other, _) = self.joined(), self.joined()
        for name in ("alice-1", "alice-2"):
            self.done(registry.begin(session(name), state_issued=NOW))
        receipt = self.done(registry.end(ending("alice-1")))
        self.assertEqual((one.ended, other.ended), ([receipt.id], []))
        other.to_parent.hold()
        Deferred.fromCoroutine(registry.end(ending("alice-2", receipt_id="second"))).addErrback(lambda reason: None)
        self.assertEqual(one.ended, [receipt.id])
        one.break_link()
        other.to_parent.release()
        self.assertEqual(one.ended, [receipt.id, "second"])

    def test_alone(self) -> None:
        """
        With no worker at all an end is in force in one process.
        """
        here = SessionRegistry(self.shared, self.clock)
        self.done(here.join())
        self.done(here.begin(session(), state_issued=NOW))
        self.assertEqual(self.done(here.end(ending("alice-1"))).replicas, "1/1")
