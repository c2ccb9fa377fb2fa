"""
Things that are remembered for a time, and never more than so many of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_SPARE = 1024


class Book(Generic[K, V]):
    """
    A dictionary whose entries have an end, and which drops the soonest to end when it is full.

    An entry whose end moves gets another place in the heap of ends; the place it had is void. However often ends move,
    there are not many more void places than entries.
    """

    def __init__(self, limit: float, dropped: Callable[[V], None] | None = None) -> None:
        """
        Begin empty.

        :param dropped: Told each value that is forgotten, not those that are replaced.
        """
        self._limit = limit
        self._dropped = dropped
        self._entries: dict[K, tuple[tuple[float, int, K], V]] = {}
        self._ends: list[tuple[float, int, K]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[K, V]]:
        for key, (_, value) in self._entries.items():
            yield key, value

    @property
    def is_full(self) -> bool:
        """
        Whether one more entry would drop another.
        """
        return len(self._entries) >= self._limit

    def get(self, key: K) -> V | None:
        """
        What is remembered under *key*.
        """
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def put(self, key: K, value: V, expires: float) -> None:
        """
        Remember *value* until *expires*, or until so many others are remembered for longer.
        """
        known = self._entries.get(key)
        if known is not None and known[0][0] == expires:
            self._entries[key] = (known[0], value)
            return
        # An equal key may be another object, and long: of all its places none keeps more than the first.
        place = (expires, next(self._order), key if known is None else known[0][2])
        self._entries[key] = (place, value)
        if len(self._ends) > 2 * len(self._entries) + _SPARE:
            self._ends = [place for place, _ in self._entries.values()]
            heapify(self._ends)
        else:
            heappush(self._ends, place)
        while len(self._entries) > self._limit:
            self._drop_first()

    def make_room(self) -> None:
        """
        Drop the soonest to end, if one more entry would be too many.
        """
        while self._ends and self.is_full:
            self._drop_first()

    def replace(self, key: K, value: V) -> None:
        """
        Change what is remembered under *key*, for as long as before.
        """
        self._entries[key] = (self._entries[key][0], value)

    def discard(self, key: K) -> None:
        """
        Forget what is remembered under *key*, without a word.
        """
        self._entries.pop(key, None)

    def forget(self, time: float) -> None:
        """
        Drop what ended at *time* or before.
        """
        while self._ends and self._ends[0][0] <= time:
            self._drop_first()

    def _drop_first(self) -> None:
        place = heappop(self._ends)
        entry = self._entries.get(place[2])
        if entry is not None and entry[0] is place:
            del self._entries[place[2]]
            if self._dropped is not None:
                self._dropped(entry[1])
