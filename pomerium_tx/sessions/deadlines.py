"""
Many deadlines, one delayed call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_SPARE = 1024
_WIDTH = 8.0
"""
Seconds that are taken together while they are far away.
"""
_FARTHEST = 1e15


class Deadlines:
    """
    Says which keys' time has come, soonest first.

    A key whose deadline moves is added again; the place it had before is void, and found to be so when it is reached.
    If it is lazy, deadlines move often, and only ever to later: a key whose place is reached too early gets another.

    There may be a million, nearly all of them hours away: of those only the span is known, and the moment is asked for
    when the span comes.
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
        :param reached: Told each key whose time has come, once for each time it was added for another time.
        :param is_lazy: Whether a key is added once, however often its deadline moves.
        """
        self._is_lazy = is_lazy
        self._clock = clock
        self._deadline_of = deadline_of
        self._reached = reached
        self._near: list[tuple[float, str]] = []
        self._far: dict[int, list[str]] = {}
        self._spans: list[int] = []
        self._count = 0
        self._call: IDelayedCall | None = None
        self._to_sweep: list[int] = []
        self._sound = 0

    def __len__(self) -> int:
        return self._count

    def add(self, deadline: float, key: str) -> None:
        """
        Have *key* told when *deadline* comes.
        """
        if self._to_sweep:
            self._sweep()
        elif self._count > 2 * self._sound + _SPARE:
            self._to_sweep = list(self._far)
        self._put(deadline, key)
        self._arm()

    def replace(self, entries: Iterable[tuple[float, str]]) -> None:
        """
        Have these keys told at their deadlines, and none of those that were added before.
        """
        self.stop()
        for deadline, key in entries:
            self._put(deadline, key)
        self._sound = self._count
        self._arm()

    def catch_up(self) -> None:
        """
        Tell at once whatever is due and has not been told yet.
        """
        now = self._clock.seconds()
        self._bring_near(now)
        while self._near and self._near[0][0] <= now:
            deadline, key = heappop(self._near)
            self._count -= 1
            current = self._deadline_of(key)
            if current == deadline:
                self._reached(key)
            elif self._is_lazy and current is not None:
                self._put(current, key)
                self._bring_near(now)
        self._arm()

    def stop(self) -> None:
        """
        Tell nothing more, and forget all.
        """
        self._near.clear()
        self._far.clear()
        self._spans.clear()
        self._to_sweep.clear()
        self._count = 0
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _put(self, deadline: float, key: str) -> None:
        self._count += 1
        span = _span(deadline)
        if span <= _span(self._clock.seconds()):
            heappush(self._near, (deadline, key))
            return
        keys = self._far.get(span)
        if keys is None:
            self._far[span] = [key]
            heappush(self._spans, span)
        else:
            keys.append(key)

    def _bring_near(self, now: float) -> None:
        """
        Ask for the moments in the spans that have come.
        """
        current = _span(now)
        while self._spans and self._spans[0] <= current:
            span = heappop(self._spans)
            keys = self._far.pop(span)
            self._count -= len(keys)
            for deadline, key in self._that_count(span, keys):
                if _span(deadline) > current:
                    self._put(deadline, key)
                else:
                    heappush(self._near, (deadline, key))
                    self._count += 1

    def _that_count(self, span: int, keys: Iterable[str]) -> Iterator[tuple[float, str]]:
        for key in dict.fromkeys(keys):
            deadline = self._deadline_of(key)
            if deadline is not None and (self._is_lazy or _span(deadline) == span):
                yield deadline, key

    def _sweep(self) -> None:
        """
        Look at one span for what is void; a million would be a pause.
        """
        span = self._to_sweep.pop()
        keys = self._far.get(span)
        if keys is not None:
            kept, moved = [], []
            for deadline, key in self._that_count(span, keys):
                if _span(deadline) == span:
                    kept.append(key)
                else:
                    moved.append((deadline, key))
            self._count += len(kept) - len(keys)
            # The same list: the garbage collector would walk through a new one.
            keys[:] = kept
            for deadline, key in moved:
                self._put(deadline, key)
        if not self._to_sweep:
            self._sound = self._count

    def _arm(self) -> None:
        soonest = self._near[0][0] if self._near else inf
        if self._spans:
            soonest = min(soonest, self._spans[0] * _WIDTH)
        if soonest == inf:
            return
        wait = max(0.0, soonest - self._clock.seconds())
        if self._call is None:
            self._call = self._clock.callLater(wait, self._come)
        elif self._call.getTime() > soonest:
            self._call.reset(wait)

    def _come(self) -> None:
        self._call = None
        self.catch_up()


def _span(deadline: float) -> int:
    return int(min(deadline, _FARTHEST) // _WIDTH)
