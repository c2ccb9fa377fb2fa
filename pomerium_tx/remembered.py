"""
What functions of a peer's bytes have answered before: bounded in number and in size, since both are the peer's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

S = TypeVar("S", str, bytes)
T = TypeVar("T")


def remembering(function: Callable[[S], T], *, entries: int, longest: int) -> Callable[[S], T]:
    """
    The same function, which remembers its latest *entries* answers.

    :param function: Its answer depends on nothing but its argument, and is about as large.
    :param longest: Arguments that are longer are not remembered.
    """
    known: Callable[[S], T] = lru_cache(maxsize=entries)(function)
    return lambda value: known(value) if len(value) <= longest else function(value)
