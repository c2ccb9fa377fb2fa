"""
Telling the others what was used here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from itertools import islice

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.sessions.store import SessionsSeen, SessionStore, StoreUnavailable

log = Logger()

MOST = 1000
"""
Sessions in one change: writing it and reading it takes a few milliseconds, in which nothing else is done.
"""


class SeenReports:
    """
    The uses of sessions in this process that the log does not say yet.

    A use after which nothing was said for an interval is said in the next turn, any other when the interval is over:
    what is unsaid is never older than the interval, and whoever has heard nothing of a registry for an interval knows
    that nothing is unsaid there. Nobody waits for any of it.
    """

    def __init__(self, store: SessionStore, clock: IReactorTime, addresses: Mapping[str, str]) -> None:
        """
        Say nothing, until there is an interval.

        :param addresses: From where sessions were last used, if not from where they began; read, not changed.
        """
        self._store = store
        self._clock = clock
        self._addresses = addresses
        self._interval: float | None = None
        self._not_before = 0.0
        self._call: IDelayedCall | None = None
        self._appended: Deferred[int] | None = None
        self.name = secrets.token_hex(8)
        self.unsaid: dict[str, float] = {}
        """
        The last use of each session that was used since it was last spoken of. Whoever adds the first calls `wake`.
        """

    def every(self, interval: float | None) -> None:
        """
        Say what is unsaid, and from now on what is used at such intervals; None says nothing more.
        """
        self._interval = interval
        self._not_before = self._clock.seconds()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self.unsaid:
            self.wake()

    def wake(self) -> None:
        """
        There is something to say.
        """
        if self._interval is not None and self._call is None and self._appended is None:
            # A clock that is set back keeps nothing from being said.
            wait = min(self._interval, max(0.0, self._not_before - self._clock.seconds()))
            self._call = self._clock.callLater(wait, self._come)

    def stop(self) -> None:
        """
        Say what is left, and wait for nothing.
        """
        if self._interval is not None:
            for change in self._changes():
                Deferred.fromCoroutine(self._store.append(change)).addErrback(_given_up).cancel()
        self.unsaid.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._appended is not None:
            self._appended.cancel()

    def _changes(self) -> Iterator[SessionsSeen]:
        while self.unsaid:
            seen = {name: self.unsaid.pop(name) for name in list(islice(self.unsaid, MOST))}
            addresses = {name: self._addresses[name] for name in seen if name in self._addresses}
            yield SessionsSeen(registry=self.name, at=self._clock.seconds(), seen=seen, addresses=addresses)

    def _come(self) -> None:
        self._call = None
        change = next(self._changes(), None)
        if change is None:
            return
        if not self.unsaid:
            self._not_before = self._clock.seconds() + (self._interval or 0.0)
        appended = self._appended = Deferred.fromCoroutine(self._store.append(change))
        appended.addBoth(self._done, change)

    def _done(self, result: int | Failure, change: SessionsSeen) -> None:
        self._appended = None
        if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
            if not isinstance(result.value, StoreUnavailable):
                log.failure("Uses of sessions could not be recorded", result)
            for name, seen in change.seen.items():
                self.unsaid.setdefault(name, seen)
            self._not_before = change.at + (self._interval or 0.0)
        if self.unsaid:
            self.wake()


def _given_up(reason: Failure) -> None:
    """
    Those who are left do without: a session was used last when they knew of it last.
    """
