"""
One sweep a second over everything that may take too long.

A delayed call per connection or request would cost more than the request; a deadline here is one attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

NEVER = float("inf")
SWEEP_INTERVAL = 1.0
"""
Seconds: how late a deadline may be noticed.
"""


class Timed(Protocol):
    """
    Something that must be told when its time is over.
    """

    def check_deadlines(self, now: float) -> None:
        """
        Act on every deadline of this object that is before *now*.
        """


class Deadlines:
    """
    The objects whose deadlines are looked at once a second.

    :param now: Seconds that no step of the wall clock can move.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        self.now = now
        self._clock = clock
        self._timed: set[Timed] = set()
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """
        Sweep from now on.
        """
        if self._call is None:
            self._call = self._clock.callLater(SWEEP_INTERVAL, self._sweep)

    def stop(self) -> None:
        """
        Sweep no more.
        """
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def watch(self, timed: Timed) -> None:
        """
        *timed* is asked at every sweep.
        """
        self._timed.add(timed)

    def forget(self, timed: Timed) -> None:
        """
        *timed* is asked no more.
        """
        self._timed.discard(timed)

    def _sweep(self) -> None:
        self._call = self._clock.callLater(SWEEP_INTERVAL, self._sweep)
        now = self.now()
        for timed in list(self._timed):
            timed.check_deadlines(now)
