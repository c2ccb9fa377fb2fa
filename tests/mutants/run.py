"""
Tries every mutant of the security core: ``python -m tests.mutants.run [module ...]``, or ``make mutants``.

It fails if a mutant survives that ``survivors.txt`` gives no reason for, if one that is listed there does not, or if
less than 95 % of a module's mutants are noticed. What was found of each module is kept in ``scores.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import survivors
from tests.mutants.mutant import Mutant
from tests.mutants.operators import mutants
from tests.mutants.targets import TARGETS
from tests.mutants.typed import accepted_by_mypy
from tests.mutants.warm import ENDLESS, PASSED, Warm

ROOT = Path(__file__).resolve().parent.parent.parent
SCORES = Path(__file__).with_name("scores.json")
REQUIRED = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    What became of the mutants of a module.
    """

    tried: int
    endless: int
    untyped: int
    """
    Not noticed by a test, but by mypy.
    """
    alive: tuple[Mutant, ...]

    @property
    def score(self) -> float:
        """
        How many of a hundred were noticed.
        """
        return 100.0 * (self.tried - len(self.alive)) / max(1, self.tried)


def try_module(path: str, tests: Sequence[str], root: Path = ROOT) -> Found:
    """
    Try every mutant of the module at *path*.

    :raises SystemExit: If the tests fail as it stands.
    """
    source = (root / path).read_text()
    warm = Warm(path.removesuffix(".py").replace("/", "."), root / path, tests)
    outcome, test = warm.outcome(source)
    if outcome != PASSED:
        raise SystemExit(f"{path}: without any mistake, {test or outcome} fails")
    unnoticed, endless = [], 0
    tried = mutants(path, source)
    for mutant in tried:
        outcome, test = warm.outcome(mutant.source)
        endless += outcome == ENDLESS
        if outcome == PASSED:
            unnoticed.append(mutant)
    alive = tuple(accepted_by_mypy(root, unnoticed, root / ".mypy_cache"))
    return Found(tried=len(tried), endless=endless, untyped=len(unnoticed) - len(alive), alive=alive)


def report(path: str, found: Found, listed: dict[Mutant, str]) -> bool:
    """
    Print what was found of a module; say whether all is well.
    """
    print(
        f"{path}: {found.tried} mutants, {len(found.alive)} not noticed, {found.untyped} by mypy alone, "
        f"{found.endless} never end: {found.score:.1f} %",
        flush=True,
    )
    new = survivors.unlisted(found.alive, listed)
    old = survivors.gone(found.alive, listed, [path])
    for mutant in new:
        print(f"\nNot noticed, and no reason is listed (line {mutant.line}):\n{mutant}")
    for mutant in old:
        print(f"\nListed, but noticed now or not made any more:\n{mutant}")
    return not new and not old and found.score >= REQUIRED


def main(arguments: Sequence[str]) -> int:
    """
    Try the modules named, or all of them, each in a process of its own; keep the scores.
    """
    if arguments[:1] == ["--one"]:
        return _one(arguments[1])
    wanted = [path for path in TARGETS if not arguments or any(name in path for name in arguments)]
    if not wanted:
        raise SystemExit(f"there is none of {', '.join(arguments)} in tests/mutants/targets.py")
    wrong = [
        path
        for path in wanted
        if subprocess.run([sys.executable, "-m", "tests.mutants.run", "--one", path], cwd=ROOT, check=False).returncode
    ]
    print(f"{len(wanted)} modules tried" + (f"; not well: {', '.join(wrong)}" if wrong else ""))
    return int(bool(wrong))


def _one(path: str) -> int:
    began = time.monotonic()
    listed = survivors.read(survivors.LISTED.read_text())
    found = try_module(path, TARGETS[path])
    fine = report(path, found, listed)
    scores = json.loads(SCORES.read_text())
    scores[path] = {
        "mutants": found.tried,
        "survivors": len(found.alive),
        "by mypy": found.untyped,
        "score": round(found.score, 1),
    }
    SCORES.write_text(json.dumps({name: scores[name] for name in TARGETS if name in scores}, indent=1) + "\n")
    print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
