"""
Which reports of the use of sessions still say something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Sightings:
    """
    Where in the log the last use of each session is.
    """

    def __init__(self, most: int, dropped: Callable[[int], object]) -> None:
        """
        Know of none.

        :param most: How many uses the kept reports may say, outdated ones included; the oldest reports go first.
        :param dropped: Told each position that nobody needs any more.
        """
        self._most = most
        self._dropped = dropped
        self._last: dict[str, tuple[float, int]] = {}
        # By position, in the order of positions: what a report says, and how much of it is the latest.
        self._sizes: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._total = 0

    def add(self, position: int, seen: Mapping[str, float]) -> None:
        """
        The report at *position* tells of these uses.
        """
        self._sizes[position] = len(seen)
        self._counts[position] = 0
        self._total += len(seen)
        for name, at in seen.items():
            if name not in self._last or self._last[name][0] <= at:
                self.forget(name)
                self._last[name] = (at, position)
                self._counts[position] += 1
        if not self._counts[position]:
            self._drop(position)
        while self._total > self._most:
            self._drop(next(iter(self._sizes)))

    def forget(self, name: str) -> None:
        """
        Nobody asks about a session any more.
        """
        if name not in self._last:
            return
        _, position = self._last.pop(name)
        if position in self._counts:
            self._counts[position] -= 1
            if not self._counts[position]:
                self._drop(position)

    def _drop(self, position: int) -> None:
        self._total -= self._sizes.pop(position)
        del self._counts[position]
        self._dropped(position)
