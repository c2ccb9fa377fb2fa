"""
A network in memory: endpoints that connect, transports with a finite buffer, and a clock.

Nothing moves until `Network.settle` (or `advance`) is called, so a test decides who has heard what. Each direction has
a
*window*, which is what a kernel would hold for a peer that does not read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

BUFFER = 65_536
WINDOW = 262_144


class Transport:
    """
    One end of a connection.
    """

    def __init__(self, network: Network, here: IPv4Address, there: IPv4Address) -> None:
        self.network = network
        self.here = here
        self.there = there
        self.window = WINDOW
        """
        Bytes that the peer's kernel takes while the peer does not read.
        """
        self.protocol: Any = None
        self.peer: Transport
        self.lost = False
        self.aborted = False
        self.closed_by_peer = False
        self.read_closed = False
        self._buffer = b""
        self._arrived = b""
        self._reading = True
        self._closing: Callable[[], None] | None = None
        self._write_closed = False
        self._producer: Any = None
        self._streaming = True
        self._producer_paused = False

    @property
    def unsent(self) -> int:
        """
        How many bytes wait here that the kernel does not have.
        """
        return len(self._buffer)

    # -- ITransport, IConsumer, IPushProducer
    # ---------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        assert type(data) is bytes
        if self.lost or self._closing or self._write_closed or self.aborted:
            return
        self._buffer += data
        if self._producer is not None and self._streaming and len(self._buffer) > BUFFER and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if self._closing is None:
            self._closing = lambda: self._lose(ConnectionDone())

    def loseWriteConnection(self) -> None:
        self._write_closed = True

    def abortConnection(self) -> None:
        if self.lost or self.aborted:
            return
        self.aborted = True
        self._buffer = self._arrived = b""
        self.network.soon(lambda: self._lose(ConnectionAborted()))

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True
        # Whoever reads after the end is told of it once more.
        self.read_closed = False

    def stopProducing(self) -> None:
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self._producer is None, "a producer is registered already"
        self._producer, self._streaming, self._producer_paused = producer, streaming, False
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        # Like Twisted's: a source that it has paused stays paused.
        self._producer = None

    def getPeer(self) -> IPv4Address:
        return self.there

    def getHost(self) -> IPv4Address:
        return self.here

    # -- the network
    # ----------------------------------------------------------------------------------------------------

    def move(self) -> bool:
        """
        Move what can be moved out of this end; whether anything was.
        """
        moved = False
        if self.lost:
            return False
        room = self.window - len(self.peer._arrived)
        if self._buffer and room > 0 and not self.aborted and not self.peer.lost:
            self.peer._arrived += self._buffer[:room]
            self._buffer = self._buffer[room:]
            moved = True
            if not self._buffer and self._producer is not None and (self._producer_paused or not self._streaming):
                self._producer_paused = False
                self._producer.resumeProducing()
        if self._reading and self._arrived and not self.aborted:
            arrived, self._arrived = self._arrived, b""
            self.protocol.dataReceived(arrived)
            return True
        if self._buffer and self.peer.lost and not self.aborted:
            # Whoever has closed both directions answers with a reset; what had arrived before is read.
            self._lose(ConnectionLost())
        if self.lost:
            return True
        ended = self._write_closed or self._closing is not None
        if ended and not self._buffer and not self.peer.closed_by_peer and not self.peer.lost:
            self.peer.closed_by_peer = True
            moved = True
        if (
            self._closing is not None
            and not self._buffer
            and not (self._producer is not None and self._producer_paused)
        ):
            self._closing()
            return True
        if self.closed_by_peer and not self._arrived and self._reading and not self.lost and not self.read_closed:
            self.read_closed = True
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.readConnectionLost()
            else:
                self._lose(ConnectionDone())
            return True
        return moved

    def reset(self) -> None:
        """
        The peer has aborted: what had arrived can still be read by a kernel, but here it is an error at once.
        """
        if not self.lost:
            self._lose(ConnectionLost())

    def _lose(self, reason: Exception) -> None:
        if self.lost:
            return
        self.lost = True
        peer = self.peer
        if isinstance(reason, ConnectionAborted):
            self.network.soon(peer.reset)
        elif not peer.lost:
            peer.closed_by_peer = True
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class Endpoint:
    """
    Connects to what listens at an address.
    """

    def __init__(self, network: Network, address: tuple[str, int]) -> None:
        self.network = network
        self.address = address
        self.slow = False
        """
        Whether connections wait for `Network.accept`.
        """

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self.network.connect(self.address, protocolFactory)


class Network:
    """
    Who listens where, and what is on its way.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.transports: list[Transport] = []
        self.connections = 0
        self.held: list[Callable[[], None]] = []
        self._waiting: list[Deferred[Any]] = []
        self._listening: dict[tuple[str, int], Any] = {}
        self._held_addresses: set[tuple[str, int]] = set()
        self._soon: list[Callable[[], None]] = []
        self._ports = 40_000

    def listen(self, host: str, port: int, factory: Any) -> None:
        """
        *factory* gets the connections to this address.
        """
        self._listening[host, port] = factory

    def close(self, host: str, port: int) -> None:
        """
        Nobody listens there any more.
        """
        del self._listening[host, port]

    def hold(self, host: str, port: int) -> None:
        """
        Connections to this address are not established until `accept`.
        """
        self._held_addresses.add((host, port))

    def accept(self) -> None:
        """
        Establish the connections that were held.
        """
        self._held_addresses.clear()
        held, self.held = self.held, []
        self._waiting.clear()
        for establish in held:
            establish()

    def refuse(self) -> None:
        """
        Refuse the connections that were held.
        """
        self._held_addresses.clear()
        self.held.clear()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.errback(Failure(ConnectionRefusedError()))

    def endpoint(self, host: str, port: int) -> Endpoint:
        """
        What connects to an address.
        """
        return Endpoint(self, (host, port))

    def connect(self, address: tuple[str, int], factory: Any, *, peer: str = "192.0.2.1") -> Deferred[Any]:
        """
        Connect to an address as the host *peer*.
        """
        listening = self._listening.get(address)
        if listening is None:
            failed: Deferred[Any] = Deferred()
            failed.errback(Failure(ConnectionRefusedError()))
            return failed
        if address in self._held_addresses:
            # As Twisted's endpoints do it: not with CancelledError.
            waiting: Deferred[Any] = Deferred(
                lambda cancelled: cancelled.errback(ConnectingCancelledError(IPv4Address("TCP", *address)))
            )

            def establish() -> None:
                if not waiting.called:
                    waiting.callback(self._establish(address, factory, peer))

            self.held.append(establish)
            self._waiting.append(waiting)
            return waiting
        return succeed(self._establish(address, factory, peer))

    def soon(self, call: Callable[[], None]) -> None:
        """
        Call in the next turn.
        """
        self._soon.append(call)

    def settle(self) -> None:
        """
        Let turns pass until nothing moves.
        """
        for _ in range(10_000):
            soon, self._soon = self._soon, []
            for call in soon:
                call()
            self.clock.advance(0)
            moved = [transport.move() for transport in list(self.transports)]
            self.transports = [transport for transport in self.transports if not transport.lost]
            if not any(moved) and not self._soon and not soon:
                return
        raise AssertionError("the network does not come to rest")

    def advance(self, seconds: float) -> None:
        """
        Let *seconds* pass, in steps of at most one.
        """
        self.settle()
        while seconds > 0:
            step = min(seconds, 1.0)
            self.clock.advance(step)
            self.settle()
            seconds -= step

    def _establish(self, address: tuple[str, int], factory: Any, peer: str) -> Any:
        self._ports += 1
        self.connections += 1
        there = IPv4Address("TCP", "127.0.0.1", address[1])
        here = IPv4Address("TCP", peer, self._ports)
        client, server = Transport(self, here, there), Transport(self, there, here)
        client.peer, server.peer = server, client
        client.protocol = factory.buildProtocol(there)
        accepted = self._listening[address].buildProtocol(here)
        server.protocol = Protocol() if accepted is None else accepted
        self.transports += [client, server]
        server.protocol.makeConnection(server)
        if accepted is None:
            # As Twisted's ports do it.
            server.pauseProducing()
            server.loseConnection()
        client.protocol.makeConnection(client)
        return client.protocol
