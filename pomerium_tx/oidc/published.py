"""
What a provider publishes: fetched when it is needed, kept while it is fresh, and kept longer when it is all we have.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pomerium_tx.oidc.fetch import ProviderUnavailable

T = TypeVar("T")


class Published(Generic[T]):
    """
    One published thing: many may ask for it at once, one fetch answers them all.

    :param fetch: Raises `ProviderUnavailable` when it fails.
    :param fresh_for: Seconds after which a known value is fetched again before it is used.
    :param pause: Seconds that lie at least between two fetches, whatever came of the first.
    """

    def __init__(
        self,
        fetch: Callable[[], Coroutine[Deferred[Any], Any, T]],
        clock: IReactorTime,
        *,
        fresh_for: float,
        pause: float,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._fresh_for = fresh_for
        self._pause = pause
        self._known: T | None = None
        self._known_since = 0.0
        self._tried: float | None = None
        self._begun = 0
        self._landed_last = 0
        self._has_failed = False
        self._problem = ProviderUnavailable("the provider was not asked yet")
        self._flight: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []

    @property
    def known(self) -> T | None:
        """
        The last good value, however old.
        """
        return self._known

    @property
    def fresh(self) -> T | None:
        """
        The last good value, unless it is so old that it would be fetched again before it is used.
        """
        return self._known if 0 <= self._clock.seconds() - self._known_since < self._fresh_for else None

    @property
    def is_on_its_way(self) -> bool:
        """
        Whether it is being fetched, so that `refetch` waits for that.
        """
        return bool(self._waiting)

    async def current(self) -> T:
        """
        A fresh value, or the last good one if the provider gives no better.

        :raises ProviderUnavailable: If there never was one.
        """
        if self.fresh is None:
            await self.refetch()
        if self._known is None:
            raise ProviderUnavailable(self._problem.reason)
        return self._known

    async def refetch(self) -> None:
        """
        The value has been fetched again, or that was tried a moment ago; what is known stays known if it fails.
        """
        if not self._waiting and self._pause_left > 0:
            return
        waiter: Deferred[None] = Deferred(self._gave_up)
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            self._tried = self._clock.seconds()
            self._begun += 1
            self._flight = Deferred.fromCoroutine(self._fly())
            self._flight.addBoth(self._landed)
        await waiter

    async def renewed(self) -> T:
        """
        The value, fetched by a request made from now on: as soon as the pause is over.

        :raises ProviderUnavailable: If that request failed, whatever is known from before.
        """
        wanted = self._begun + 1
        while self._landed_last < wanted:
            if not self._waiting and self._pause_left > 0:
                await deferLater(self._clock, self._pause_left)
            await self.refetch()
        if self._has_failed or self._known is None:
            raise ProviderUnavailable(self._problem.reason)
        return self._known

    @property
    def _pause_left(self) -> float:
        if self._tried is None:
            return 0.0
        since = self._clock.seconds() - self._tried
        # A clock that was set back must not close the door for longer than the pause.
        return self._pause - since if 0 <= since < self._pause else 0.0

    async def _fly(self) -> None:
        try:
            self._known = await self._fetch()
            self._known_since = self._clock.seconds()
            self._has_failed = False
        except ProviderUnavailable as problem:
            self._problem = problem
            self._has_failed = True

    def _landed(self, result: Failure | None) -> Failure | None:
        waiting, self._waiting, self._flight = self._waiting, [], None
        if result is None:
            self._landed_last = self._begun
        for waiter in waiting:
            waiter.callback(result)
        # With nobody left to tell, only a fault of ours is worth the log.
        ours = result is not None and not isinstance(result.value, CancelledError)
        return result if ours and not waiting else None

    def _gave_up(self, waiter: Deferred[None]) -> None:
        self._waiting.remove(waiter)
        if not self._waiting and self._flight is not None:
            # With nothing known, the next who asks would be told of a problem that there was not.
            if self._known is None:
                self._tried = None
            self._flight.cancel()
