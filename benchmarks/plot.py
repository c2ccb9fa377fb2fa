"""
The figures as bars: an SVG without anything that is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.ratios import Row, rows

_WIDTH = 960
_LEFT = 250
_RIGHT = 130
_BAR, _GAP, _HEAD, _FOOT = 16, 6, 34, 14
_FONT = "font-family='system-ui, sans-serif'"
_OURS, _OURS_SYSTEM = "#b4450f", "#e5a37f"
_THEIRS, _THEIRS_SYSTEM = "#4a6076", "#a9b8c6"
_NOTE = "CPU time of the proxy for a request, in microseconds: its own (dark) and the kernel's (light). Less is better."


def svg(result: Mapping[str, Any]) -> str:
    """
    A panel for each work, a bar for each peer.
    """
    measured = [row for row in rows(result["turns"]) if not row.faults]
    parts, top = [_text(12, 22, _NOTE, size=13)], 34
    for work, title in result["works"].items():
        of_work = sorted((row for row in measured if row.work == work), key=lambda row: row.cpu_us.middle)
        if of_work:
            parts += _panel(top, title, of_work, result["titles"])
            top += _HEAD + len(of_work) * (_BAR + _GAP) + _FOOT
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{top}' viewBox='0 0 {_WIDTH} {top}'>"
    return "\n".join([head, f"<rect width='{_WIDTH}' height='{top}' fill='#ffffff'/>", *parts, "</svg>"]) + "\n"


def _panel(top: int, title: str, of_work: Sequence[Row], titles: Mapping[str, str]) -> list[str]:
    parts = [_text(12, top + 22, title, size=14, weight="600")]
    scale = (_WIDTH - _LEFT - _RIGHT) / max(row.cpu_us.most for row in of_work)
    for number, row in enumerate(of_work):
        y = top + _HEAD + number * (_BAR + _GAP)
        is_ours = row.peer.startswith("pomerium")
        user, system = (_OURS, _OURS_SYSTEM) if is_ours else (_THEIRS, _THEIRS_SYSTEM)
        cpu, baseline = row.cpu_us, y + _BAR - 4
        # The parts are medians of their own and need not add up to that of the sum.
        share = row.user_us / (row.user_us + row.system_us) if row.user_us + row.system_us else 1.0
        first, whole = cpu.middle * share * scale, cpu.middle * scale
        parts += [
            _text(_LEFT - 8, baseline, titles[row.peer], anchor="end", weight="600" if is_ours else "400"),
            f"<rect x='{_LEFT}' y='{y}' width='{first:.1f}' height='{_BAR}' fill='{user}'/>",
            f"<rect x='{_LEFT + first:.1f}' y='{y}' width='{whole - first:.1f}' height='{_BAR}' fill='{system}'/>",
            _line(y + _BAR / 2, _LEFT + cpu.least * scale, _LEFT + cpu.most * scale),
            _text(_LEFT + cpu.most * scale + 6, baseline, f"{cpu.middle:,.1f}  ({row.per_second.middle:,.0f}/s)"),
        ]
    return parts


def _line(y: float, least: float, most: float) -> str:
    """
    From the cheapest round to the dearest.
    """
    return f"<path d='M{least:.1f} {y}H{most:.1f}' stroke='#222222' stroke-width='1.2'/>"


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", weight: str = "400") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} font-size='{size}' font-weight='{weight}' text-anchor='{anchor}'"
        f" fill='#222222'>{escape(text)}</text>"
    )
