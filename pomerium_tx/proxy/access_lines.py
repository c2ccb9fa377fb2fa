"""
When the access log gets its lines: at once, but for those of a cut, which wait until everything is cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pomerium_tx.proxy.connection import CUT, Answered

AT_ONCE = 200
"""
Lines that are written in one turn: a line costs more than the cut it tells of.
"""


class AccessLines:
    """
    Hands each line to *write*, in the order in which they came among the waiting and among the others.
    """

    def __init__(self, clock: IReactorTime, write: Callable[[Answered], None]) -> None:
        self._clock = clock
        self._write = write
        self._waiting: deque[Answered] = deque()
        self._call: IDelayedCall | None = None

    def add(self, answered: Answered) -> None:
        """
        Have a line written.
        """
        if not answered.details.startswith(CUT):
            self._write(answered)
            return
        self._waiting.append(answered)
        if self._call is None:
            self._call = self._clock.callLater(0, self._come)

    def stop(self) -> None:
        """
        Write what still waits.
        """
        if self._call is not None:
            self._call.cancel()
            self._call = None
        while self._waiting:
            self._write(self._waiting.popleft())

    def _come(self) -> None:
        self._call = None
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._write(self._waiting.popleft())
        if self._waiting:
            self._call = self._clock.callLater(0, self._come)
