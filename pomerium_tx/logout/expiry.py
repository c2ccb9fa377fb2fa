"""
Ends the sessions whose time has come.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.logout.ending import Ending
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, StoreUnavailable

log = Logger()

PAUSE = 5.0
"""
Seconds until the next attempt when an end could not be recorded. The session is not found meanwhile.
"""


class Expiry:
    """
    Hears from the registry which sessions are due, and ends them.
    """

    def __init__(self, *, registry: SessionRegistry, ending: Ending, clock: IReactorTime) -> None:
        self._registry = registry
        self._ending = ending
        self._clock = clock
        self._unsubscribe: Callable[[], None] | None = None
        self._call: IDelayedCall | None = None
        self._at_work: Deferred[None] | None = None

    def start(self) -> None:
        """
        Begin with what is due now.
        """
        self._unsubscribe = self._registry.subscribe_due(self._told)
        if self._registry.due():
            self._come_in(0.0)

    def stop(self) -> None:
        """
        End nothing more.
        """
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._at_work is not None:
            self._at_work.cancel()

    def _told(self, session_id: str, cause: Cause) -> None:
        # Many sessions are due in one turn: they make one end for each cause.
        self._come_in(0.0)

    def _come_in(self, pause: float) -> None:
        if self._call is None and self._at_work is None and self._unsubscribe is not None:
            self._call = self._clock.callLater(pause, self._come)

    def _come(self) -> None:
        self._call = None
        self._at_work = Deferred.fromCoroutine(self._end_due())
        self._at_work.addBoth(self._done)

    def _done(self, result: object) -> None:
        self._at_work = None
        if isinstance(result, Failure):
            if not isinstance(result.value, StoreUnavailable | CancelledError):
                log.failure("Sessions that are due could not be ended", result)
            self._come_in(PAUSE)
        elif self._registry.due():
            self._come_in(0.0)

    async def _end_due(self) -> None:
        by_cause: dict[Cause, list[str]] = {}
        for session_id, cause in self._registry.due():
            by_cause.setdefault(cause, []).append(session_id)
        for cause, session_ids in by_cause.items():
            await self._ending.end(session_ids, cause)
