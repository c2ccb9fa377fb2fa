"""
One mutant: a module with one small mistake in it, and what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    A module with one mistake.
    """

    path: str
    place: str
    """
    The class and function, dotted; empty at the level of the module.
    """
    removed: tuple[str, ...]
    added: tuple[str, ...]
    line: int = field(compare=False, default=0)
    source: str = field(compare=False, default="", repr=False)

    def __str__(self) -> str:
        change = [f"- {line}" for line in self.removed] + [f"+ {line}" for line in self.added]
        return "\n".join([f"{self.path} {self.place}".rstrip(), *change])
