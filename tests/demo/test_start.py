"""
Tests for `pomerium_tx.demo.start`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.config import DemoSettings
from pomerium_tx.demo.logout_channels import LogoutChannels
from pomerium_tx.demo.start import PortTaken, start
from tests.demo.wire import Transport


class _Port:
    """
    A listening port in memory, which knows whether it still listens.
    """

    def __init__(self) -> None:
        self.is_listening = True

    def stopListening(self) -> None:
        """
        It does not listen any more.
        """
        self.is_listening = False


class Reactor(MemoryReactorClock):
    """
    A reactor on whose computer some ports cannot be had.
    """

    def __init__(self, refused: Mapping[tuple[str, int], int] | None = None) -> None:
        super().__init__()
        self.ports: dict[tuple[str, int], _Port] = {}
        self.factories: dict[int, Any] = {}
        self._refused = refused or {}

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """
        A port, or the error that a real reactor raises.
        """
        number = self._refused.get((interface, port))
        if number is not None:
            raise CannotListenError(interface, port, OSError(number, "as the system says it"))
        self.factories[port] = factory
        self.ports[interface, port] = _Port()
        return self.ports[interface, port]


SETTINGS = DemoSettings.fresh()
PORTS = (8002, 8003, 8004, 8005)


class StartTests(SynchronousTestCase):
    """
    The demo, listening.
    """

    def test_loopback_only(self) -> None:
        """
        It listens on loopback of both families, at its four ports, and nowhere else.
        """
        reactor = Reactor()
        start(reactor, SETTINGS)
        expected = {(address, port) for address in ("127.0.0.1", "::1") for port in PORTS}
        self.assertEqual(set(reactor.ports), expected)

    def test_no_ipv6(self) -> None:
        """
        A computer without IPv6 will do.
        """
        for number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            with self.subTest(errno=number):
                reactor = Reactor({("::1", port): number for port in PORTS})
                start(reactor, SETTINGS)
                self.assertEqual(set(reactor.ports), {("127.0.0.1", port) for port in PORTS})

    def test_port_taken(self) -> None:
        """
        A port that is taken is one line that names it, and none is listened on then.
        """
        table = [
            ("127.0.0.1", 8002, "127.0.0.1:8002"),
            ("127.0.0.1", 8004, "127.0.0.1:8004"),
            ("::1", 8003, "[::1]:8003"),
        ]
        for address, port, named in table:
            with self.subTest(address=address, port=port):
                reactor = Reactor({(address, port): errno.EADDRINUSE})
                said = str(self.assertRaises(PortTaken, start, reactor, SETTINGS))
                self.assertEqual(said, f"The demo cannot listen on {named}: Address already in use.")
                self.assertFalse(any(listening.is_listening for listening in reactor.ports.values()))

    def test_stop(self) -> None:
        """
        Stopping the service closes the ports and the connections that never end; nobody is told of a logout any more.
        """
        stopped: list[LogoutChannels] = []
        self.patch(LogoutChannels, "stop", lambda channels: stopped.append(channels))
        reactor = Reactor()
        service = start(reactor, SETTINGS)
        service.startService()
        protocol, transport = reactor.factories[8003].buildProtocol(None), Transport()
        protocol.makeConnection(transport)
        self.successResultOf(service.stopService())
        self.assertFalse(any(listening.is_listening for listening in reactor.ports.values()))
        self.assertTrue(transport.disconnecting or transport.disconnected)
        self.assertEqual(len(stopped), 1)

    def test_who_is_where(self) -> None:
        """
        The provider, the application, the chat and the other application answer at their ports.
        """
        reactor = Reactor()
        start(reactor, SETTINGS)
        table = [
            (8002, b"op.localhost:8002", b"Development provider"),
            (8003, b"127.0.0.1:8003", b"Sample application"),
            (8004, b"127.0.0.1:8004", b"Chat"),
            (8005, b"other.localhost:8005", b"Other application"),
        ]
        for port, host, title in table:
            with self.subTest(port=port):
                transport = StringTransport() if port == 8002 else Transport()
                protocol = reactor.factories[port].buildProtocol(None)
                protocol.makeConnection(transport)
                protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                self.assertIn(b"<title>" + title, transport.value())
