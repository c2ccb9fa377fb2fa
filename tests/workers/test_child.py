"""
Tests for `pomerium_tx.workers.child`.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost, ProcessDone, ProcessExitedAlready
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.logout.heard import Heard
from pomerium_tx.sessions.elsewhere import Seen, SeenExchange
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import Cause, UsedOnce
from pomerium_tx.workers.child import ALIVE_SECONDS, ANSWER_SECONDS, CONFIGURE_SECONDS, LEAVE_SECONDS, LINK, Child
from pomerium_tx.workers.follower import PATIENCE, SECOND_LOOK
from pomerium_tx.workers.link import Link
from pomerium_tx.workers.messages import (
    Asked,
    Begin,
    Configure,
    Configured,
    Drain,
    Follow,
    Followed,
    Hurry,
    NewChange,
    Open,
    Ready,
    WhatIsOpen,
)
from pomerium_tx.workers.shared_store import Client, SharedStore
from tests.sessions.records import NOW

EXCHANGE = SeenExchange(kind="sse", route_id="r", method="GET", age=1.0, bytes_in=0, bytes_out=5)


class Process:
    """
    A process that only notes what is done to it.
    """

    pid = 4711

    def __init__(self) -> None:
        self.signals: list[str] = []
        self.is_over = False

    def signalProcess(self, name: str) -> None:
        if self.is_over:
            raise ProcessExitedAlready
        self.signals.append(name)


class Reactor(Clock):
    """
    A reactor that starts no process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[tuple[Any, ...]] = []
        self.inherited: dict[int, object] = {}
        self.process = Process()

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        assert family == socket.AF_UNIX
        assert not os.get_blocking(descriptor)
        self.transport = StringTransport()
        self.link = factory.buildProtocol(None)
        self.link.makeConnection(self.transport)

    def spawnProcess(self, protocol: Any, *about: Any, env: dict[str, str], childFDs: dict[int, object]) -> None:
        self.spawned.append(about)
        self.environment = env
        self.inherited = childFDs
        protocol.makeConnection(self.process)


