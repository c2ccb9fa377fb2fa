"""
The whole proxy on real sockets, with a host and an application of its own for every case, so that all run at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from zope.interface import implementer

from pomerium_tx.config.loader import load
from pomerium_tx.house import House
from pomerium_tx.sessions.memory import MemoryStore
from tests.hostile.application import Applications
from tests.scenarios.world import CONFIG

LOOKS = 15
LOOK_SECONDS = 0.02
"""
So many looks without a byte in between, and nothing more is expected. Each look is a turn of the reactor, which on a
busy machine may be long: what had arrived was read before the next.
"""


class Client(Protocol):
    """
    Says its bytes at once and waits until the connection is closed or quiet.
    """

    transport: Any

    def __init__(self, reactor: Any, says: bytes) -> None:
        self.received = b""
        self.is_closed = False
        self.finished: Deferred[Client] = Deferred()
        self.says = says
        self._reactor = reactor
        self._looks = 0

    def connectionMade(self) -> None:
        self.transport.write(self.says)
        self._look_after = self._reactor.callLater(LOOK_SECONDS, self._look)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._looks = 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_closed = True
        if self._look_after.active():
            self._look_after.cancel()
            self.finished.callback(self)

    def _look(self) -> None:
        self._looks += 1
        if self._looks < LOOKS:
            self._look_after = self._reactor.callLater(LOOK_SECONDS, self._look)
        else:
            self.finished.callback(self)


@implementer(IStreamClientEndpoint)
class _Endpoint:
    """
    Connects to where the application of a route is at that moment.
    """

    def __init__(self, test: LiveTestCase, name: str) -> None:
        self._test = test
        self._name = name

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        port = self._test.upstream_ports[self._name]
        return TCP4ClientEndpoint(self._test.reactor, "127.0.0.1", port).connect(protocolFactory)


class LiveTestCase(TestCase):
    """
    A proxy with one route for each name in `names`, open to everybody unless `is_protected`.
    """

    names: Sequence[str] = ()
    is_protected = False

    async def setUp(self) -> None:
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        self.reactor: Any = reactor
        self.applications = {name: Applications() for name in self.names}
        self._clients: list[Client] = []
        self.upstream_ports = {}
        for name, applications in self.applications.items():
            port = self.reactor.listenTCP(0, applications, interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            self.upstream_ports[name] = port.getHost().port
        admitted = "allow_any_authenticated_user" if self.is_protected else "allow_public_unauthenticated_access"
        routes = [
            {"from": f"https://{name}.example.com", "to": f"http://{name}.internal:80", "name": name, admitted: True}
            for name in self.names
        ]
        path = Path(self.mktemp() + ".yaml")
        path.write_text(yaml.safe_dump(CONFIG | {"routes": routes}))
        self.house = House(
            load(path, {}).config,
            store=MemoryStore(),
            clock=self.reactor,
            now=time.monotonic,
            http=StubTreq(Resource()),
            http_of=lambda route: StubTreq(Resource()),
            connect=lambda route, upstream: _Endpoint(self, route.name),
        )
        self.addCleanup(self._gone)
        self.addCleanup(self.house.stop)
        listening = self.reactor.listenTCP(0, self.house.factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port
        self.addCleanup(self.house.factory.abort_all)
        await self.house.start()

    async def _gone(self) -> None:
        for client in self._clients:
            if not client.is_closed:
                client.transport.abortConnection()
        await self.pause(0.05)

    def authority(self, name: str) -> str:
        """
        What a user agent writes into Host for the route of that *name*.
        """
        return f"{name}.example.com:{self.port}"

    async def pause(self, seconds: float) -> None:
        """
        Let real time pass.
        """
        passed: Deferred[None] = Deferred()
        self.reactor.callLater(seconds, passed.callback, None)
        await passed

    async def say(self, says: bytes) -> Client:
        """
        What happened on a connection of its own on which *says* was said.
        """
        client = Client(self.reactor, says)
        await connectProtocol(TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port), client)
        self._clients.append(client)
        return await client.finished
