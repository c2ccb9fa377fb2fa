"""
Cases that are played by tests which need processes, a disk or much time of their own: they are run, and must pass.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue

from tests.hostile.run import Run

ROOT = Path(__file__).resolve().parent.parent.parent


async def tests_pass(run: Run, *names: str) -> None:
    """
    Run those tests in a process of their own; every one of them must pass, and there must be some.
    """
    folder = run.world.folder / f"trial-{run.case.id}"
    command = ["-m", "twisted.trial", f"--temp-directory={folder}", *names]
    out, err, status = await getProcessOutputAndValue(
        sys.executable,
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        path=str(ROOT),
        reactor=run.world.reactor,
    )
    text = (out + err).decode(errors="replace")
    ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    is_whole = status == 0 and ran is not None and int(ran[1]) > 0 and "skips=" not in text
    run.require(is_whole, f"{' '.join(names)}: {text[-2000:]}")
