"""
``twistd`` as it is, with a witness: each second it writes what the garbage collector has done into a file.

``python -m benchmarks.watched FILE [the arguments of twistd]``
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path

from twisted.scripts.twistd import run


class Witness:
    """
    Counts walks, and what they found.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = 0.0
        self.walks = self.collected = 0
        self.longest_ms = 0.0

    def walk(self, phase: str, details: dict[str, int]) -> None:
        """
        A walk begins or ends.
        """
        if phase == "start":
            self._began = time.thread_time()
            return
        self.walks += 1
        self.collected += details["collected"]
        self.longest_ms = max(self.longest_ms, (time.thread_time() - self._began) * 1e3)

    def write(self) -> None:
        """
        Say so, each second, until the process ends.
        """
        while True:
            time.sleep(1.0)
            seen = {"walks": self.walks, "collected": self.collected, "longest_ms": round(self.longest_ms, 1)}
            beside = self._path.with_suffix(".new")
            beside.write_text(json.dumps(seen))
            os.replace(beside, self._path)


if __name__ == "__main__":
    _witness = Witness(Path(sys.argv[1]))
    gc.callbacks.append(_witness.walk)
    threading.Thread(target=_witness.write, daemon=True).start()
    sys.argv[:] = ["twistd", *sys.argv[2:]]
    run()
