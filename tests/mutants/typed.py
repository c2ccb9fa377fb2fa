"""
What mypy refuses is noticed too: ``make check`` is as much a test as any other.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.mutant import Mutant


def accepted_by_mypy(root: Path, mutants: Sequence[Mutant], cache: Path) -> list[Mutant]:
    """
    Which of the mutants of one module ``mypy --strict`` finds nothing wrong with.

    They stand beside the module under other names, so that one run of mypy looks at them all.
    """
    if not mutants:
        return []
    module = Path(mutants[0].path)
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        place = Path(directory)
        shutil.copytree(root / module.parts[0], place / module.parts[0])
        shutil.copy(root / "pyproject.toml", place)
        # As it stands, to know that what is found comes from the mistakes.
        sources = [(root / module).read_text(), *(mutant.source for mutant in mutants)]
        names = [f"{module.stem}_mutant_{number}" for number in range(len(sources))]
        for name, source in zip(names, sources, strict=True):
            (place / module.parent / f"{name}.py").write_text(source)
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "-p", module.parts[0]],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
    wrong = set(re.findall(r"([^/\n]+)\.py:\d+: error", checked.stdout))
    if checked.returncode not in (0, 1) or names[0] in wrong:
        raise SystemExit(f"mypy cannot tell:\n{checked.stdout}{checked.stderr}")
    return [mutant for name, mutant in zip(names[1:], mutants, strict=True) if name not in wrong]
