"""
Tests for `pomerium_tx.workers.worker`.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorSocket
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pomerium_tx import logs
from pomerium_tx.house import House
from pomerium_tx.proxy.access_lines import AccessLines
from pomerium_tx.request_lines import RequestLines, lines
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import StoreUnavailable, UsedOnce
from pomerium_tx.workers.link import Link
from pomerium_tx.workers.messages import (
    Append,
    Applied,
    Begin,
    Configure,
    Configured,
    Drain,
    Follow,
    Hurry,
    Open,
    Ready,
    Unfollow,
    WhatIsOpen,
)
from pomerium_tx.workers.shared_store import SharedStore
from pomerium_tx.workers.shares import Shares
from pomerium_tx.workers.worker import RESET_SECONDS, Worker
from tests.doubles.exchanges import MemoryExchange
from tests.scenarios.world import WorldTestCase
from tests.sessions.records import NOW, ending, session
from tests.workers.links import Wire


class Port:
    """
    A socket that is accepted on.
    """

    def doRead(self) -> None:
        """
        Accept what waits.
        """

    def stopReading(self) -> None:
        """
        Wait for no connection.
        """

    def startReading(self) -> None:
        """
        Wait for connections.
        """

    is_listening = True

    def stopListening(self) -> None:
        self.is_listening = False


@implementer(IReactorSocket)
class Reactor(MemoryReactorClock):
    """
    A reactor that accepts nothing.
    """

    nameResolver: Any = "the system's"

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[Port] = []

    def installNameResolver(self, resolver: Any) -> Any:
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> Port:
        self.ports.append(Port())
        return self.ports[-1]


class WorkerTests(WorldTestCase):
    """
    A worker, as it sees itself.
    """

    def setUp(self) -> None:
        self.addCleanup(logs.threshold.set, "info")
        super().setUp()
        self.reactor = Reactor()
        self.reactor.advance(NOW)
        self.statuses: list[int] = []
        with socket.create_server(("127.0.0.1", 0)) as bound:
            shares = Shares.make(2)
            self.addCleanup(shares.close)
            self.worker = Worker(
                self.reactor,
                number=1,
                shares=shares,
                descriptors=[bound.detach()],
                leave=self.statuses.append,
            )
        self.shared = SharedStore(MemoryStore(), clock=self.reactor, now=self.reactor.seconds)
        self.said: list[Any] = []
        self.parent = Link(self.hear, lambda: None)
        self.client = self.shared.client(self.parent.send, overdue=lambda: None)
        Wire().pair(self.parent, self.worker.link)

    def hear(self, message: Any) -> None:
        """
        The worker says something.
        """
        if isinstance(message, Append | Follow | Unfollow | Applied):
            self.client.received(message)
        else:
            self.said.append(message)

    def begin(self) -> House:
        """
        It serves.
        """
        self.parent.send(Begin(config=self.read()))
        self.assertEqual(self.said, [Ready()])
        self.said.clear()
        house = self.worker._house
        assert house is not None
        return house

    def break_link(self) -> None:
        """
        Neither end hears of the other any more.
        """
        self.worker.link.connectionLost(Failure(ConnectionLost()))

    def test_begin(self) -> None:
        """
        It knows all sessions before it accepts anything, and says that it is ready then.
        """
        here = SessionRegistry(self.shared, self.reactor)
        self.successResultOf(Deferred.fromCoroutine(here.join()))
        self.successResultOf(Deferred.fromCoroutine(here.begin(session(), state_issued=NOW)))
        house = self.begin()
        self.assertIsNotNone(house.registry.find("alice-1"))
        self.assertEqual([port.is_listening for port in self.reactor.ports], [True])
        self.assertIsNone(house.admin_factory)
        self.assertEqual(self.shared.replicas, 1)

    def test_cannot_begin(self) -> None:
        """
        One that cannot serve says why, and leaves.
        """
        self.patch(House, "start", lambda house: Deferred.fromCoroutine(_fails()))
        with capturedLogs() as events:
            self.parent.send(Begin(config=self.read()))
            self.reactor.advance(RESET_SECONDS)
        self.assertEqual([event["log_level"] for event in events], [LogLevel.critical])
        self.assertEqual((self.statuses, self.said, self.reactor.ports), ([1], [], []))
        self.flushLoggedErrors(ValueError)

    def test_background_jobs(self) -> None:
        """
        It runs nothing that is done once: what is owed stays for the parent to pay.
        """
        house = self.begin()
        self.assertIsNone(house.revocations._unsubscribe)
        self.assertIsNone(house.notices._unsubscribe)

    def test_configure(self) -> None:
        """
        It serves by another configuration when it says so.
        """
        house = self.begin()
        new = self.read(log_level="warn")
        self.parent.send(Configure(number=5, config=new))
        self.assertEqual(self.said, [Configured(number=5)])
        self.assertEqual(house.config.log_level, "warn")

    def test_cannot_be_configured(self) -> None:
        """
        One that cannot put a configuration in force serves nobody by that of before, and leaves.
        """
        self.begin()

        def reload(house: House, config: object) -> None:
            raise ValueError("there is no room")

        self.patch(House, "reload", reload)
        self.parent.send(Configure(number=5, config=self.read()))
        self.assertEqual([port.is_listening for port in self.reactor.ports], [False])
        self.reactor.advance(RESET_SECONDS)
        self.assertEqual((self.said, self.statuses), ([], [1]))
        self.flushLoggedErrors(ValueError)

    def test_what_is_open(self) -> None:
        """
        It says what is open for some sessions, and asks what is open elsewhere.
        """
        house = self.begin()
        self.successResultOf(Deferred.fromCoroutine(house.registry.begin(session(), state_issued=NOW)))
        MemoryExchange(kind="sse").open(house.registry, "alice-1")
        self.parent.send(WhatIsOpen(number=3, session_ids=("alice-1", "bob-1")))
        (answer,) = self.said
        self.said.clear()
        self.assertEqual([one.kind for one in answer.exchanges["alice-1"]], ["sse"])
        self.assertEqual(answer.exchanges["bob-1"], ())
        asking = Deferred.fromCoroutine(house.registry.exchanges_everywhere(["alice-1"]))
        (question,) = self.said
        self.parent.send(Open(number=question.number, exchanges=answer.exchanges))
        self.assertEqual([one.kind for one in self.successResultOf(asking)["alice-1"]], ["sse", "sse"])

    def test_no_answer_about_elsewhere(self) -> None:
        """
        Nobody waits for an answer that cannot come any more.
        """
        house = self.begin()
        asking = Deferred.fromCoroutine(house.registry.exchanges_everywhere(["alice-1"]))
        self.break_link()
        self.successResultOf(asking)

    def test_link_lost(self) -> None:
        """
        One that does not hear of its parent any more accepts nothing, knows of no session and leaves.
        """
        house = self.begin()
        self.successResultOf(Deferred.fromCoroutine(house.registry.begin(session(), state_issued=NOW)))
        self.break_link()
        self.assertIsNone(house.registry.find("alice-1"))
        self.assertEqual([port.is_listening for port in self.reactor.ports], [False])
        self.assertEqual(self.statuses, [])
        self.reactor.advance(RESET_SECONDS)
        self.assertEqual(self.statuses, [1])

    def test_log_lost_too(self) -> None:
        """
        That it cannot write what it still had to say keeps it from nothing.
        """
        house = self.begin()
        self.successResultOf(Deferred.fromCoroutine(house.registry.begin(session(), state_issued=NOW)))

        def stop(*about: object) -> None:
            raise BrokenPipeError

        self.addCleanup(lines.stop)
        self.patch(RequestLines, "stop", stop)
        self.patch(AccessLines, "stop", stop)
        self.break_link()
        self.assertEqual([port.is_listening for port in self.reactor.ports], [False])
        self.reactor.advance(RESET_SECONDS)
        self.assertEqual(self.statuses, [1])
        self.flushLoggedErrors(BrokenPipeError)

    def test_link_lost_before_it_serves(self) -> None:
        """
        Nor does one that has yet to begin.
        """
        self.break_link()
        self.reactor.advance(RESET_SECONDS)
        self.assertEqual(self.statuses, [1])

    def test_out_of_step(self) -> None:
        """
        One that cannot apply a change does not know what the others know: it leaves, and nobody goes on before it has.
        """
        house = self.begin()
        self.successResultOf(Deferred.fromCoroutine(house.registry.begin(session(), state_issued=NOW)))

        def apply(ledger: object, position: int, change: object) -> None:
            raise ValueError("it cannot be read")

        self.patch(type(house.registry._ledger), "apply", apply)
        with capturedLogs() as events:
            ending_ = Deferred.fromCoroutine(house.registry.end(ending("alice-1")))
        self.assertEqual([event["log_level"] for event in events], [LogLevel.critical] * 2)
        self.failureResultOf(ending_, StoreUnavailable)
        appending = Deferred.fromCoroutine(self.shared.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        self.assertNoResult(appending)
        self.assertEqual([port.is_listening for port in self.reactor.ports], [False])
        self.reactor.advance(RESET_SECONDS)
        self.assertEqual(self.statuses, [1])
        self.client.gone()
        self.successResultOf(appending)
        self.flushLoggedErrors(ValueError)

    def test_drain(self) -> None:
        """
        It accepts no more, waits for what is under way, tells what it still has to tell and leaves in order.
        """
        house = self.begin()
        self.patch(House, "open_connections", 1)
        self.parent.send(Drain(seconds=10.0))
        self.assertEqual([port.is_listening for port in self.reactor.ports], [False])
        self.reactor.pump([1.0] * 5)
        self.assertEqual(self.statuses, [])
        self.assertIsNotNone(house.registry._unfollow)
        self.patch(House, "open_connections", 0)
        self.reactor.advance(1)
        self.assertIsNone(house.registry._unfollow)
        self.assertTrue(self.parent.is_broken)
        self.break_link()
        self.assertEqual(self.statuses, [0])

    def test_hurry(self) -> None:
        """
        Told to, it waits no more.
        """
        self.begin()
        self.patch(House, "open_connections", 1)
        self.parent.send(Drain(seconds=10.0))
        self.reactor.advance(1)
        self.assertFalse(self.parent.is_broken)
        self.parent.send(Hurry())
        self.reactor.advance(1)
        self.assertTrue(self.parent.is_broken)

    def test_nonsense(self) -> None:
        """
        What no parent says is a fault of ours.
        """
        self.assertRaises(AssertionError, self.parent.send, Ready())


async def _fails() -> None:
    raise ValueError("it cannot start")


class NothingBeganTests(SynchronousTestCase):
    """
    A worker that has not been told to begin.
    """

    def test_questions(self) -> None:
        """
        It has nothing open, and nothing to configure.
        """
        worker = Worker(Reactor(), number=1, shares=Shares.make(1), descriptors=[], leave=lambda status: None)
        said: list[Any] = []
        parent = Link(said.append, lambda: None)
        Wire().pair(parent, worker.link)
        parent.send(WhatIsOpen(number=1, session_ids=("alice-1",)))
        self.assertEqual(said, [Open(number=1, exchanges={})])
