"""
The name that was probably meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, names: Iterable[str]) -> str:
    """
    What to append to the complaint that *name* is none of *names*: nothing where none of them is like it.
    """
    close = difflib.get_close_matches(name.lower(), sorted(names), n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""
