"""
Runs trial and ends with one line that says how many tests passed and how many failed.

Without arguments: every test but those of ``tests/interop``, which need a browser. With arguments: what they name.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APART = {"interop"}


def test_names(tests: Path) -> list[str]:
    """
    The modules and packages to run; a folder whose tests trial would not find is an error.
    """
    for module in tests.rglob("test_*.py"):
        if "node_modules" not in module.parts and not (module.parent / "__init__.py").exists():
            raise SystemExit(f"{module.parent} has tests but no __init__.py")
    modules = [f"tests.{path.stem}" for path in tests.glob("test_*.py")]
    packages = {path.relative_to(tests).parts[0] for path in tests.glob("*/**/test_*.py")}
    return sorted(modules + [f"tests.{name}" for name in packages - APART])


def counts(output: str) -> tuple[int, int]:
    """
    How many tests passed and how many did not, in trial's own words.
    """
    ran = re.findall(r"^Ran (\d+) tests? in", output, re.MULTILINE)
    summary = re.findall(r"^(?:PASSED|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    if not ran or not summary:
        raise SystemExit("trial gave no summary")
    parts = dict(re.findall(r"(\w+)=(\d+)", summary[-1]))
    failed = sum(int(parts.get(name, 0)) for name in ("failures", "errors", "unexpectedSuccesses"))
    return int(parts.get("successes", 0)), failed


def main(arguments: Iterable[str]) -> int:
    """
    Run, show the output as it comes, count.
    """
    names = list(arguments) or test_names(ROOT / "tests")
    command = [sys.executable, "-m", "twisted.trial", "--reporter=bwverbose", *names]
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as trial:
        assert trial.stdout is not None
        for line in trial.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    passed, failed = counts("".join(lines))
    print(f"{passed} passed, {failed} failed")
    # Nothing failed because nothing ran: that is not a success.
    return trial.returncode or int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
