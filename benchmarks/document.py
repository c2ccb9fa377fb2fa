"""
The figures in ``docs/performance.md``, each between two marks.
"""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMPARISON, WORKERS = "compare", "workers"
"""
The modules that write figures of theirs.
"""
END = "<!-- measured: end -->"


class NoMarks(Exception):
    """
    The document has no place for the figures.
    """


def begin(module: str) -> str:
    """
    The mark above the figures of *module*.
    """
    return f"<!-- measured: written by `python -m benchmarks.{module} --write-docs` -->"


def replaced(document: str, module: str, figures: str) -> str:
    """
    *document* with other figures of *module*.

    :raises NoMarks: If it does not say where they go.
    """
    before, mark, rest = document.partition(begin(module))
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise NoMarks
    return f"{before}{mark}\n\n{figures.strip()}\n\n{END}{after}"


def write(module: str, figures: str, docs: Path = DOCS) -> None:
    """
    The document shows these figures of *module*.

    :raises NoMarks: If it does not say where.
    """
    path = docs / "performance.md"
    path.write_text(replaced(path.read_text("utf-8"), module, figures), "utf-8")
