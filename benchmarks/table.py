"""
What was measured, for people: as plain text, or as Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.ratios import CPU, Row, rows
from benchmarks.targets import Judged, judged

_HEADS = ("", "req/s", "min-max", "CPU us", "min-max", "user", "system", "busy", "p50 ms", "p99 ms", "MiB")
_TARGET_HEADS = ("ours", "over", "by", "wanted", "stretch", "measured", "min-max", "")


def plain(result: Mapping[str, Any]) -> str:
    """
    The whole report, to be read in a terminal.
    """
    lines = [*about(result), ""]
    for title, cells in _tables(result):
        lines += [title, *aligned(_HEADS, cells), ""]
    targets = _target_cells(result)
    lines += ["Targets", *aligned(_TARGET_HEADS, targets)] if targets else []
    return "\n".join(lines) + "\n"


def markdown(result: Mapping[str, Any]) -> str:
    """
    The same as a part of a document.
    """
    lines = [*(f"{line}  " for line in about(result)), "", "### Targets", ""]
    lines += [*piped(_TARGET_HEADS, _target_cells(result)), ""]
    for title, cells in _tables(result):
        lines += [f"### {title}", "", *piped(_HEADS, cells), ""]
    return "\n".join(lines)


def about(result: Mapping[str, Any]) -> list[str]:
    """
    On what, with what and how it was measured, and what could not be.
    """
    on = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["versions"].items())
    how = f"{result['rounds']} rounds of {result['seconds']} s, {result['client']}, {result['connections']} connections"
    lines = [
        f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB; {on['system']}; load before: {on['load_before']}",
        f"Python {on['python']}; {versions}",
        f"{on['at']}: {how}",
    ]
    lines += [f"missing: {name}" for name in result["missing"]]
    return lines


def _tables(result: Mapping[str, Any]) -> list[tuple[str, list[Sequence[str]]]]:
    measured = rows(result["turns"])
    return [
        (title, [_cells(row, result["titles"][row.peer]) for row in measured if row.work == work])
        for work, title in result["works"].items()
        if any(row.work == work for row in measured)
    ]


def _cells(row: Row, title: str) -> Sequence[str]:
    if row.faults:
        # Shown as it is, so that nobody takes what is left of it for a figure.
        return (title, f"INVALID: {'; '.join(row.faults)}")
    rate, cpu = row.per_second, row.cpu_us
    return (
        title,
        f"{rate.middle:,.0f}",
        f"{rate.least:,.0f}-{rate.most:,.0f}",
        f"{cpu.middle:.1f}",
        f"{cpu.least:.1f}-{cpu.most:.1f}",
        f"{row.user_us:.1f}",
        f"{row.system_us:.1f}",
        f"{row.busy:.2f}",
        f"{row.p50_ms:.2f}",
        f"{row.p99_ms:.2f}",
        f"{row.memory_mib:.0f}",
    )


def _target_cells(result: Mapping[str, Any]) -> list[Sequence[str]]:
    return [_target_row(each, result) for each in judged(result)]


def _target_row(each: Judged, result: Mapping[str, Any]) -> Sequence[str]:
    target, found = each.target, each.measured
    other = result["titles"].get(target.other, f"{target.other} (missing)")
    if target.other_work is not None:
        other = result["works"][target.other_work]
    return (
        result["works"][target.work],
        other,
        "CPU" if target.measure == CPU else "req/s",
        target.wanted,
        target.stretched,
        "" if found is None else f"{found.middle:.2f}",
        "" if found is None else f"{found.least:.2f}-{found.most:.2f}",
        each.verdict,
    )


def aligned(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """
    In columns; a row that lacks some has a remark instead of them.
    """
    table = [heads, *cells]
    whole = [row for row in table if len(row) == len(heads)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(heads))]
    widths[0] = max(len(row[0]) for row in table)
    lines = []
    for row in table:
        if len(row) < len(heads):
            lines.append(f"  {row[0]:<{widths[0]}}  {row[1]}")
        else:
            padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append(("  " + "  ".join([row[0].ljust(widths[0]), *padded[1:]])).rstrip())
    return lines


def piped(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """
    The same in Markdown.
    """
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return lines + ["| " + " | ".join([*row, *[""] * (len(heads) - len(row))]) + " |" for row in cells]
