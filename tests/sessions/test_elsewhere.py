"""
Tests for `pomerium_tx.sessions.elsewhere`.
"""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.elsewhere import Seen, SeenExchange, joined, nowhere, seen
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from tests.doubles.exchanges import MemoryExchange
from tests.sessions.records import NOW, session


def an_exchange(kind: str) -> SeenExchange:
    """
    What was seen of an exchange.
    """
    return SeenExchange(kind=kind, route_id="r", method="GET", age=1.0, bytes_in=2, bytes_out=3)


class ElsewhereTests(SynchronousTestCase):
    """
    What is open in several processes.
    """

    def test_seen(self) -> None:
        """
        An exchange that was seen stays as it was, and says what the exchange said.
        """
        exchange = MemoryExchange(kind="sse")
        found = seen(["alice-1"], lambda name: [exchange])["alice-1"][0]
        for name in ("kind", "route_id", "method", "age", "bytes_in", "bytes_out"):
            self.assertEqual(getattr(found, name), getattr(exchange, name), name)

    def test_joined(self) -> None:
        """
        Several answers are one that has all that any of them has.
        """
        one, other = {"a": (an_exchange("sse"),), "b": ()}, {"a": (an_exchange("upload"),), "c": (an_exchange("sse"),)}
        self.assertEqual(
            joined([one, other, {}]),
            {"a": (an_exchange("sse"), an_exchange("upload")), "b": (), "c": (an_exchange("sse"),)},
        )

    def test_nowhere(self) -> None:
        """
        Where there is no other process nothing is open in any.
        """
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(nowhere(["a"]))), {})

    def test_registry(self) -> None:
        """
        A registry knows what is open here, and asks for the rest.
        """
        clock = Clock()
        clock.advance(NOW)
        asked: list[Collection[str]] = []

        async def elsewhere(session_ids: Collection[str]) -> Seen:
            asked.append(session_ids)
            return {"alice-1": (an_exchange("upload"),)}

        registry = SessionRegistry(MemoryStore(), clock, elsewhere=elsewhere)
        self.successResultOf(Deferred.fromCoroutine(registry.join()))
        self.successResultOf(Deferred.fromCoroutine(registry.begin(session(), state_issued=NOW)))
        MemoryExchange(kind="sse").open(registry, "alice-1")
        found = self.successResultOf(Deferred.fromCoroutine(registry.exchanges_everywhere(["alice-1"])))
        self.assertEqual([one.kind for one in found["alice-1"]], ["sse", "upload"])
        self.assertEqual(asked, [["alice-1"]])
