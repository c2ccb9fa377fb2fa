"""
TLS over the loopback: our transport on one end, OpenSSL as the test drives it on the other.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.transport import EncryptedFactory
from tests.doubles.sockets import ByHand, tcp_pair
from tests.tls.authorities import Authority


class UserAgent:
    """
    The other end of a connection, which reads and writes when it is told to.
    """

    def __init__(self, context: SSL.Context, end: socket.socket, name: bytes = b"app.example.com") -> None:
        self.socket = end
        self.tls = SSL.Connection(context, end)
        self.tls.set_tlsext_host_name(name)
        self.tls.set_connect_state()
        self.has_ended = False
        """
        Whether it was told that no more will come.
        """

    def read(self) -> bytes:
        """
        All that has come.
        """
        came = b""
        try:
            while True:
                came += self.tls.recv(1 << 20)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.has_ended = True
        return came


class Ends:
    """
    Both ends of one connection.

    :param protocol: What speaks on our end.
    """

    def __init__(
        self, contexts: DownstreamContexts, protocol: Protocol, context: SSL.Context, sockets: Any, reactor: ByHand
    ) -> None:
        ours, theirs = sockets
        self.reactor = reactor
        self.user_agent = UserAgent(context, theirs)
        factory = EncryptedFactory(contexts, Factory.forProtocol(lambda: protocol), reactor)
        built: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        listening: Any = SimpleNamespace(_realPortNumber=443)
        accepted: Any = Server(ours, built, theirs.getsockname(), listening, 1, reactor)
        built.makeConnection(accepted)
        self.transport: Any = protocol.transport

    def shake_hands(self) -> None:
        """
        Until both ends are through.
        """

        def is_through() -> bool:
            try:
                self.user_agent.tls.do_handshake()
            except SSL.WantReadError:
                return False
            return bool(self.transport._is_established)

        self.reactor.until(is_through)

    def take(self, size: int) -> bytes:
        """
        What the user agent reads, until it has *size* bytes or is told that there will be no more.
        """
        came = bytearray()

        def is_there() -> bool:
            came.extend(self.user_agent.read())
            return len(came) >= size or self.user_agent.has_ended

        self.reactor.until(is_there)
        return bytes(came)

    def send(self, content: bytes) -> None:
        """
        Have the user agent say *content*, while ours listens.
        """
        unsaid = memoryview(content)

        def is_said() -> bool:
            nonlocal unsaid
            with suppress(SSL.WantWriteError):
                while unsaid:
                    unsaid = unsaid[self.user_agent.tls.send(unsaid) :]
            return not unsaid

        self.reactor.until(is_said)


CONTEXTS = DownstreamContexts([Authority("A test authority").issue("app.example.com")])


class Speaker(Protocol):
    """
    Remembers what it was told; a producer, too.
    """

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.ended: BaseException | None = None
        self.told: list[str] = []

    def dataReceived(self, data: bytes) -> None:
        self.came.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None and self.ended is None
        self.ended = reason.value

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


@implementer(IHalfCloseableProtocol)
class PatientSpeaker(Speaker):
    """
    One that goes on when the other end has nothing more to say.
    """

    def readConnectionLost(self) -> None:
        self.told.append("no more to read")

    def writeConnectionLost(self) -> None:
        self.told.append("no more to write")


class TransportCase(SynchronousTestCase):
    """
    A connection over the loopback.
    """

    newest = SSL.TLS1_3_VERSION

    def connect(self, speaker: Speaker | None = None) -> None:
        """
        A connection, before its handshake.
        """
        ours, theirs = tcp_pair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.reactor = ByHand()
        self.speaker = speaker or Speaker()
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(self.newest)
        self.ends = Ends(CONTEXTS, self.speaker, context, (ours, theirs), self.reactor)
        self.transport = self.ends.transport
        self.user_agent = self.ends.user_agent

    def setUp(self) -> None:
        self.connect()
        self.ends.shake_hands()

    def until(self, is_done: Callable[[], object]) -> None:
        """
        Turn until *is_done*.
        """
        self.reactor.until(is_done)

    def until_ended(self) -> None:
        """
        Turn until our speaker was told of the end.
        """
        self.reactor.until(lambda: self.speaker.ended)

    def assert_reset(self) -> None:
        """
        The user agent hears nothing, neither a word nor an end.
        """
        problem = self.assertRaises(SSL.SysCallError, self.ends.take, 1)
        self.assertEqual(problem.args[0], errno.ECONNRESET)
        self.assertFalse(self.user_agent.has_ended)

    def turns(self, count: int = 5) -> None:
        """
        Some turns of the reactor.
        """
        for _ in range(count):
            self.reactor.turn()
