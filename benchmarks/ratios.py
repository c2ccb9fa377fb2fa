"""
From turns to figures: medians of rounds, and ratios that are taken within a round before their median is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Turn = Mapping[str, Any]
CPU, RATE = "CPU", "req/s"
"""
What two peers are compared by: the proxy's CPU time for a request, where less is better, or requests a second.
"""
_FIELDS = {CPU: "cpu_us", RATE: "per_second"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """
    The median of some rounds, and their extremes.
    """

    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One peer at one work.
    """

    work: str
    peer: str
    rounds: int
    per_second: Spread
    cpu_us: Spread
    user_us: float
    system_us: float
    busy: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    faults: tuple[str, ...]
    """
    Of the rounds that count for nothing.
    """


def spread(values: Sequence[float]) -> Spread:
    """
    Of at least one value.
    """
    return Spread(middle=median(values), least=min(values), most=max(values))


def rows(turns: Iterable[Turn]) -> list[Row]:
    """
    One for each peer and work, in the order in which they came; where no round counts, all figures are zero.
    """
    grouped: dict[tuple[str, str], list[Turn]] = {}
    for turn in turns:
        grouped.setdefault((turn["work"], turn["peer"]), []).append(turn)
    return [_row(work, peer, group) for (work, peer), group in grouped.items()]


def _row(work: str, peer: str, turns: Sequence[Turn]) -> Row:
    good = [turn for turn in turns if not turn["fault"]]

    def every(field: str) -> list[float]:
        return [turn[field] for turn in good] or [0.0]

    return Row(
        work=work,
        peer=peer,
        rounds=len(good),
        per_second=spread(every("per_second")),
        cpu_us=spread(every("cpu_us")),
        user_us=median(every("user_us")),
        system_us=median(every("system_us")),
        busy=median(every("busy")),
        p50_ms=median(every("p50_ms")),
        p99_ms=median(every("p99_ms")),
        memory_mib=median(every("memory_mib")),
        faults=tuple(sorted({turn["fault"] for turn in turns if turn["fault"]})),
    )


def ratio(turns: Iterable[Turn], measure: str, one: tuple[str, str], other: tuple[str, str]) -> Spread | None:
    """
    What *one* takes over what *other* takes, of the rounds in which both count; None if there is no such round.

    :param one: Work and peer.
    """
    field = _FIELDS[measure]
    by_round: dict[int, dict[tuple[str, str], float]] = {}
    for turn in turns:
        if not turn["fault"] and turn[field] > 0:
            by_round.setdefault(turn["round"], {})[turn["work"], turn["peer"]] = turn[field]
    found = [taken[one] / taken[other] for taken in by_round.values() if one in taken and other in taken]
    return spread(found) if found else None
