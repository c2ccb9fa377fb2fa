"""
The two ends of the proxy as a test plays them: a user agent that says bytes, and an upstream that records bytes.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx.http11.writer import Lines
from tests.doubles.network import Network, Transport


class Peer(Protocol):
    """
    Records what it hears, says what it is told.
    """

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def say(self, data: bytes) -> None:
        """
        Write *data*.
        """
        self.transport.write(data)

    def take(self) -> bytes:
        """
        What was received since the last time.
        """
        received, self.received = self.received, b""
        return received


@implementer(IHalfCloseableProtocol)
class PatientPeer(Peer):
    """
    Goes on when the other side has closed its direction.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard_out = False
        """
        Whether the other side sends nothing more.
        """

    def readConnectionLost(self) -> None:
        self.heard_out = True

    def writeConnectionLost(self) -> None:
        pass


class PeerFactory(Factory):
    """
    Keeps every peer it makes.
    """

    noisy = False

    def __init__(self, protocol: type[Peer] = Peer) -> None:
        self._protocol = protocol
        self.peers: list[Peer] = []

    def buildProtocol(self, addr: object) -> Peer:
        peer = self._protocol()
        self.peers.append(peer)
        return peer

    @property
    def last(self) -> Peer:
        """
        The newest one.
        """
        return self.peers[-1]

    @property
    def heard(self) -> bytes:
        """
        All bytes that any of them received.
        """
        return b"".join(peer.received for peer in self.peers)


class UserAgent(Peer):
    """
    A connection to an address of the network.
    """

    transport: Transport

    @classmethod
    def connect(cls, network: Network, host: str, port: int, *, peer: str = "192.0.2.1") -> UserAgent:
        """
        A user agent that is connected.
        """
        agent = cls()

        class Once(Factory):
            noisy = False

            def buildProtocol(self, addr: object) -> UserAgent:
                return agent

        network.connect((host, port), Once(), peer=peer)
        network.settle()
        return agent

    def ask(self, request: bytes) -> bytes:
        """
        What is answered to *request* by the time that nothing moves any more.
        """
        self.say(request)
        self.transport.network.settle()
        return self.take()


class PatientAgent(UserAgent, PatientPeer):
    """
    A user agent that goes on when the proxy has closed its direction.
    """


def request(
    method: str = "GET",
    target: str = "/",
    host: str = "app.example.com",
    *fields: str,
    content: bytes = b"",
) -> bytes:
    """
    A request as a user agent writes it.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
    if content:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + content


def pairs_of(lines: Lines) -> list[tuple[bytes, bytes]]:
    """
    The names and values of field lines.
    """
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])]
