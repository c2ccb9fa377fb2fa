"""
What an outbox does: the contract between the loop and each kind of thing that is owed once a session has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class NotTaken(Exception):
    """
    Whoever is owed something did not take it; it has to be tried again.

    The problem is safe to show: it quotes nothing that was sent or received.
    """

    def __init__(self, problem: str, *, is_in_trouble: bool) -> None:
        """
        :param is_in_trouble: Nothing else that the same party is owed would have been taken either.
        """
        super().__init__(problem)
        self.problem = problem
        self.is_in_trouble = is_in_trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    On what terms something is owed.
    """

    owed_id: str
    """
    What it is called in the registry; several things may be owed under one id.
    """
    party: str
    """
    Whom to: safe to show.
    """
    not_before: float = 0.0
    since: float | None = None
    """
    When the day begins after which it is given up; None for the first attempt of this process.
    """
    attempts: int = 0
    """
    Those made before this process knew of it.
    """


class Owed(Protocol):
    """
    Something that is owed, once.
    """

    @property
    def id(self) -> str:
        """
        Its name, the same in every process, and no other's.
        """


T = TypeVar("T", bound=Owed)


class Work(Protocol[T]):
    """
    One kind of what can be owed.
    """

    @property
    def kind(self) -> str:
        """
        What it is called, in one word, where values are used once and where it is logged.
        """

    @property
    def at_once_each(self) -> int:
        """
        Attempts that may be under way at a time with one party.
        """

    def owed(self) -> Iterable[T]:
        """
        All that is owed now. What has not changed since the last time is the very same object.
        """

    def subscribe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have *callback* told when more is owed, or may be done earlier, until the answer is called.
        """

    def terms(self, owed: T) -> Terms:
        """
        The terms of one of these.
        """

    async def attempt(self, owed: T) -> None:
        """
        It was taken, or nobody is left to take it.

        :raises NotTaken: If it has to be tried again.
        """

    async def done(self, owed: T, attempts: int) -> None:
        """
        It is recorded that it is not owed any more, whether it was taken or given up.

        :raises StoreUnavailable: If that cannot be recorded.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    How far one thing that is owed has come, for the administrator: nothing in it is secret.
    """

    id: str
    """
    What it is called in the registry.
    """
    party: str
    attempts: int
    """
    Those that are over.
    """
    next_attempt: float | None
    """
    The earliest time of the next one; None while one is under way.
    """
    problem: str
    """
    Why the last one came to nothing; empty if none was made.
    """
