"""
A connection of a peer that says whatever it likes, and what came back on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.hostile.answers import Answer, answers


class Line(Protocol):
    """
    One connection to the proxy.

    :param moved: Called with every byte and every end, so that a world knows that something still happens.
    """

    transport: Any

    def __init__(self, moved: Callable[[], None]) -> None:
        self.received = b""
        self.said = b""
        self.is_closed = False
        self.is_reset = False
        """
        Whether the end was not one in order.
        """
        self.is_of_the_op = False
        """
        Whether this is a connection to the OP, and not to the proxy.
        """
        self._has_said_all = False
        self.is_tunnel = False
        """
        Whether what comes is no HTTP any more.
        """
        self.keeps = True
        """
        Whether what comes is kept, and not only counted.
        """
        self.counted = 0
        self._moved = moved

    def connectionMade(self) -> None:
        self._moved()

    def dataReceived(self, data: bytes) -> None:
        self.counted += len(data)
        if self.keeps:
            self.received += data
        self._moved()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_closed = True
        self.is_reset = not reason.check(ConnectionDone)
        self._moved()

    def say(self, says: bytes) -> None:
        """
        Write *says*.
        """
        if self.keeps:
            self.said += says
        self.transport.write(says)

    @property
    def unsent(self) -> int:
        """
        How many bytes wait here because the kernel does not take them.
        """
        return unsent(self.transport)

    def half_close(self) -> None:
        """
        Say nothing more.
        """
        self._has_said_all = True
        self.transport.loseWriteConnection()

    def stop_reading(self) -> None:
        """
        Leave in the kernel what comes from now on.
        """
        self.transport.pauseProducing()

    def read_again(self) -> None:
        """
        Read what has come, and what comes.
        """
        self.transport.resumeProducing()

    def reset(self) -> None:
        """
        Be gone.
        """
        self.transport.abortConnection()

    @property
    def methods(self) -> list[str]:
        """
        The methods of what was asked, as far as they can be told from the first words of lines.
        """
        heads = [line.split(b" ", 1)[0] for line in self.said.split(b"\r\n") if b" HTTP/1" in line]
        return [head.decode("latin-1") for head in heads]

    def answers(self) -> tuple[Answer, ...]:
        """
        The complete final answers, as h11 reads them.
        """
        methods = ["HEAD" if each == "HEAD" else "GET" for each in self.methods]
        return answers(self.received, methods, closed=self.is_closed)


def unsent(transport: Any) -> int:
    """
    How many bytes wait in a transport of Twisted's.
    """
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # type: ignore[no-any-return] # its own


@implementer(IHalfCloseableProtocol)
class PatientLine(Line):
    """
    One that goes on talking when the other side has closed its direction.
    """

    is_heard_out = False

    def readConnectionLost(self) -> None:
        self.is_heard_out = True
        self._moved()
        if self._has_said_all:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        Our own doing.
        """
