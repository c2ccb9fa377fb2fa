"""
Whose turn it is to accept a connection.

All workers wait at the same sockets, and the kernel wakes whomever it likes: without more, one of them may get every
connection that comes in a row. So each tells the others, in memory that they share, how many connections it has; and
who has more than the others leaves the next one to them, for a moment. Whom nobody relieves in that moment takes it.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

SLACK = 1
"""
How many connections more than another worker one may have, besides an eighth of them.
"""
PAUSE = 0.005
"""
Seconds for which the others may take what one leaves to them.
"""
UNRELIEVED = 2
"""
Connections that are taken together when nobody else has come.
"""
_BYTES = 8


class Shares:
    """
    How many connections each of *count* workers has: numbers begin with 1.

    :param descriptor: Of the memory, as `make` has made it.
    """

    def __init__(self, descriptor: int, count: int) -> None:
        self.descriptor = descriptor
        self._count = count
        self._memory = mmap.mmap(descriptor, count * _BYTES)

    @classmethod
    def make(cls, count: int) -> Shares:
        """
        For workers of whom none serves yet.
        """
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("pomerium-tx workers")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, count * _BYTES)
        return cls(descriptor, count)

    @classmethod
    def inherited(cls, descriptor: int) -> Shares:
        """
        Those that the parent has made.
        """
        return cls(descriptor, os.fstat(descriptor).st_size // _BYTES)

    def put(self, number: int, connections: int | None) -> None:
        """
        A worker has so many connections; None if it does not serve.
        """
        value = 0 if connections is None else connections + 1
        # One aligned store: nobody ever reads half of it.
        self._memory[(number - 1) * _BYTES : number * _BYTES] = value.to_bytes(_BYTES, "little")

    def of(self, number: int) -> int | None:
        """
        How many a worker has; None if it does not serve.
        """
        value = int.from_bytes(self._memory[(number - 1) * _BYTES : number * _BYTES], "little")
        return value - 1 if value else None

    def is_ahead(self, number: int) -> bool:
        """
        Whether a worker should leave the next connection to another.
        """
        mine = self.of(number)
        others = [self.of(other) for other in range(1, self._count + 1) if other != number]
        serving = [connections for connections in others if connections is not None]
        return mine is not None and bool(serving) and mine > (least := min(serving)) + SLACK + least // 8

    def close(self) -> None:
        """
        The memory is not needed any more.
        """
        self._memory.close()
        os.close(self.descriptor)


class FairPort:
    """
    Has a listening *port* accept a connection at a time, and leave some to others.

    :param port: Twisted's `twisted.internet.tcp.Port`.
    :param is_ahead: Whether the next one should be left to another process.
    """

    def __init__(self, port: Any, clock: IReactorTime, is_ahead: Callable[[], bool]) -> None:
        self._port = port
        self._clock = clock
        self._is_ahead = is_ahead
        self._accept: Callable[[], object] = port.doRead
        self._has_waited = False
        self._pause: IDelayedCall | None = None
        port.doRead = self._ready

    def stop(self) -> None:
        """
        Accept no more: the port is about to be closed.
        """
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _ready(self) -> object:
        if self._is_ahead() and not self._has_waited:
            self._has_waited = True
            self._port.stopReading()
            self._pause = self._clock.callLater(PAUSE, self._go_on)
            return None
        # Twisted's own number grows, until one process takes everything.
        self._port.numberAccepts = UNRELIEVED if self._has_waited else 1
        self._has_waited = False
        return self._accept()

    def _go_on(self) -> None:
        self._pause = None
        self._port.startReading()
