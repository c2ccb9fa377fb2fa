"""
TLS between two protocols, over memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cryptography.x509 import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, connect
from zope.interface import implementer


class Side(Protocol):
    """
    Remembers what came and how it ended.
    """

    def __init__(self) -> None:
        self.came = b""
        self.ended: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        """
        Remember *data*.
        """
        self.came += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        """
        Remember *reason*.
        """
        self.ended = None if reason is None else reason.value


@implementer(IOpenSSLClientConnectionCreator)
class AnyClient:
    """
    A client with its own ideas, that believes anybody.
    """

    def __init__(
        self, name: bytes | None = None, offers: list[bytes] | None = None, newest: int = SSL.TLS1_3_VERSION
    ) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_max_proto_version(newest)
        self._context.set_cipher_list(b"ALL:@SECLEVEL=0")
        if offers:
            self._context.set_alpn_protos(offers)
        self._name = name

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        A connection that asks for a name, or for none.
        """
        connection = SSL.Connection(self._context, None)
        if self._name is not None:
            connection.set_tlsext_host_name(self._name)
        return connection


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Watched:
    """
    Makes one connection as another creator would, and keeps it.
    """

    def __init__(self, make: Callable[[TLSMemoryBIOProtocol], SSL.Connection]) -> None:
        self._make = make
        self.connection: SSL.Connection | None = None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        The connection, on either side.
        """
        self.connection = self._make(tlsProtocol)
        return self.connection

    serverConnectionForTLS = clientConnectionForTLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """
    How a handshake went.
    """

    shown: str | None
    """
    The common name of the certificate that the server showed.
    """
    server_name: bytes | None
    protocol: bytes
    succeeded: bool


def handshake(server: IOpenSSLServerConnectionCreator, client: IOpenSSLClientConnectionCreator) -> Handshake:
    """
    Let *client* and *server* greet, and each say a word.
    """
    clock = Clock()
    sides: list[Side] = []
    watched: list[Watched] = []
    ends: list[object] = []
    for is_client, make in ((False, server.serverConnectionForTLS), (True, client.clientConnectionForTLS)):
        side, creator = Side(), Watched(make)
        factory = TLSMemoryBIOFactory(creator, is_client, Factory.forProtocol(partial(_same, side)), clock)
        protocol = factory.buildProtocol(None)
        sides.append(side)
        watched.append(creator)
        ends += [protocol, FakeTransport(protocol, isServer=not is_client)]
    pump = connect(*ends, greet=False)
    for word, side in ((b"ping", sides[1]), (b"pong", sides[0])):
        if side.transport is not None and all(each.ended is None for each in sides):
            side.transport.write(word)
        for _ in range(10):
            clock.advance(0)
            pump.flush()
    ours, theirs = (creator.connection for creator in watched)
    assert ours is not None and theirs is not None
    certificate = theirs.get_peer_certificate(as_cryptography=True)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if certificate else []
    return Handshake(
        shown=str(common[0].value) if common else None,
        server_name=ours.get_servername(),
        protocol=theirs.get_alpn_proto_negotiated(),
        succeeded=(sides[0].came, sides[1].came) == (b"ping", b"pong"),
    )


def _same(side: Side) -> Side:
    return side
