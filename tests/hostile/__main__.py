"""
``python -m tests.hostile [group...]``: every case, slow ones too, and the table of what became of them.

Ends with 0 if all of them went as they have to. Groups that are named are run alone, and no table is written.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import task

from tests.hostile.report import report
from tests.hostile.run import Result, step_of
from tests.hostile.suite import cases_of, run_all

TABLE = Path(__file__).resolve().parent.parent.parent / "docs" / "security-cases.md"


async def main(reactor: Any, groups: list[str]) -> None:
    """
    Run, tell, write.
    """
    began = time.monotonic()

    def told(result: Result) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {result.case.id}  {result.verdict.value}", flush=True)
        for problem in result.problems:
            print(f"          {problem}", flush=True)

    for case in cases_of(*groups):
        for each in case.steps:
            step_of(case, each["do"])
    with tempfile.TemporaryDirectory() as folder:
        results = await run_all(reactor, Path(folder), cases_of(*groups), told)
    wrong = [result.case.id for result in results if result.problems]
    if not groups:
        TABLE.write_text(report(results), encoding="utf-8")
    print(f"{len(results)} cases, {len(wrong)} wrong: {' '.join(wrong) or '-'}")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    task.react(main, (sys.argv[1:],))
