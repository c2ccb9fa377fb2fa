"""
Keeps Python's garbage collector from stopping the reactor.

To find old garbage it walks through everything that lives; with a million sessions that is a quarter of a second. So
what has survived such a walk is set aside (`gc.freeze`) as soon as a walk takes long, and is not walked through again.

What is set aside is still freed when nobody refers to it any more. Only garbage that refers to itself would stay, if it
was alive when it was set aside; connections, requests and sessions leave none (a test holds that), and a configuration
that a reload has replaced does: then all is walked through once more, where that is quickly done.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Final

from twisted.logger import Logger

log = Logger()

LONG = 0.002
"""
Seconds. A walk that takes longer would soon be one that is noticed.
"""
SOON = 2
"""
Of so many walks through what is new, the next is one through what is old too: by then it is not much. Python's own
number is 10.
"""
FEW = 20_000
"""
Sessions that are walked through, with all else, before anybody notices.
"""


class Collector:
    """
    The policy of one process; what is set is the interpreter's, and is taken back by `stop`.

    :param seconds: What measures how long a walk takes: by default in seconds of CPU, since a walk that had to wait for
        the machine is not a long one.
    """

    def __init__(self, seconds: Callable[[], float] = time.thread_time) -> None:
        self._seconds = seconds
        self._began: float | None = None
        self._thresholds = (0, 0, 0)
        self.longest = 0.0
        """
        Seconds of the longest walk since the start.
        """

    def start(self) -> None:
        """
        Nothing that lives now is ever walked through again, but by `survey`.
        """
        if self._walks in gc.callbacks:
            return
        gc.collect()
        gc.freeze()
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*self._thresholds[:2], SOON)
        self.longest = 0.0
        gc.callbacks.append(self._walks)

    def stop(self) -> None:
        """
        The collector is as it was before.
        """
        if self._walks in gc.callbacks:
            gc.callbacks.remove(self._walks)
            gc.set_threshold(*self._thresholds)
            gc.unfreeze()

    def survey(self, sessions: int) -> None:
        """
        Much has been given up that refers to itself: the next full walk may find it, unless there are so many
        *sessions* that it would take long.
        """
        if self._walks not in gc.callbacks:
            return
        if sessions > FEW:
            log.info("With {count} sessions no garbage is looked for among what is old", count=sessions)
            return
        gc.unfreeze()

    def _walks(self, phase: str, details: Mapping[str, int]) -> None:
        # Called in the middle of anything: it must do next to nothing.
        if phase == "start":
            self._began = self._seconds()
        elif self._began is not None:
            took, self._began = self._seconds() - self._began, None
            self.longest = max(self.longest, took)
            if took > LONG and details["generation"] > 0:
                gc.freeze()


collector: Final = Collector()
"""
That of this process, as it has one interpreter; whoever is the process starts it.
"""
