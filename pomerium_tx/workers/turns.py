"""
When an append may answer.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred


class Turn:
    """
    One change, from its append until everybody has applied it.

    A change that somebody appends while applying it - the report of what was cut - belongs to it: it is not over before
    that one is.

    :param over: Called once when it is over.
    """

    def __init__(self, over: Callable[[], object], within: Turn | None) -> None:
        self._over = over
        self._within = within
        self._holds = 1
        self.is_over = False
        self.done: Deferred[None] = Deferred()
        """
        Fires when it is over.
        """
        if within is not None:
            within.hold()

    def hold(self) -> None:
        """
        It is not over before one more `release`.
        """
        self._holds += 1

    def release(self) -> None:
        """
        Whoever held it is done.
        """
        self._holds -= 1
        if self._holds:
            return
        self.is_over = True
        self._over()
        self.done.callback(None)
        if self._within is not None:
            self._within.release()
