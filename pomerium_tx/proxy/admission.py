"""
Who may connect: so many at a time, and so many of them from one address.

At the limit of all connections, the one that has been idle for longest gives way to a new one, as it does in nginx: a
user agent that keeps a connection must expect that, while one that opens it is about to ask something. Where none is
idle, and where an address has its share, the new connection is closed before anything is read from it.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from twisted.logger import Logger

from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.tally import Tally

log = Logger()

RESERVED_DESCRIPTORS = 64
"""
For listening sockets, the OP, the administrator and files; where there are few, half of them.
"""
_UNLIMITED_DESCRIPTORS = 1 << 20
_NETWORK_BYTES = 8
"""
Of an IPv6 address: whoever has one has all 2^64 of its network (RFC 4291 section 2.5.4, RFC 6177).
"""
_FEW = 1_000
_SEARCH_PAUSE = 1.0
"""
Seconds between searches for idle connections where there are more than a few.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """
    How many connections there may be at a time.
    """

    connections: int = 1024
    per_address: int = 512
    to_applications: int = 1024
    """
    How many descriptors are left for connections to applications.
    """


def connection_limits(*, connections: int, per_address: int, descriptors: int) -> ConnectionLimits:
    """
    The limits that a configuration means; zero stands for what follows from the other limits.

    :param descriptors: How many files the process may have open, negative for any number of them. Each connection may
        need another one to an application; what is written need not leave room for that, but for itself.
    """
    room = _UNLIMITED_DESCRIPTORS if descriptors < 0 else min(descriptors, _UNLIMITED_DESCRIPTORS)
    room = max(room - min(RESERVED_DESCRIPTORS, room // 2), 1)
    if connections > room:
        log.warn("max_connections: {most} of {written} fit the limit of open files", most=room, written=connections)
        connections = room
    connections = connections or max(room // 2, 1)
    return ConnectionLimits(
        connections=connections,
        per_address=per_address or max(connections // 2, 1),
        to_applications=max(room - connections, 1),
    )


def whose(peer: str) -> str | bytes:
    """
    What connections are counted by: an IPv4 address, or the network of an IPv6 address.
    """
    if ":" not in peer:
        return peer
    return socket.inet_pton(socket.AF_INET6, peer.partition("%")[0])[:_NETWORK_BYTES]


class Admitted(Protocol):
    """
    A connection that was let in.
    """

    @property
    def peer(self) -> str:
        """
        Its address.
        """

    @property
    def idle_since(self) -> float | None:
        """
        Since when nothing is under way; None while something is.
        """

    def give_way(self) -> bool:
        """
        Close, unless the peer has not taken all that was written; whether it closes.
        """


Connection = TypeVar("Connection", bound=Admitted)


class Admission(Generic[Connection]):
    """
    The connections that there are, and whether there may be another.

    :param limits: Those of the moment.
    """

    def __init__(self, limits: Callable[[], ConnectionLimits], deadlines: Deadlines) -> None:
        self._limits = limits
        self._deadlines = deadlines
        self._open: dict[Connection, str | bytes] = {}
        self._by_address: dict[str | bytes, int] = {}
        self._idle: deque[tuple[float, Connection]] = deque()
        self._searched_at = float("-inf")
        self._too_many = Tally(deadlines, self._say_too_many)
        self._too_many_of_one = Tally(deadlines, self._say_too_many_of_one)
        self._gave_way = Tally(deadlines, self._say_gave_way)

    @property
    def open(self) -> list[Connection]:
        """
        The connections that there are.
        """
        return list(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def is_welcome(self, peer: str) -> bool:
        """
        Whether *peer* may connect; if there must be room for it, there is now.
        """
        limits = self._limits()
        if self._idle and len(self._open) < limits.connections // 2:
            self._idle.clear()
        # A share of everything is none: then there are only the connections of all.
        if limits.connections > limits.per_address <= self._by_address.get(whose(peer), 0):
            self._too_many_of_one.add()
            return False
        if len(self._open) >= limits.connections and not self._make_room():
            self._too_many.add()
            return False
        return True

    def add(self, connection: Connection) -> None:
        """
        *connection* counts from now on.
        """
        address = whose(connection.peer)
        self._open[connection] = address
        self._by_address[address] = self._by_address.get(address, 0) + 1

    def discard(self, connection: Connection) -> None:
        """
        *connection* does not count any more, if it did.
        """
        address = self._open.pop(connection, None)
        if address is None:
            return
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]

    def _make_room(self) -> bool:
        """
        Let the connection give way that has been idle for longest; whether there was one.
        """
        if self._first_gives_way():
            return True
        now = self._deadlines.now()
        if len(self._open) > _FEW and now < self._searched_at + _SEARCH_PAUSE:
            # Whoever floods us must not make us look at thousands of connections each time.
            return False
        self._searched_at = now
        found = [(since, each) for each in self._open if (since := each.idle_since) is not None]
        found.sort(key=lambda candidate: candidate[0])
        self._idle = deque(found)
        return self._first_gives_way()

    def _first_gives_way(self) -> bool:
        while self._idle:
            since, connection = self._idle.popleft()
            # It may have been used, or be gone, since it was found.
            if connection in self._open and connection.idle_since == since and connection.give_way():
                self.discard(connection)
                self._gave_way.add()
                return True
        return False

    def _say_too_many(self, count: int) -> None:
        log.warn(
            "{count} connections were refused: there are {most} (max_connections), and none is idle",
            count=count,
            most=self._limits().connections,
        )

    def _say_too_many_of_one(self, count: int) -> None:
        log.warn(
            "{count} connections were refused: their addresses have {most} each (max_connections_per_address)",
            count=count,
            most=self._limits().per_address,
        )

    def _say_gave_way(self, count: int) -> None:
        log.warn(
            "{count} idle connections were closed to make room for new ones: there are {most} (max_connections)",
            count=count,
            most=self._limits().connections,
        )
