"""
How the proxy finds its applications and the OP: by names that only this world knows, on loopback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from pomerium_tx.outside import CONNECT_SECONDS


class HasNames(Protocol):
    """
    Where names lead to.
    """

    reactor: Any
    ports: dict[str, int]
    dialled: list[str]


@implementer(IStreamClientEndpoint)
class Endpoint:
    """
    Connects to where a name is at that moment.
    """

    def __init__(self, world: HasNames, host: str) -> None:
        self._world = world
        self._host = host

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self._world.dialled.append(self._host)
        port = self._world.ports.get(self._host)
        if port is None:
            return fail(DNSLookupError(f"nobody is called {self._host}"))
        return TCP4ClientEndpoint(self._world.reactor, "127.0.0.1", port, timeout=CONNECT_SECONDS).connect(
            protocolFactory
        )


@implementer(IAgentEndpointFactory)
class ToTheWorld:
    """
    Leads every URI to a name of this world, without TLS.
    """

    def __init__(self, world: HasNames) -> None:
        self._world = world

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        What connects to the host of a URI.
        """
        return Endpoint(self._world, uri.host.decode("ascii"))


class _WatchedConnection(ProtocolWrapper):
    factory: Watched

    def dataReceived(self, data: bytes) -> None:
        self.factory.moved()
        super().dataReceived(data)

    def write(self, data: bytes) -> None:
        self.factory.moved()
        super().write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.moved()
        super().connectionLost(reason)


class Watched(WrappingFactory):
    """
    A server of which every byte is noticed.
    """

    protocol = _WatchedConnection
    noisy = False

    def __init__(self, factory: Any, moved: Callable[[], None]) -> None:
        super().__init__(factory)
        self.moved = moved
