"""
What the catalogue calls by names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Named(dict[str, T]):
    """
    Of one kind, by their names.
    """

    def __call__(self, *names: str) -> Callable[[T], T]:
        """
        A decorator: that is what the catalogue calls by any of *names*.
        """

        def register(what: T) -> T:
            for name in names:
                assert name not in self, f"{name} is there twice"
                self[name] = what
            return what

        return register
