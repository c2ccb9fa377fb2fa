"""
What happens too often for a line each.
"""

from __future__ import annotations

from collections.abc import Callable

from pomerium_tx.proxy.deadlines import Deadlines

PAUSE_SECONDS = 60.0
"""
Between two lines of one tally.
"""


class Tally:
    """
    Says at once what happens for the first time, and then once a minute at most how often it has happened since.

    :param say: Writes the line about so many.
    """

    __slots__ = ("_count", "_deadlines", "_quiet_until", "_say")

    def __init__(self, deadlines: Deadlines, say: Callable[[int], None]) -> None:
        self._deadlines = deadlines
        self._say = say
        self._count = 0
        self._quiet_until = float("-inf")

    def add(self) -> None:
        """
        It has happened.
        """
        self._count += 1
        now = self._deadlines.now()
        if now >= self._quiet_until:
            self._tell(now)
        else:
            self._deadlines.watch(self)

    def check_deadlines(self, now: float) -> None:
        """
        Say what is still to be said, once it may be.
        """
        if now >= self._quiet_until:
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._deadlines.forget(self)
        count, self._count = self._count, 0
        self._quiet_until = now + PAUSE_SECONDS
        self._say(count)