class ChildTests(SynchronousTestCase):
    """
    A worker's process.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.shared = SharedStore(MemoryStore(), clock=self.reactor, now=self.reactor.seconds)
        self.told: list[object] = []
        self.child = Child(
            self.reactor,
            2,
            shared=self.shared,
            ready=lambda child: self.told.append("ready"),
            gone=lambda child, reason: self.told.append("gone"),
            ended=lambda receipt_id: self.told.append(receipt_id),
            elsewhere=self.elsewhere,
            heard=self.told.append,
        )
        self.child.spawn([7, 8], cast(Config, "a configuration"))
        self.said: list[Any] = []
        self.worker = Link(self.said.append, lambda: None)
        self.worker.makeConnection(StringTransport())
        self.hear()

    def elsewhere(self, child: Child, session_ids: Collection[str]) -> Deferred[Seen]:
        """
        What is open at the others.
        """
        return succeed(dict.fromkeys(session_ids, (EXCHANGE,)))

    def hear(self) -> list[Any]:
        """
        What the worker has been told since the last time.
        """
        content = self.reactor.transport.value()
        self.reactor.transport.clear()
        self.worker.dataReceived(content)  # type: ignore[no-untyped-call] # Twisted's own
        heard, self.said[:] = list(self.said), []
        self.first = heard if not hasattr(self, "first") else self.first
        return heard

    def say(self, message: object) -> None:
        """
        The worker says something.
        """
        transport = cast(StringTransport, self.worker.transport)
        self.worker.send(message)
        content = transport.value()
        transport.clear()
        self.reactor.link.dataReceived(content)

    def end(self) -> None:
        """
        The process ends.
        """
        self.reactor.process.is_over = True
        self.child.processExited(Failure(ProcessDone(0)))
        self.child.processEnded(Failure(ProcessDone(0)))

    def test_spawn(self) -> None:
        """
        The same interpreter with the same modules runs, has the sockets, its end of the link and no other input, and
        is told the configuration first. It takes no module from the working directory.
        """
        ((executable, arguments),) = self.reactor.spawned
        self.assertEqual(executable, sys.executable)
        self.assertEqual(arguments[:4], [sys.executable, "-P", "-m", "pomerium_tx.worker"])
        self.assertEqual(arguments[4:], ["2", type(self.reactor).__module__, str(LINK + 1), str(LINK + 2)])
        self.assertEqual({LINK + 1: 7, LINK + 2: 8}, {k: v for k, v in self.reactor.inherited.items() if k > LINK})
        self.assertEqual((self.reactor.inherited[1], self.reactor.inherited[2]), ("r", "r"))
        self.assertTrue(
            set(map(os.path.abspath, filter(None, sys.path))) <= set(self.reactor.environment["PYTHONPATH"].split(":"))
        )
        self.assertEqual(self.first, [Begin(config=cast(Config, "a configuration"))])
        self.assertEqual(self.child.pid, 4711)

    def test_cannot_be_spawned(self) -> None:
        """
        One that cannot be started, perhaps for want of descriptors, has ended, and nobody waits for it.
        """

        def spawn(*about: object, **more: object) -> None:
            raise OSError("Too many open files")

        self.reactor.spawnProcess = spawn  # type: ignore[method-assign] # of this reactor
        child = Child(
            self.reactor,
            3,
            shared=self.shared,
            ready=lambda child: None,
            gone=lambda child, reason: self.told.append(str(reason.value)),
            ended=lambda receipt_id: None,
            elsewhere=self.elsewhere,
            heard=self.told.append,
        )
        with capturedLogs() as events:
            child.spawn([7], cast(Config, "a configuration"))
        self.assertEqual([event["log_level"] for event in events], [LogLevel.critical])
        self.assertEqual(self.told, ["Too many open files"])
        self.assertTrue(self.reactor.transport.disconnecting)
        self.flushLoggedErrors(OSError)

    def test_nothing_is_left_open(self) -> None:
        """
        The parent keeps nothing of what it has handed on but its own end of the link.
        """
        for descriptor in (self.reactor.inherited[0], self.reactor.inherited[LINK]):
            self.assertRaises(OSError, os.fstat, descriptor)

    def test_ready(self) -> None:
        """
        It serves when it says so, until it ends.
        """
        self.assertFalse(self.child.is_ready)
        self.say(Ready())
        self.assertTrue(self.child.is_ready)
        self.end()
        self.assertFalse(self.child.is_ready)
        self.assertEqual(self.told, ["ready", "gone"])

    def test_log(self) -> None:
        """
        It has the log, and nobody waits for it once it has ended.
        """
        self.say(Follow(number=1, from_position=0))
        self.assertEqual(self.hear(), [Followed(number=1)])
        appending = Deferred.fromCoroutine(self.shared.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        self.assertIsInstance(self.hear()[0], NewChange)
        self.assertNoResult(appending)
        self.end()
        self.successResultOf(appending)

    def test_fenced(self) -> None:
        """
        One that does not keep up is killed, and is waited for until it has ended.
        """
        self.say(Follow(number=1, from_position=0))
        appending = Deferred.fromCoroutine(self.shared.append(UsedOnce(key="a", at=NOW, expires=NOW + 9)))
        with capturedLogs() as events:
            self.reactor.pump([PATIENCE, SECOND_LOOK])
        self.assertEqual([event["log_level"] for event in events], [LogLevel.error])
        self.assertEqual(self.reactor.process.signals, ["KILL"])
        self.assertNoResult(appending)
        self.end()
        self.successResultOf(appending)

    def test_configure(self) -> None:
        """
        It is told the configuration, and says when it serves by it; one that does not say so in time is killed.
        """
        configuring = self.child.configure(cast(Config, "new"))
        (message,) = self.hear()
        self.assertEqual(message, Configure(number=message.number, config=cast(Config, "new")))
        self.assertNoResult(configuring)
        self.say(Configured(number=message.number))
        self.successResultOf(configuring)
        late = self.child.configure(cast(Config, "newer"))
        self.reactor.advance(CONFIGURE_SECONDS)
        self.assertEqual(self.reactor.process.signals, ["KILL"])
        self.end()
        self.successResultOf(late)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_is_open(self) -> None:
        """
        It says what is open there, or is left out if it does not say so soon.
        """
        asking = self.child.exchanges(["a", "b"])
        (message,) = self.hear()
        self.assertEqual(message, WhatIsOpen(number=message.number, session_ids=("a", "b")))
        self.say(Open(number=message.number, exchanges={"a": (EXCHANGE,)}))
        self.assertEqual(self.successResultOf(asking), {"a": (EXCHANGE,)})
        late = self.child.exchanges(["a"])
        (message,) = self.hear()
        self.reactor.advance(ANSWER_SECONDS)
        self.assertEqual(self.successResultOf(late), {})
        self.say(Open(number=message.number, exchanges={"a": (EXCHANGE,)}))
        gone = self.child.exchanges(["a"])
        self.end()
        self.assertEqual(self.successResultOf(gone), {})

    def test_heard(self) -> None:
        """
        What an OP has asked the worker for is passed on.
        """
        heard = Heard(iss="https://op.example.com", channel=Cause.BACK_CHANNEL, at=1.0, sessions_ended=2)
        self.say(Asked(heard=heard))
        self.assertEqual(self.told[-1], heard)

    def test_what_is_open_elsewhere(self) -> None:
        """
        It is told what is open at the others.
        """
        self.say(WhatIsOpen(number=9, session_ids=("a",)))
        self.assertEqual(self.hear(), [Open(number=9, exchanges={"a": (EXCHANGE,)})])

    def test_silent(self) -> None:
        """
        One that does nothing at all is killed, but for one that has changes to apply, which has a time of its own.
        """
        self.child.check()
        (message,) = self.hear()
        self.say(Open(number=message.number, exchanges={}))
        self.reactor.advance(ALIVE_SECONDS)
        self.assertEqual(self.reactor.process.signals, [])
        with capturedLogs() as events:
            behind = self.patch(Client, "is_behind", True)
            self.child.check()
            self.reactor.advance(ALIVE_SECONDS)
            self.assertEqual(events, [])
            behind.restore()
            self.child.check()
            self.reactor.advance(ALIVE_SECONDS)
        self.assertEqual([event["log_level"] for event in events], [LogLevel.error])
        self.assertEqual(self.reactor.process.signals, ["KILL"])

    def test_drain(self) -> None:
        """
        One that serves is told how long it may take to leave; one that does not yet has nothing to finish.
        """
        self.say(Ready())
        self.child.drain(10.0)
        self.child.hurry()
        self.assertEqual(self.hear(), [Drain(seconds=10.0), Hurry()])
        self.assertEqual(self.reactor.process.signals, [])
        self.reactor.link.connectionLost(Failure(ConnectionLost()))
        self.reactor.advance(10 * LEAVE_SECONDS)
        self.assertEqual(self.reactor.process.signals, [])

    def test_drain_while_starting(self) -> None:
        """
        One that does not serve yet has nothing to finish.
        """
        self.child.drain(10.0)
        self.assertEqual(self.reactor.process.signals, ["KILL"])

    def test_link_lost(self) -> None:
        """
        One whose link is broken may reset its connections, and is killed if it stays.
        """
        self.reactor.link.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.reactor.process.signals, [])
        self.reactor.advance(LEAVE_SECONDS)
        self.assertEqual(self.reactor.process.signals, ["KILL"])
        self.end()
        self.child.kill()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_output(self) -> None:
        """
        Its last words are in the log, also those that have no end.
        """
        with capturedLogs() as events:
            self.child.errReceived(b"Fatal Python error\nhalf")
            self.child.outReceived(b"not a line of JSON")
            self.end()
        self.assertEqual([event["line"] for event in events], ["Fatal Python error", "not a line of JSON", "half"])
