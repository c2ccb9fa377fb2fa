"""
What functions of a peer's bytes have answered before: bounded in number and in size, since both are the peer's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import TypeVar

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
