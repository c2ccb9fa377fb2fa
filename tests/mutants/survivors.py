"""
The list of mutants that no test notices, each with the reason why none needs to.

A paragraph is ``path place``, the lines that went (``-``) and came (``+``), and the reason (``=``). The same place may
be followed by several changes with one reason. Lines are compared without their indentation and their numbers, so that
the list lasts as long as the code that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.mutants.mutant import Mutant

LISTED = Path(__file__).with_name("survivors.txt")


class Unreadable(Exception):
    """
    The list is not in its form.
    """


def read(text: str) -> dict[Mutant, str]:
    """
    The mutants of a list, with their reasons.

    :raises Unreadable: If a paragraph lacks its place, a change or its reason, or a mutant is listed twice.
    """
    listed: dict[Mutant, str] = {}
    for number, paragraph in _paragraphs(text):
        path, _, place = paragraph[0].partition(" ")
        reason = " ".join(line[1:].strip() for line in paragraph if line[0] == "=")
        changes = list(_changes(paragraph[1:]))
        if not path.endswith(".py") or not reason or not changes:
            raise Unreadable(f"line {number}: a paragraph is a place, changes (- and +) and a reason (=)")
        for removed, added in changes:
            mutant = Mutant(path, place, removed, added)
            if mutant in listed:
                raise Unreadable(f"line {number}: listed twice: {mutant}")
            listed[mutant] = reason
    return listed


def unlisted(survivors: Iterable[Mutant], listed: Iterable[Mutant]) -> list[Mutant]:
    """
    Which survivors nobody has given a reason for.
    """
    known = set(listed)
    return [mutant for mutant in survivors if mutant not in known]


def gone(survivors: Iterable[Mutant], listed: Iterable[Mutant], paths: Iterable[str]) -> list[Mutant]:
    """
    Which mutants of *paths* are listed but do not survive any more, or do not exist.
    """
    alive, tried = set(survivors), set(paths)
    return [mutant for mutant in listed if mutant.path in tried and mutant not in alive]


def _paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    paragraph: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip() and not line.startswith("#"):
            paragraph.append(line.rstrip())
        elif paragraph and not line.strip():
            yield number - len(paragraph), paragraph
            paragraph = []


def _changes(lines: Iterable[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    removed: list[str] = []
    added: list[str] = []
    for line in [*lines, "="]:
        if line[0] not in "-+=":
            raise Unreadable(f"neither a change nor a reason: {line}")
        if line[0] in "-=" and (added or (removed and line[0] == "=")):
            yield tuple(removed), tuple(added)
            removed, added = [], []
        if line[0] in "-+":
            (removed if line[0] == "-" else added).append(line[2:])
