"""
``python -m tests.hostile [group...]``: every case, slow ones too, and the table of what became of them; then every way
in which a session ends, and 200,000 redirect targets.

Ends with 0 if all of it went as it has to. Groups that are named are run alone, and no table is written.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import task

from pomerium_tx.web.redirect_target import origin_of
from tests.hostile.identity_after import all_ended
from tests.hostile.identity_redirects import MANY, strays
from tests.hostile.identity_tricks import nearly_good, targets
from tests.hostile.identity_ways import WAYS
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
    print(f"{len(results)} cases, {len(wrong)} wrong: {' '.join(wrong) or '-'}")
    if not groups:
        TABLE.write_text(report(results), encoding="utf-8")
        wrong += await _ways(reactor)
        wrong += _targets()
    print(f"{time.monotonic() - began:.0f} s")
    if wrong:
        sys.exit(1)


async def _ways(reactor: Any) -> list[str]:
    """
    End sessions in every way; the ways after which something goes on.
    """
    wrong = []
    for how in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                await all_ended(reactor, Path(folder), how)
            except AssertionError as problem:
                wrong.append(how)
                print(f"          {how}: {problem}")
    print(f"{len(WAYS)} ways in which a session ends, with all open that can be: {len(wrong)} wrong")
    return wrong


def _targets() -> list[str]:
    """
    The targets that lead elsewhere than the rule believes.
    """
    wrong = []
    for kind, values in (("at random", targets(MANY)), ("nearly good", nearly_good(MANY))):
        honoured, astray = strays(origin_of, values)
        for value in astray[:20]:
            print(f"          {value!r}")
        print(f"{MANY:,} redirect targets, {kind}: {honoured:,} honoured, {len(astray):,} elsewhere than believed")
        wrong += astray
    return wrong


if __name__ == "__main__":
    task.react(main, (sys.argv[1:],))
