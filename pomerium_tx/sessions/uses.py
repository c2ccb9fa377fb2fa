"""
Values that may be used once.
"""

from __future__ import annotations

from collections.abc import Callable

from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.store import UsedOnce

_SINGLE_ELSEWHERE = frozenset({"state"})
"""
Kinds whose values are good for nothing a second time, as the OP takes each code once and PKCE binds it: anybody can use
up many of them, and must not keep everybody else from signing in.
"""


def _kind(key: str) -> str:
    """
    What a key says before its first slash; nothing, if it has none.
    """
    kind, slash, _ = key.partition("/")
    return kind if slash else ""


class Uses:
    """
    Which change in a log used each value, until the value's time is over.

    Each kind of value has room of its own: those that anybody on the network can use up must not keep a session from
    being refreshed, or a token from being revoked. How many kinds there are is for the code to say, not for a request.
    """

    def __init__(self, limit: int, dropped: Callable[[int], None] | None = None) -> None:
        """
        Know of nothing.

        :param limit: How many values of each kind are remembered.
        :param dropped: Told the position of each change that counts no more.
        """
        self._limit = limit
        self._dropped = dropped
        self._books: dict[str, Book[str, tuple[int, float]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._books.values()))

    def use(self, position: int, change: UsedOnce) -> bool:
        """
        Whether *change* is the one that uses its value.
        """
        kind = _kind(change.key)
        book = self._book(kind)
        used = book.get(change.key)
        if used is None:
            if kind in _SINGLE_ELSEWHERE:
                book.make_room()
            # Forgetting another value early would let it be used twice: when full, nobody wins.
            if book.is_full:
                return False
        elif used[1] > change.at:
            return False
        elif self._dropped is not None:
            self._dropped(used[0])
        book.put(change.key, (position, change.expires), change.expires)
        return True

    def winner_of(self, key: str) -> int | None:
        """
        The position of the change that used a value.
        """
        book = self._books.get(_kind(key))
        used = None if book is None else book.get(key)
        return None if used is None else used[0]

    def forget(self, time: float) -> None:
        """
        Drop the values whose time was over at *time*.
        """
        for book in self._books.values():
            book.forget(time)

    def _book(self, kind: str) -> Book[str, tuple[int, float]]:
        book = self._books.get(kind)
        if book is None:
            book = self._books[kind] = Book(self._limit, self._forgotten)
        return book

    def _forgotten(self, used: tuple[int, float]) -> None:
        if self._dropped is not None:
            self._dropped(used[0])
