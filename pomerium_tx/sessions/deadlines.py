"""
Many deadlines, one delayed call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_SPARE = 1024


class Deadlines:
    """
    Says which keys' time has come, soonest first.

    A key whose deadline moves is added again; the place it had before is void, and found to be so when it is reached.
    If it is lazy, deadlines move often, and only ever to later: a key whose place is reached too early gets another.
    """

    def __init__(
        self,
        clock: IReactorTime,
        deadline_of: Callable[[str], float | None],
        reached: Callable[[str], None],
        *,
        is_lazy: bool = False,
    ) -> None:
        """
        Begin with none.

        :param deadline_of: When a key's time comes, as things are now; None if it has none any more.
        :param reached: Told each key whose time has come, once for each time it was added.
        :param is_lazy: Whether a key is added once, however often its deadline moves.
        """
        self._is_lazy = is_lazy
        self._clock = clock
        self._deadline_of = deadline_of
        self._reached = reached
        self._heap: list[tuple[float, str]] = []
        self._call: IDelayedCall | None = None
        self._sound = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, deadline: float, key: str) -> None:
        """
        Have *key* told when *deadline* comes.
        """
        if len(self._heap) > 2 * self._sound + _SPARE:
            self._sweep()
        heappush(self._heap, (deadline, key))
        self._arm()

    def replace(self, entries: Iterable[tuple[float, str]]) -> None:
        """
        Have these keys told at their deadlines, and none of those that were added before.
        """
        self.stop()
        self._heap = list(entries)
        heapify(self._heap)
        self._sound = len(self._heap)
        self._arm()

    def catch_up(self) -> None:
        """
        Tell at once whatever is due and has not been told yet.
        """
        now = self._clock.seconds()
        while self._heap and self._heap[0][0] <= now:
            deadline, key = heappop(self._heap)
            current = self._deadline_of(key)
            if current == deadline:
                self._reached(key)
            elif self._is_lazy and current is not None:
                heappush(self._heap, (current, key))
        self._arm()

    def stop(self) -> None:
        """
        Tell nothing more, and forget all.
        """
        self._heap.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if self._counts(*entry)]
        heapify(self._heap)
        self._sound = len(self._heap)

    def _arm(self) -> None:
        if not self._heap:
            return
        wait = max(0.0, self._heap[0][0] - self._clock.seconds())
        if self._call is None:
            self._call = self._clock.callLater(wait, self._come)
        elif self._call.getTime() > self._heap[0][0]:
            self._call.reset(wait)

    def _come(self) -> None:
        self._call = None
        self.catch_up()

    def _counts(self, deadline: float, key: str) -> bool:
        current = self._deadline_of(key)
        return current == deadline or (self._is_lazy and current is not None)
