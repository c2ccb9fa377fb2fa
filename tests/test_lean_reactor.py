"""
Tests of `pomerium_tx.lean_reactor`.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Connection, Server
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pomerium_tx.eager import BULK, write_soon
from pomerium_tx.lean_reactor import PLACE, LeanEPollReactor
from pomerium_tx.proxy.transports import holds_unsent_bytes
from tests.doubles.sockets import reset, tcp_pair


class Poller:
    """
    A poller that is asked, and answers what it was told to.
    """

    def __init__(self, *answers: list[tuple[int, int]] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """
        What is ready.
        """
        self.asked.append(timeout)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def unregister(self, descriptor: int) -> None:
        """
        Forget it.
        """


class Selectable:
    """
    Something that is read and written.
    """

    def __init__(self, descriptor: int, why: Exception | None = None) -> None:
        self.descriptor = descriptor
        self.why = why
        self.calls: list[str] = []
        self.lost: list[Any] = []

    def fileno(self) -> int:
        """
        Its descriptor.
        """
        return self.descriptor

    def doRead(self) -> Any:
        """
        Raise what it was told to.
        """
        self.calls.append("read")
        if self.why is not None:
            raise self.why

    def doWrite(self) -> Any:
        """
        Be written.
        """
        self.calls.append("write")

    def readConnectionLost(self, reason: Failure) -> None:
        """
        It is closed.
        """
        self.lost.append(reason.value)

    connectionLost = readConnectionLost


class Heard(Protocol):
    """
    Hears how a connection ends.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.lost: list[type[BaseException]] = []

    def dataReceived(self, data: bytes) -> None:
        """
        Note it.
        """
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Note why.
        """
        self.lost.append(type(reason.value))


@implementer(IPushProducer)
class Producer:
    """
    Notes what it is told, and does something when it is asked for more.
    """

    def __init__(self, more: Callable[[], object] = lambda: None) -> None:
        self.calls: list[str] = []
        self.more = more

    def pauseProducing(self) -> None:
        """
        No more for now.
        """
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        """
        More.
        """
        self.calls.append("resume")
        self.more()

    def stopProducing(self) -> None:
        """
        Never again.
        """


class LeanReactorTests(SynchronousTestCase):
    """
    Events reach whom they are for, and nothing that goes wrong reaches anybody else.
    """

    def reactor(self, *answers: list[tuple[int, int]] | OSError) -> tuple[Any, Poller]:
        """
        A reactor that is not installed, and its poller.
        """
        reactor: Any = LeanEPollReactor()
        reactor._poller.close()
        reactor._poller = poller = Poller(*answers)
        self.addCleanup(reactor.disconnectAll)
        return reactor, poller

    def test_events(self) -> None:
        """
        What is ready is read or written, in the order of the poller; what was removed meanwhile is left alone.
        """
        reactor, _ = self.reactor([(1, select.EPOLLIN), (2, select.EPOLLOUT), (3, select.EPOLLIN), (9, select.EPOLLIN)])
        one, two, both = Selectable(1), Selectable(2), Selectable(3)
        reactor._selectables.update({1: one, 2: two, 3: both})
        reactor.doPoll(None)
        self.assertEqual([one.calls, two.calls, both.calls], [["read"], ["write"], ["read"]])

    def test_timeout(self) -> None:
        """
        It waits for as long as it is told, and for ever when it is told nothing.
        """
        reactor, poller = self.reactor([], [], [])
        for timeout in (None, 0, 2.5):
            reactor.doIteration(timeout)
        self.assertEqual(poller.asked, [-1, 0, 2.5])

    def test_interrupted(self) -> None:
        """
        A signal ends the wait and nothing else; another error of the poller is not hidden.
        """
        reactor, _ = self.reactor(OSError(errno.EINTR, "interrupted"), OSError(errno.EBADF, "bad"))
        reactor.doPoll(1)
        self.assertEqual(self.assertRaises(OSError, reactor.doPoll, 1).errno, errno.EBADF)

    def test_what_raises_is_lost(self) -> None:
        """
        Who raises is logged and closed, and the next one is served all the same.
        """
        reactor, _ = self.reactor([(1, select.EPOLLIN), (2, select.EPOLLIN)])
        broken, whole = Selectable(1, RuntimeError("broken")), Selectable(2)
        reactor._selectables.update({1: broken, 2: whole})
        reactor._reads.add(1)
        reactor.doPoll(None)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual([type(reason) for reason in broken.lost], [RuntimeError])
        self.assertEqual(whole.calls, ["read"])

    def test_hung_up(self) -> None:
        """
        Who has hung up without a word is lost.
        """
        reactor, _ = self.reactor([(1, select.EPOLLHUP)])
        gone = Selectable(1)
        reactor._selectables[1] = gone
        reactor.doPoll(None)
        self.assertEqual((gone.calls, [type(reason) for reason in gone.lost]), ([], [ConnectionLost]))


class SendingTests(SynchronousTestCase):
    """
    What is written in one turn is sent at the beginning of the next one.
    """

    def setUp(self) -> None:
        """
        A reactor that is not installed, and a connection on it.
        """
        self.reactor: Any = LeanEPollReactor()
        self.addCleanup(self.reactor.disconnectAll)
        self.here, self.there = socket.socketpair()
        self.addCleanup(self.there.close)
        self.there.setblocking(False)
        self.protocol = Heard()
        self.transport = self.connection()
        self.transport.connected = 1
        self.addCleanup(self.here.close)

    def connection(self) -> Connection:
        """
        What speaks on our end.
        """
        return Connection(self.here, self.protocol, self.reactor)

    def arrived(self) -> bytes:
        """
        What the other end can read.
        """
        try:
            return self.there.recv(1 << 20)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """
        Write in few steps.
        """
        self.reactor.write(self.transport, data)

    def is_polled(self) -> bool:
        """
        Whether the poller is asked for the moment at which it is writable.
        """
        return self.here.fileno() in self.reactor._writes

    def test_together(self) -> None:
        """
        Nothing is sent in the turn of the write, all of it in the next one, in order, and the poller hears nothing.
        """
        for write in (self.write, self.transport.write):
            with self.subTest(write=write):
                write(b"one")
                self.transport.write(b"two")
                write(b"three")
                self.assertEqual((self.arrived(), holds_unsent_bytes(self.transport)), (b"", True))
                self.assertEqual(self.reactor.getWriters(), [self.transport])
                self.reactor.doPoll(0)
                self.assertEqual((self.arrived(), holds_unsent_bytes(self.transport)), (b"onetwothree", False))
                self.assertEqual((self.reactor.getWriters(), self.is_polled()), ([], False))

    def test_more_than_the_kernel_takes(self) -> None:
        """
        What the kernel does not take waits for the poller, and arrives whole and in order; the producer is held back.
        """
        producer = Producer()
        self.transport.registerProducer(producer, True)
        sent = b"".join(b"%07d" % number for number in range(200_000))
        for start in range(0, len(sent), 10_000):
            self.write(sent[start : start + 10_000])
        self.assertEqual(set(producer.calls), {"pause"})
        self.reactor.doPoll(0)
        self.assertTrue(self.is_polled())
        found = b""
        while piece := self.arrived():
            found += piece
            self.reactor.doPoll(0)
        self.assertEqual(found, sent)
        self.assertEqual((producer.calls[-1], producer.calls.count("resume"), self.is_polled()), ("resume", 1, False))

    def test_no_room_in_the_kernel_at_all(self) -> None:
        """
        A kernel that takes nothing now is asked again when it says so, and the end that comes then is an orderly one.
        """
        for problem in (BlockingIOError(errno.EAGAIN, "again"), OSError(errno.ENOBUFS, "no buffers")):
            self.write(b"hello")
            with patch.object(self.transport, "socket") as full:
                full.send.side_effect = problem
                self.reactor.doPoll(0)
            self.assertEqual((self.arrived(), self.is_polled()), (b"", True))
            self.reactor.doPoll(0)
            self.assertEqual((self.arrived(), self.is_polled()), (b"hello", False))
        self.transport.startReading()
        self.there.close()
        self.reactor.doPoll(0)
        self.assertEqual(self.protocol.lost, [ConnectionDone])

    def test_dropped(self) -> None:
        """
        What was written before an abort in the same turn is never sent.
        """
        self.write(b"secret")
        self.transport.abortConnection()
        self.reactor.runUntilCurrent()
        self.reactor.doPoll(0)
        self.assertEqual(self.arrived(), b"")
        self.assertEqual((self.protocol.lost, self.reactor.getWriters()), ([ConnectionAborted], []))

    def test_nothing_after_an_abort(self) -> None:
        """
        Until an aborted connection is closed, in the next turn, nothing that was or is written to it is sent.
        """
        self.write(b"secret")
        self.transport.abortConnection()
        self.write(b"refused")
        self.transport.write(b"refused")
        self.transport.startWriting()
        self.reactor.doPoll(0)
        self.assertEqual(self.arrived(), b"")
        self.reactor.runUntilCurrent()
        self.assertEqual((self.protocol.lost, self.reactor.getWriters()), ([ConnectionAborted], []))

    def test_aborted_while_others_are_sent(self) -> None:
        """
        Whoever is aborted while the writes of the same turn are sent is not sent any more.
        """
        here, there = socket.socketpair()
        self.addCleanup(there.close)
        other = Connection(here, Heard(), self.reactor)
        other.connected = 1
        other.registerProducer(Producer(self.transport.abortConnection), False)
        self.reactor.runUntilCurrent()
        self.transport._aborting = False
        self.reactor.removeAll()
        self.reactor.write(other, b"first")
        self.write(b"secret")
        self.reactor.doPoll(0)
        self.assertEqual(self.arrived(), b"")
        other.abortConnection()
        self.reactor.runUntilCurrent()

    def test_who_raises_at_the_end(self) -> None:
        """
        A protocol that raises when it hears of its end keeps nobody else from being sent.
        """
        here, there = socket.socketpair()
        self.addCleanup(there.close)
        other = Connection(here, Heard(), self.reactor)
        other.connected = 1
        self.protocol.connectionLost = lambda reason: 1 / 0  # type: ignore[method-assign, assignment]
        self.write(b"last words")
        self.transport.loseConnection()
        self.reactor.write(other, b"to somebody")
        self.reactor.doPoll(0)
        self.assertEqual(there.recv(99), b"to somebody")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        other.abortConnection()
        self.reactor.runUntilCurrent()

    def test_closed_in_order(self) -> None:
        """
        What was written before an orderly close is sent before it.
        """
        self.write(b"last words")
        self.transport.loseConnection()
        self.reactor.doPoll(0)
        self.assertEqual((self.arrived(), self.protocol.lost), (b"last words", [ConnectionDone]))
        self.assertEqual(self.there.recv(1), b"")

    def test_half_closed(self) -> None:
        """
        What was written before our direction is closed is sent before that.
        """
        self.write(b"last words")
        self.transport.loseWriteConnection()
        self.reactor.doPoll(0)
        self.assertEqual((self.arrived(), self.there.recv(1), self.protocol.lost), (b"last words", b"", []))
        self.write(b"more")
        self.assertFalse(holds_unsent_bytes(self.transport))

    def test_after_delayed_calls(self) -> None:
        """
        Whoever was aborted in a turn is closed before anything that was written in it is sent.
        """
        there = []
        self.write(b"signed out")
        self.reactor.callLater(0, lambda: there.append(self.arrived()))
        self.reactor.runUntilCurrent()
        self.reactor.doPoll(0)
        self.assertEqual((there, self.arrived()), ([b""], b"signed out"))

    def test_lost(self) -> None:
        """
        A connection that cannot be written to is closed, and the next one is written to all the same.
        """
        here, there = socket.socketpair()
        self.addCleanup(there.close)
        other = Connection(here, Heard(), self.reactor)
        other.connected = 1
        self.there.close()
        self.write(b"to nobody")
        self.reactor.write(other, b"to somebody")
        self.reactor.doPoll(0)
        self.assertEqual((self.protocol.lost, there.recv(99)), ([ConnectionLost], b"to somebody"))
        other.abortConnection()
        self.reactor.runUntilCurrent()

    def test_read_before_lost(self) -> None:
        """
        What the other end had said is heard before the connection is lost, which is no orderly end.
        """
        self.there.sendall(b"an early answer")
        self.there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.there.close()
        self.transport.startReading()
        self.write(b"more of the request")
        self.reactor.doPoll(0)
        self.reactor.doPoll(0)
        self.assertEqual((self.protocol.heard, self.protocol.lost), (b"an early answer", [ConnectionLost]))

    def test_nobody_keeps_the_others_waiting(self) -> None:
        """
        Whoever writes again when it is asked for more is sent in the next turn, which comes at once.
        """
        producer = Producer(lambda: self.transport.write(b"x"))
        self.transport.registerProducer(producer, False)
        for turn in range(3):
            self.reactor.doPoll(None)
            self.assertEqual(self.arrived(), b"x", turn)

    def test_soon(self) -> None:
        """
        What is small is sent in the next turn, and what is not, at once.
        """
        write_soon(self.transport, b"small")
        self.assertEqual(self.arrived(), b"")
        self.reactor.doPoll(0)
        self.assertEqual(self.arrived(), b"small")
        write_soon(self.transport, b"x" * BULK)
        self.assertEqual(len(self.arrived()), BULK)

    def test_what_is_to_be_encrypted(self) -> None:
        """
        Clear text goes to whoever encrypts it, not past it to the socket that it is wrapped around, or has become.
        """
        clear: list[bytes] = []
        wrapped: Any = ProtocolWrapper(WrappingFactory(Factory()), Protocol())  # type: ignore[no-untyped-call]
        wrapped.makeConnection(self.transport)
        wrapped.write = clear.append
        write_soon(wrapped, b"one")
        self.transport.TLS = True
        self.protocol.write = clear.append  # type: ignore[attr-defined]
        write_soon(self.transport, b"two")
        self.reactor.doPoll(0)
        self.assertEqual((clear, self.arrived()), ([b"one", b"two"], b""))

    def test_forgotten(self) -> None:
        """
        Whoever is removed is sent nothing of, and all who are removed are named.
        """
        self.write(b"one")
        self.assertEqual(self.reactor.removeAll(), [self.transport])
        self.reactor.doPoll(0)
        self.assertEqual(self.arrived(), b"")

    def test_being_connected(self) -> None:
        """
        A connection that is not made yet waits for the poller: nothing turns in circles until then.
        """
        self.transport.connected = 0
        self.transport.startWriting()
        self.assertEqual((self.is_polled(), self.reactor._unsent), (True, {}))
        self.transport.stopWriting()


class AcceptedSendingTests(SendingTests):
    """
    The same on a connection that was accepted, as those of user agents are.
    """

    def connection(self) -> Connection:
        accepted = Server(self.here, self.protocol, ("192.0.2.1", 1), None, 1, self.reactor)  # type: ignore[no-untyped-call] # Twisted's own
        accepted.stopReading()
        return accepted

    def test_reset(self) -> None:
        """
        A peer that is gone is a loss, also where it is the send that is told so: never an orderly end.
        """
        self.here, self.there = tcp_pair()
        self.addCleanup(self.here.close)
        self.transport = self.connection()
        self.transport.startReading()
        self.write(b"more of the request")
        reset(self.there)
        for _ in range(3):
            self.reactor.doPoll(0)
        self.assertEqual(self.protocol.lost, [ConnectionLost])


class ReadingTests(SynchronousTestCase):
    """
    What arrives is read as Twisted reads it, whatever its size.
    """

    def setUp(self) -> None:
        """
        A reactor that is not installed, and an accepted connection that it reads.
        """
        here, self.there = tcp_pair()
        self.addCleanup(here.close)
        self.addCleanup(self.there.close)
        self.reactor: Any = LeanEPollReactor()
        self.addCleanup(self.reactor.disconnectAll)
        self.protocol = Heard()
        self.transport = Server(here, self.protocol, ("127.0.0.1", 0), None, 0, self.reactor)  # type: ignore[no-untyped-call, arg-type] # Twisted's own
        self.transport.startReading()  # type: ignore[no-untyped-call] # Twisted's own
        self.pieces: list[int] = []
        note = self.protocol.dataReceived

        def came(data: bytes) -> None:
            self.pieces.append(len(data))
            note(data)

        self.protocol.dataReceived = came  # type: ignore[method-assign] # it is watched

    def read(self, size: int) -> None:
        """
        Have the other end send so much, and read all of it.
        """
        content = bytes(number % 251 for number in range(size))
        self.there.setblocking(False)
        self.protocol.heard, self.pieces[:] = b"", []
        left = content
        while len(self.protocol.heard) < size:
            try:
                left = left[self.there.send(left) :]
            except BlockingIOError:
                pass
            self.reactor.doPoll(0)
        self.assertTrue(self.protocol.heard == content)

    def test_any_size(self) -> None:
        """
        All of it comes, in order, in pieces that belong to whoever got them; what is large comes in large pieces.
        """
        for size in (1, 600, PLACE - 1, PLACE, PLACE + 1, 65_536, 65_537, 3_000_000, 5):
            with self.subTest(size=size):
                self.read(size)
                self.assertLessEqual(max(self.pieces), 65_536)
        self.assertEqual((self.pieces, self.reactor._streams), ([5], set()))
        self.read(3_000_000)
        self.assertGreater(max(self.pieces), PLACE)

    def test_kept(self) -> None:
        """
        What one has got stays as it is when another one gets something.
        """
        kept: list[bytes] = []
        self.protocol.dataReceived = kept.append  # type: ignore[method-assign] # it is watched
        for content in (b"first", b"other"):
            self.there.send(content)
            self.reactor.doPoll(0)
        self.assertEqual(kept, [b"first", b"other"])

    def test_nothing_there(self) -> None:
        """
        Where nothing is to be read after all, nothing happens.
        """
        for _ in range(2):
            self.assertIsNone(self.reactor._read(self.transport))
            self.reactor._streams.add(self.transport)
        self.assertEqual((self.pieces, self.protocol.lost), ([], []))

    def test_ends(self) -> None:
        """
        An end in order is told from a reset, also behind much.
        """
        for size in (5, 100_000):
            for end, told in ((socket.socket.close, ConnectionDone), (reset, ConnectionLost)):
                with self.subTest(size=size, told=told):
                    self.setUp()
                    self.read(size)
                    end(self.there)
                    for _ in range(3):
                        self.reactor.doPoll(0)
                    self.assertEqual(self.protocol.lost, [told])
                    self.assertEqual(self.reactor._streams, set())

    def test_paused(self) -> None:
        """
        Who does not read gets nothing, and nothing is known of them any more.
        """
        self.read(100_000)
        self.reactor._streams.add(self.transport)
        self.transport.pauseProducing()  # type: ignore[no-untyped-call] # Twisted's own
        self.there.send(b"later")
        self.pieces.clear()
        self.reactor.doPoll(0)
        self.assertEqual((self.pieces, self.reactor._streams), ([], set()))
        self.transport.resumeProducing()  # type: ignore[no-untyped-call] # Twisted's own
        self.reactor.doPoll(0)
        self.assertEqual(self.pieces, [5])

    def test_aborted(self) -> None:
        """
        One that was aborted reads nothing more in the same turn, although something has come.
        """
        self.there.send(b"late")
        self.transport.abortConnection()  # type: ignore[no-untyped-call] # Twisted's own
        self.reactor.addReader(self.transport)
        self.reactor.doPoll(0)
        self.assertEqual(self.pieces, [])
