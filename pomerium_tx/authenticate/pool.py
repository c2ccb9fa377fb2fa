"""
Work on many sessions, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


class Pool:
    """
    Runs work by name at its time; never the same name twice at once, and never too many.
    """

    def __init__(
        self, clock: IReactorTime, work: Callable[[str], Coroutine[Deferred[Any], Any, None]], *, at_once: int
    ) -> None:
        self._clock = clock
        self._work = work
        self._at_once = at_once
        self._planned: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._order = count()
        self._under_way: dict[str, Deferred[None]] = {}
        self._call: IDelayedCall | None = None
        self._is_starting = False
        self._is_stopped = False

    def add(self, name: str, at: float) -> None:
        """
        Work on *name* at this time, or when there is room; earlier if that was planned.
        """
        planned = self._planned.get(name)
        if self._is_stopped or (planned is not None and planned <= at):
            return
        self._planned[name] = at
        heappush(self._heap, (at, next(self._order), name))
        self._arrange()

    def stop(self) -> None:
        """
        Begin nothing more, and break off what is under way.
        """
        self._is_stopped = True
        self._planned.clear()
        self._heap.clear()
        self._cancel_call()
        for running in list(self._under_way.values()):
            running.cancel()

    def _arrange(self) -> None:
        """
        Come when the first one is due, if there is room then.
        """
        self._cancel_call()
        if self._heap and len(self._under_way) < self._at_once and not self._is_stopped:
            wait = max(0.0, self._heap[0][0] - self._clock.seconds())
            self._call = self._clock.callLater(wait, self._come)

    def _cancel_call(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _come(self) -> None:
        self._call = None
        self._is_starting = True
        now = self._clock.seconds()
        while self._heap and self._heap[0][0] <= now and len(self._under_way) < self._at_once:
            at, _, name = heappop(self._heap)
            # One that is under way keeps its place in the plan, and has its turn when it is over.
            if self._planned.get(name) == at and name not in self._under_way:
                del self._planned[name]
                self._begin(name)
        self._is_starting = False
        self._arrange()

    def _begin(self, name: str) -> None:
        running = Deferred.fromCoroutine(self._work(name))
        self._under_way[name] = running
        running.addErrback(_failed).addBoth(self._over, name)

    def _over(self, result: object, name: str) -> None:
        del self._under_way[name]
        planned = self._planned.get(name)
        if planned is not None:
            heappush(self._heap, (planned, next(self._order), name))
        if not self._is_starting:
            self._arrange()


def _failed(reason: Failure) -> None:
    if not isinstance(reason.value, CancelledError):
        log.failure("Looking after a session failed", reason)
