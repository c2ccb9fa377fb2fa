"""
The catalogue of bad inputs, as data: what is done, and what is written there of what has to come of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "bad_inputs.json"
_VARIABLE = re.compile(r"\{([A-Z][A-Z_]*)\}")


class UnknownVariable(AssertionError):
    """
    A case names something that the world has not got.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    One entry of the catalogue.
    """

    id: str
    group: str
    title: str
    severity: str
    steps: tuple[Mapping[str, Any], ...]
    written: Mapping[str, Any]
    """
    What the catalogue expects, in its own words.
    """
    setup: Any = None


@cache
def catalogue() -> Mapping[str, Case]:
    """
    Every case by its id, in the order of the file.
    """
    return {
        case["id"]: Case(
            id=case["id"],
            group=case["group"],
            title=case["title"],
            severity=case["severity"],
            steps=tuple(case["steps"]),
            written=case["expected"],
            setup=case.get("setup"),
        )
        for case in json.loads(_FILE.read_text())["cases"]
    }


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """
    *text* with every ``{VARIABLE}`` replaced.

    :raises UnknownVariable: If there is no such variable.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return variables[match[1]]
        except KeyError:
            raise UnknownVariable(match[0]) from None

    return _VARIABLE.sub(value, text)
