"""
What people read in a terminal: aligned columns, and nothing that a terminal would obey.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDTH = 100
"""
Columns of the terminal that are used.
"""
NARROWEST = 6
_GAP = "  "
_MORE = "…"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = WIDTH) -> list[str]:
    """
    The lines of a table; the widest columns are cut until it fits.
    """
    cells = [list(header), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return [_GAP.join(_fitted(cell, size) for cell, size in zip(line, widths, strict=True)).rstrip() for line in cells]


def clean(text: str) -> str:
    """
    *text* without characters that move the cursor, change colours or the direction of writing.
    """
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _fitted(text: str, size: int) -> str:
    if _width(text) > size:
        while _width(text) > size - 1:
            text = text[:-1]
        text += _MORE
    return text + " " * (size - _width(text))


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1
