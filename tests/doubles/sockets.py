"""
Twisted's TCP transport on a real socket of the loopback, with a reactor that acts when a test says so.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

MUCH = 2 << 20
"""
More than the kernel takes for a peer that does not read.
"""
_PATIENCE = 0.01
_TURNS = 3000


class ByHand(Clock):
    """
    What connections need of a reactor; `turn` is one turn of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reading: set[Any] = set()
        self.writing: set[Any] = set()

    def addReader(self, reader: object) -> None:
        self.reading.add(reader)

    def removeReader(self, reader: object) -> None:
        self.reading.discard(reader)

    def addWriter(self, writer: object) -> None:
        self.writing.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writing.discard(writer)

    def turn(self, *, patience: float = 0.0) -> None:
        """
        Run what is due, and serve each socket once: reading first, as Twisted's reactors do.

        :param patience: Seconds that something may take to happen.
        """
        self.advance(0)
        readable, writable, _ = select.select(self.reading, self.writing, [], patience)
        for descriptor in readable:
            if descriptor in self.reading and (why := descriptor.doRead()) is not None:
                self.removeReader(descriptor)
                if why is CONNECTION_DONE:
                    descriptor.readConnectionLost(Failure(why))
                else:
                    descriptor.connectionLost(Failure(why))
        for descriptor in writable:
            if descriptor in self.writing and (why := descriptor.doWrite()) is not None:
                descriptor.connectionLost(Failure(why))

    def until(self, is_done: Callable[[], object]) -> None:
        """
        Turn until *is_done*: the kernel brings what was sent when it has time.
        """
        for _ in range(_TURNS):
            if is_done():
                return
            self.turn(patience=_PATIENCE)
        raise AssertionError("it never happens")


class RealConnection(Connection):
    """
    One end of a real connection, by Twisted's own class.
    """

    def __init__(self, ours: socket.socket, protocol: IProtocol, reactor: Any) -> None:
        super().__init__(ours, protocol, reactor)
        self.connected = True
        protocol.makeConnection(self)
        self.startReading()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """
    Both ends of a connection over the loopback, neither of which blocks; the kernel keeps less than `MUCH` for it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    for end in (ours, theirs):
        end.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, 65_536)
    return ours, theirs


def read_all(end: socket.socket) -> bytes:
    """
    What has arrived at *end*.
    """
    came = b""
    with suppress(BlockingIOError):
        while piece := end.recv(1 << 20):
            came += piece
    return came


def hear(end: socket.socket, *, flags: int = 0) -> bytes:
    """
    What arrives at *end* next; no bytes if it is the end.
    """
    select.select([end], [], [], _TURNS * _PATIENCE)
    return end.recv(1 << 20, flags)


def reset(end: socket.socket) -> None:
    """
    Close *end* so that the other end is told of a reset, not of an end.
    """
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    end.close()
