"""
What was worked out from a peer's bytes before: bounded in number and in size, since both are the peer's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sized
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
S = TypeVar("S", bound=Sized)
T = TypeVar("T")


class Remembered(dict[S, T]):
    """
    Some answers by what was asked. When there are too many, all are forgotten: to know which are old would cost more
    than it saves.
    """

    def __init__(self, function: Callable[[S], T], *, entries: int, longest: int) -> None:
        super().__init__()
        self._function = function
        self._entries = entries
        self._longest = longest

    def __missing__(self, asked: S) -> T:
        answer = self._function(asked)
        if len(asked) <= self._longest:
            if len(self) >= self._entries:
                self.clear()
            self[asked] = answer
        return answer


def remembering(function: Callable[[S], T], *, entries: int, longest: int) -> Callable[[S], T]:
    """
    The same function, which remembers at most *entries* answers.

    :param function: Its answer depends on nothing but its argument, and is about as large.
    :param longest: Arguments that are longer are not remembered.
    """
    return Remembered(function, entries=entries, longest=longest).__getitem__


class Recent(Generic[K, T]):
    """
    The latest of what was kept or asked for: at least so many *entries*, and at most twice as many.

    A new generation begins when one is complete; who is not asked for while that grows is forgotten with the one
    before. To know the order of all would cost more at each question.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._young: dict[K, T] = {}
        self._old: dict[K, T] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __iter__(self) -> Iterator[K]:
        yield from self._young
        yield from self._old

    def get(self, key: K) -> T | None:
        """
        What was kept under *key*; None if it is not there, or no longer.
        """
        known = self._young.get(key)
        if known is None and key in self._old:
            known = self._old[key]
            self.keep(key, known)
        return known

    def keep(self, key: K, value: T) -> None:
        """
        Keep *value* under *key*.
        """
        if len(self._young) >= self._entries and key not in self._young:
            self._young, self._old = {}, self._young
        self._old.pop(key, None)
        self._young[key] = value

    def forget(self, is_over: Callable[[T], bool]) -> None:
        """
        Keep nothing of which *is_over* says that it is.
        """
        for generation in (self._young, self._old):
            for key in [key for key, value in generation.items() if is_over(value)]:
                del generation[key]

    def clear(self) -> None:
        """
        Keep nothing.
        """
        self._young.clear()
        self._old.clear()
