"""
Tests of `pomerium_tx.outside`.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, providedBy

from pomerium_tx import logs
from pomerium_tx.config.model import Config
from pomerium_tx.outside import Outside
from tests.config.material import SMALLEST, key_pair, loaded

URL = "http://op.example.com/.well-known/openid-configuration"
AUTHORITY = b64encode(key_pair()[0]).decode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Resolver:
    """
    Every name is one address.
    """

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, *args: object, **options: object) -> object:
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", port))
        receiver.resolutionComplete()
        return self


class ProviderConnectionsTests(SynchronousTestCase):
    """
    Connections to the OP.
    """

    def setUp(self) -> None:
        self.addCleanup(logs.threshold.set, "info")
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = Resolver()
        directlyProvides(self.reactor, providedBy(self.reactor), IReactorPluggableNameResolver)
        self.outside = Outside(self.reactor, self.config())
        self.connections: list[StringTransportWithDisconnection] = []

    def config(self, **changes: object) -> Config:
        """
        What a file says.
        """
        return loaded(self.mktemp(), {**SMALLEST, **changes}).config

    def ask(self) -> Deferred[Any]:
        """
        A request that the OP has heard; over a new connection if there has to be one.
        """
        asked: Deferred[Any] = self.outside.http.request("GET", URL)
        if len(self.reactor.tcpClients) > len(self.connections):
            protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
            transport = StringTransportWithDisconnection()
            transport.protocol = protocol
            protocol.makeConnection(transport)
            self.connections.append(transport)
        return asked

    def answer(self, asked: Deferred[Any]) -> None:
        """
        The OP answers on the newest connection.
        """
        self.connections[-1].protocol.dataReceived(ANSWER)
        response = self.successResultOf(asked)
        self.successResultOf(response.content())

    def test_kept(self) -> None:
        """
        A connection serves again, also when other settings change.
        """
        for level in ("info", "error", "info"):
            self.outside.configure(self.config(log_level=level))
            self.answer(self.ask())
        self.assertEqual(len(self.connections), 1)

    def test_other_authorities(self) -> None:
        """
        When other authorities are trusted no idle connection is used again, and none stays.
        """
        self.answer(self.ask())
        self.outside.configure(self.config(certificate_authority=AUTHORITY))
        self.assertFalse(self.connections[0].connected)
        self.answer(self.ask())
        self.assertEqual(len(self.connections), 2)
        self.outside.configure(self.config(certificate_authority=AUTHORITY))
        self.answer(self.ask())
        self.assertEqual(len(self.connections), 2)

    def test_other_authorities_meanwhile(self) -> None:
        """
        What was asked before is still answered; its connection is not kept.
        """
        asked = self.ask()
        self.outside.configure(self.config(certificate_authority=AUTHORITY))
        self.answer(asked)
        self.reactor.advance(0)
        self.assertFalse(self.connections[0].connected)
        self.answer(self.ask())
        self.assertEqual(len(self.connections), 2)
        Deferred.fromCoroutine(self.outside.close())
        self.assertFalse(self.connections[1].connected)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
