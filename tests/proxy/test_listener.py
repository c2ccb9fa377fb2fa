"""
Tests of `pomerium_tx.proxy.listener`: with real sockets, which nobody connects to.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ServerFactory
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.listener import Listener, NotBound


@dataclass
class Where:
    """
    An address.
    """

    host: str
    port: int = 0


class Port:
    """
    What the reactor makes of a socket.
    """

    def __init__(self, adopted: socket.socket, stopping: Deferred[None] | None) -> None:
        self.socket = adopted
        self.stopped = False
        self._stopping = stopping

    def getHost(self) -> Any:
        return type("Host", (), {"port": self.socket.getsockname()[1]})

    def stopListening(self) -> Deferred[None] | None:
        self.stopped = True
        return self._stopping


class Reactor:
    """
    Adopts sockets, as a real one does: by a descriptor of its own.
    """

    def __init__(self, test: SynchronousTestCase, stopping: Deferred[None] | None = None) -> None:
        self.ports: list[Port] = []
        self.families: list[int] = []
        self._test = test
        self._stopping = stopping

    def adoptStreamPort(self, descriptor: int, family: int, factory: object) -> Port:
        adopted = socket.fromfd(descriptor, family, socket.SOCK_STREAM)
        self._test.addCleanup(adopted.close)
        self.ports.append(Port(adopted, self._stopping))
        self.families.append(family)
        return self.ports[-1]


class ListenerTests(SynchronousTestCase):
    """
    Binding early, accepting late.
    """

    def listener(self, where: Where, key: str = "address") -> Listener:
        """
        A listener that is closed after the test.
        """
        listener = Listener(where, key=key)
        self.addCleanup(listener.close)
        return listener

    def bound(self, host: str = "127.0.0.1") -> Listener:
        """
        A listener that has bound any free port.
        """
        listener = self.listener(Where(host))
        listener.bind()
        return listener

    def test_reserves(self) -> None:
        """
        From `bind` on the address is ours: it has a port, and nobody else can have it.
        """
        listener = self.bound()
        self.assertNotEqual(listener.port, 0)
        other = self.listener(Where("127.0.0.1", listener.port), key="authenticate_address")
        problem = self.assertRaises(NotBound, other.bind)
        self.assertEqual(
            str(problem),
            f"authenticate_address: cannot listen on 127.0.0.1:{listener.port}: Address already in use",
        )

    def test_close(self) -> None:
        """
        What was closed can be had again at once.
        """
        listener = self.bound()
        port = listener.port
        listener.close()
        self.listener(Where("127.0.0.1", port)).bind()

    def test_accept(self) -> None:
        """
        The reactor gets each socket, and the listener knows its port all along.
        """
        listener, reactor = self.bound(), Reactor(self)
        port = listener.port
        listener.accept(reactor, ServerFactory())  # type: ignore[arg-type] # what is used of one
        self.assertEqual([each.socket.getsockname() for each in reactor.ports], [("127.0.0.1", port)])
        self.assertEqual(reactor.families, [socket.AF_INET])
        self.assertEqual(listener.port, port)

    def test_inherit(self) -> None:
        """
        Two that have the same sockets accept at the same address, whoever has bound it.
        """
        listener, reactor = self.bound(), Reactor(self)
        port = listener.port
        heir = self.listener(Where("nowhere.invalid"))
        heir.inherit(os.dup(descriptor) for descriptor in listener.descriptors)
        heir.accept(reactor, ServerFactory())  # type: ignore[arg-type] # what is used of one
        self.assertEqual([each.socket.getsockname() for each in reactor.ports], [("127.0.0.1", port)])
        self.assertEqual((heir.port, len(listener.descriptors), heir.descriptors), (port, 1, []))
        listener.close()
        self.assertEqual(listener.descriptors, [])

    def test_stop(self) -> None:
        """
        `stop` waits for the reactor's ports, at most once.
        """
        stopping: Deferred[None] = Deferred()
        for waits in (stopping, succeed(None), None):
            with self.subTest(waits):
                listener, reactor = self.bound(), Reactor(self, waits)
                listener.accept(reactor, ServerFactory())  # type: ignore[arg-type] # what is used of one
                done = Deferred.fromCoroutine(listener.stop())
                self.assertTrue(reactor.ports[0].stopped)
                if waits is stopping:
                    self.assertNoResult(done)
                    stopping.callback(None)
                self.successResultOf(done)
                self.successResultOf(listener.stop())

    def test_name(self) -> None:
        """
        A name is every address that it stands for.
        """
        listener = self.bound("localhost")
        self.assertNotEqual(listener.port, 0)

    def test_unknown_name(self) -> None:
        """
        A name that stands for nothing is a line like any other.
        """
        self.patch(socket, "getaddrinfo", _no_such_name)
        problem = self.assertRaises(NotBound, self.listener(Where("no.such.name.invalid", 80)).bind)
        self.assertRegex(str(problem), r"^address: cannot listen on no\.such\.name\.invalid:80: Name or service")

    def test_everywhere(self) -> None:
        """
        Without a host every address of the machine is listened on, of both families where it has both.
        """
        listener = self.bound("")
        with socket.create_connection(("127.0.0.1", listener.port), timeout=5):
            pass
        problem = self.assertRaises(NotBound, self.listener(Where("", listener.port)).bind)
        self.assertIn(f"cannot listen on *:{listener.port}: ", str(problem))

    def test_no_ipv6(self) -> None:
        """
        On a machine without IPv6, all addresses are those of IPv4, and a name's IPv6 address does not matter.
        """
        real, found = socket.socket, []

        def no_ipv6(family: int, kind: int) -> socket.socket:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            found.append(family)
            return real(family, kind)

        both = [(family, socket.SOCK_STREAM, 6, "", where) for family, where in _LOOPBACK]
        self.patch(socket, "getaddrinfo", lambda *about, **more: both)
        self.patch(socket, "socket", no_ipv6)
        for host in ("", "localhost"):
            with self.subTest(host):
                self.bound(host)
        self.assertEqual(found, [socket.AF_INET] * 2)

    def test_no_half_bound_name(self) -> None:
        """
        If one address of a name is taken, none is kept.
        """
        taken = self.bound()
        free = self.bound()
        port = free.port
        free.close()
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each)) for each in (port, taken.port)]
        self.patch(socket, "getaddrinfo", lambda *about, **more: both)
        self.assertRaises(NotBound, self.listener(Where("two.example.com", port)).bind)
        with socket.socket() as probe:
            self.assertEqual(probe.connect_ex(("127.0.0.1", port)), errno.ECONNREFUSED)


_LOOPBACK = ((socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0)))


def _no_such_name(*about: object, **more: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
