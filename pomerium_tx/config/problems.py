"""
What can be wrong with a configuration, said so that a person can mend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where something stands.
    """

    file: str
    """
    The file as it was named, or ``$NAME`` for an environment variable.
    """
    line: int | None
    key: str
    """
    Dotted, as in ``routes[1]``.
    """

    def __str__(self) -> str:
        return f"{self.file if self.line is None else f'{self.file}:{self.line}'}: {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    One thing to mend, and where.
    """

    file: str
    """
    The file as it was named, or ``$NAME`` for an environment variable.
    """
    line: int | None
    key: str
    """
    Dotted, as in ``routes[1].to``; empty for the file as a whole.
    """
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class InvalidConfig(Exception):
    """
    The configuration cannot be used, for all of *problems*.

    :param warnings: What would be worth knowing besides.
    """

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(str(problem) for problem in self.problems))
