"""
Tests of `pomerium_tx.proxy.transports`: they pin what it knows of Twisted beyond the public interfaces.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.eager import write_now
from pomerium_tx.proxy import transports
from pomerium_tx.proxy.transports import (
    ALL,
    bytes_owed,
    can_half_close,
    holds_unsent_bytes,
    is_encrypted,
    owes_bytes,
)
from pomerium_tx.tls.downstream import DownstreamContexts
from tests.doubles.sockets import ByHand, tcp_pair
from tests.tls.authorities import Authority
from tests.tls.handshakes import AnyClient
from tests.tls.peers import Ends

MUCH = 8 << 20
"""
More than the kernel takes for a peer that does not read.
"""


class Reactor:
    """
    What a connection needs of a reactor.
    """

    def __init__(self) -> None:
        self.writing: set[object] = set()

    def addReader(self, reader: object) -> None:
        pass

    def removeReader(self, reader: object) -> None:
        pass

    def addWriter(self, writer: object) -> None:
        self.writing.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writing.discard(writer)


class RealConnection(Connection):
    """
    One end of a real socket pair, by Twisted's own class.
    """

    def __init__(self, ours: socket.socket, protocol: Protocol, reactor: Reactor) -> None:
        ours.setblocking(False)
        super().__init__(ours, protocol, reactor)
        self.connected = True
        protocol.makeConnection(self)


class KernelTests(SynchronousTestCase):
    """
    What the kernel has taken and not sent.
    """

    def test_paused_reader(self) -> None:
        """
        Bytes that the kernel keeps for a reader who pauses are owed, and those that have left are not.
        """
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs = socket.create_connection(listening.getsockname())
        self.addCleanup(theirs.close)
        ours, _ = listening.accept()
        self.addCleanup(ours.close)
        transport = RealConnection(ours, Protocol(), Reactor())
        self.assertFalse(owes_bytes(transport))
        # As Twisted's doWrite does, until the kernel takes no more: nothing is left in user space.
        while True:
            try:
                ours.send(b"x" * 65_536)
            except BlockingIOError:
                break
        self.assertFalse(holds_unsent_bytes(transport))
        self.assertTrue(owes_bytes(transport))

    def test_how_many(self) -> None:
        """
        It is known of how many bytes that is so: of those that wait here, and of those that the kernel keeps.
        """
        ours, theirs = tcp_pair()
        for end in (ours, theirs):
            self.addCleanup(end.close)
        theirs.setblocking(False)
        transport = RealConnection(ours, Protocol(), Reactor())
        self.assertEqual(bytes_owed(transport), 0)
        transport.write(b"x" * 10)
        transport.write(b"x" * 5)
        self.assertEqual(bytes_owed(transport), 15)
        transport.write(b"x" * MUCH)
        for _ in range(3):
            transport.doWrite()
        here = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        self.assertGreater(bytes_owed(transport), here)
        came = 0
        while came < MUCH + 15:
            # What has come is not owed, whatever is still on its way.
            self.assertLessEqual(bytes_owed(transport), MUCH + 15 - came)
            try:
                came += len(theirs.recv(1 << 20))
            except BlockingIOError:
                pass
            transport.doWrite()
        self.assertEqual(bytes_owed(transport), 0)


class TcpTests(SynchronousTestCase):
    """
    Twisted's TCP transport on a real socket.
    """

    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)
        self.theirs.setblocking(False)
        self.reactor = Reactor()
        self.transport = RealConnection(ours, Protocol(), self.reactor)

    def drain(self) -> int:
        """
        The peer reads all there is.
        """
        read = 0
        while True:
            try:
                read += len(self.theirs.recv(1 << 20))
            except BlockingIOError:
                return read

    def test_nothing_written(self) -> None:
        """
        A fresh transport holds nothing.
        """
        self.assertFalse(holds_unsent_bytes(self.transport))

    def test_waits_for_the_reactor(self) -> None:
        """
        What was written is held until the reactor has handed it to the kernel.
        """
        self.transport.write(b"hello")
        self.assertTrue(holds_unsent_bytes(self.transport))
        self.transport.doWrite()
        self.assertFalse(holds_unsent_bytes(self.transport))
        self.assertEqual(self.drain(), 5)

    def test_kernel_is_full(self) -> None:
        """
        What the kernel does not take is held, whether in one piece or appended, until the last byte has gone.
        """
        self.transport.write(b"x" * MUCH)
        for _ in range(3):
            self.transport.doWrite()
        self.assertTrue(holds_unsent_bytes(self.transport))
        self.transport.write(b"y" * 10)
        received = 0
        while holds_unsent_bytes(self.transport):
            received += self.drain()
            self.transport.doWrite()
        received += self.drain()
        self.assertEqual(received, MUCH + 10)

    def test_half_close(self) -> None:
        """
        It can be half-closed, and is not encrypted.
        """
        self.assertTrue(can_half_close(self.transport))
        self.assertFalse(is_encrypted(self.transport))


class TlsTests(SynchronousTestCase):
    """
    Twisted's TLS transport over a transport that can be full.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.sides: list[Any] = []
        ends: list[object] = []
        contexts = DownstreamContexts([Authority("A test authority").issue("app.example.com")])
        for creator, is_client in ((contexts, False), (AnyClient(b"app.example.com"), True)):
            factory = TLSMemoryBIOFactory(creator, is_client, Factory.forProtocol(Protocol), self.clock)
            protocol: Any = factory.buildProtocol(None)
            self.sides.append(protocol)
            ends += [protocol, FakeTransport(protocol, isServer=not is_client)]
        self.server = self.sides[0]
        self.pump = connect(*ends, greet=False)

    def settle(self) -> None:
        """
        Let everything arrive.
        """
        for _ in range(10):
            self.clock.advance(0)
            self.pump.flush()

    def on_real_tcp(self) -> tuple[RealConnection, socket.socket]:
        """
        From now on the server's TLS is on a real TCP transport.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        connection = RealConnection(ours, Protocol(), Reactor())
        self.server.transport = connection
        return connection, theirs

    def test_before_the_handshake(self) -> None:
        """
        What is written before the handshake is over is held, although TCP below has nothing to send; it goes when the
        handshake is over.
        """
        connection, _ = self.on_real_tcp()
        below = self.pump.serverIO
        self.server.write(b"early")
        self.clock.advance(0)
        self.assertFalse(holds_unsent_bytes(connection))
        self.assertTrue(holds_unsent_bytes(self.server))
        self.server.transport = below
        self.settle()
        self.server.transport = connection
        self.assertFalse(holds_unsent_bytes(self.server))

    def test_aggregated(self) -> None:
        """
        What is gathered for the end of the turn is held.
        """
        self.settle()
        connection, theirs = self.on_real_tcp()
        self.server.write(b"hello")
        self.assertTrue(holds_unsent_bytes(self.server))
        self.clock.advance(0)
        self.assertTrue(holds_unsent_bytes(self.server), "it is with TCP now")
        self.assertEqual(bytes_owed(self.server), ALL)
        connection.doWrite()
        self.assertFalse(holds_unsent_bytes(self.server))
        self.assertGreater(len(theirs.recv(100)), 5)
        self.assertEqual(bytes_owed(self.server), 0)

    def test_tcp_below_is_full(self) -> None:
        """
        What TCP below has not handed to the kernel is held.
        """
        self.settle()
        connection, _ = self.on_real_tcp()
        self.server.write(b"x" * MUCH)
        self.clock.advance(0)
        connection.doWrite()
        self.assertTrue(holds_unsent_bytes(self.server))

    def test_half_close(self) -> None:
        """
        It cannot be half-closed, and is encrypted.
        """
        self.assertFalse(can_half_close(self.server))
        self.assertTrue(is_encrypted(self.server))


class TlsOnTheSocketTests(SynchronousTestCase):
    """
    Our own TLS, on a real socket.
    """

    def setUp(self) -> None:
        sockets = tcp_pair()
        for end in sockets:
            self.addCleanup(end.close)
        contexts = DownstreamContexts([Authority("A test authority").issue("app.example.com")])
        self.ends = Ends(contexts, Protocol(), SSL.Context(SSL.TLS_METHOD), sockets, ByHand())
        self.server = self.ends.transport

    def test_before_the_handshake(self) -> None:
        """
        What is written before the handshake is over is held until it is.
        """
        for write in (self.server.write, partial(write_now, self.server)):
            self.assertIs(holds_unsent_bytes(self.server), write != self.server.write)
            write(b"early")
            self.assertTrue(holds_unsent_bytes(self.server))
        self.ends.shake_hands()
        self.assertEqual(self.ends.take(10), b"earlyearly")
        self.assertFalse(holds_unsent_bytes(self.server))
        self.assertFalse(owes_bytes(self.server))

    def test_kernel_is_full(self) -> None:
        """
        What the kernel does not take is held to the last byte.
        """
        self.ends.shake_hands()
        write_now(self.server, b"at once")
        self.assertFalse(holds_unsent_bytes(self.server))
        write_now(self.server, b"x" * MUCH)
        self.assertTrue(holds_unsent_bytes(self.server))
        came = 0
        while holds_unsent_bytes(self.server):
            self.assertTrue(owes_bytes(self.server))
            self.assertGreater(bytes_owed(self.server), 0)
            came += len(self.ends.take(1))
            self.assertLessEqual(bytes_owed(self.server), 2 * MUCH)
        self.assertEqual(came + len(self.ends.take(MUCH + 7 - came)), MUCH + 7)
        self.assertFalse(owes_bytes(self.server))

    def test_record_in_part(self) -> None:
        """
        Where the end of a record has not been sent, all that is in it is owed: it cannot be read before.
        """
        self.ends.shake_hands()
        self.server.write(b"a" * 1000 + b"b" * 15_000)
        self.ends.take(16_000)
        self.assertEqual(bytes_owed(self.server), 0)
        self.patch(transports, "_unsent_in_kernel", lambda transport: 13_150)
        self.assertGreaterEqual(bytes_owed(self.server), 16_000)

    def test_half_close(self) -> None:
        """
        It can be half-closed, and nobody need wait for its handshake to use it.
        """
        self.assertTrue(can_half_close(self.server))
        self.assertFalse(is_encrypted(self.server))


class OtherTransportTests(SynchronousTestCase):
    """
    Transports of other kinds.
    """

    def test_unknown(self) -> None:
        """
        A transport that cannot be asked is held to have something: then no Close frame is written into it.
        """
        self.assertTrue(holds_unsent_bytes(StringTransport()))
        self.assertTrue(holds_unsent_bytes(object()))
        self.assertEqual(bytes_owed(object()), ALL)
        self.assertFalse(can_half_close(object()))
