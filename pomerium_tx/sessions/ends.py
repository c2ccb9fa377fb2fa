"""
When things that are remembered for hours can be forgotten, in little memory.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf

_SPARE = 1024
_WIDTH = 8.0
"""
Seconds that are taken together: nobody is harmed by a memory that lasts so much longer.
"""


class Ends:
    """
    Names, each with a time at which it ends; one that is gone before that is void, and found to be so.
    """

    def __init__(self, is_there: Callable[[str], bool], ended: Callable[[str], None]) -> None:
        """
        Begin with none.

        :param is_there: Whether a name is not gone.
        :param ended: Told each name whose time is over and that is not gone.
        """
        self._is_there = is_there
        self._ended = ended
        self._names: dict[float, list[str]] = {}
        self._spans: list[float] = []
        self._count = 0
        self._to_sweep: list[float] = []
        self._sound = 0

    def __len__(self) -> int:
        return self._count

    def put(self, name: str, expires: float) -> None:
        """
        Remember a name until *expires*, and a little longer.
        """
        if expires == inf:
            return
        if self._to_sweep:
            self._sweep()
        elif self._count > 2 * self._sound + _SPARE:
            self._to_sweep = list(self._names)
        span = expires // _WIDTH
        names = self._names.get(span)
        if names is None:
            self._names[span] = [name]
            heappush(self._spans, span)
        else:
            names.append(name)
        self._count += 1

    def forget(self, time: float) -> None:
        """
        Tell what ended at *time* or before.
        """
        while self._spans and (self._spans[0] + 1) * _WIDTH <= time:
            names = self._names.pop(heappop(self._spans))
            self._count -= len(names)
            for name in names:
                if self._is_there(name):
                    self._ended(name)

    def _sweep(self) -> None:
        """
        Look at one span for what is void; a million would be a pause.
        """
        span = self._to_sweep.pop()
        names = self._names.get(span)
        if names is not None:
            kept = [name for name in names if self._is_there(name)]
            self._count += len(kept) - len(names)
            # The same list: the garbage collector would walk through a new one.
            names[:] = kept
        self._sound = self._count
