"""
The revocations that are owed to OPs (RFC 7009), made until they are done or pointless.

Nobody waits for them. What is owed is in the registry; what this process has tried is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import OwedRevocation, StoreUnavailable

log = Logger()

AT_ONCE = 8
"""
Revocations under way at a time.
"""
GATHERING = 0.1
"""
Seconds in which many sign-outs are looked at as one.
"""
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 3600.0
GIVE_UP_AFTER = 24 * 3600.0
"""
Seconds after which a token that nobody could revoke is left to its own end.
"""
_CLAIM = 60.0


class Outbox:
    """
    Revokes what is owed.
    """

    def __init__(self, *, registry: SessionRegistry, providers: Mapping[str, Provider], clock: IReactorTime) -> None:
        self._registry = registry
        self._providers = providers
        self._clock = clock
        self._unsubscribe: Callable[[], None] | None = None
        self._call: IDelayedCall | None = None
        self._owed: dict[str, OwedRevocation] = {}
        self._waiting: list[tuple[float, str]] = []
        self._under_way: dict[str, Deferred[bool]] = {}
        self._tried: dict[str, _Tried] = {}
        self._is_starting = False

    def start(self) -> None:
        """
        Begin with what is owed now, and hear of what comes.
        """
        self._unsubscribe = self._registry.subscribe_owed(self._told)
        self._look()

    def stop(self) -> None:
        """
        Revoke nothing more; what is owed stays owed.
        """
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._come_at(None)
        for attempt in list(self._under_way.values()):
            attempt.cancel()

    def attempts(self, id: str) -> int:
        """
        How often the revocation of that id was tried here, and did not work.
        """
        tried = self._tried.get(id)
        return 0 if tried is None else tried.attempts

    def _told(self) -> None:
        soon = self._clock.seconds() + GATHERING
        if self._call is None or self._call.getTime() > soon:
            self._come_at(soon)

    def _come_at(self, time: float | None) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if time is not None:
            self._call = self._clock.callLater(max(0.0, time - self._clock.seconds()), self._come)

    def _come(self) -> None:
        self._call = None
        self._look()

    def _look(self) -> None:
        """
        Work out anew what is due when, and start what is.
        """
        self._owed = {one.id: one for one in self._registry.owed()}
        self._tried = {name: tried for name, tried in self._tried.items() if name in self._owed}
        self._waiting = [
            (max(one.not_before, self._tried_or_new(one).paused_until), one.id)
            for one in self._owed.values()
            if one.id not in self._under_way
        ]
        heapify(self._waiting)
        self._start_due()

    def _tried_or_new(self, owed: OwedRevocation) -> _Tried:
        return self._tried.get(owed.id) or _Tried(attempts=owed.attempts)

    def _start_due(self) -> None:
        # An attempt may be over at once: that must not lead back here, once for each of ten thousand.
        if self._is_starting or self._unsubscribe is None:
            return
        self._is_starting = True
        try:
            now = self._clock.seconds()
            while self._waiting and self._waiting[0][0] <= now and len(self._under_way) < AT_ONCE:
                self._begin(self._owed[heappop(self._waiting)[1]])
        finally:
            self._is_starting = False
        if self._waiting and len(self._under_way) < AT_ONCE:
            self._come_at(self._waiting[0][0])

    def _begin(self, owed: OwedRevocation) -> None:
        tried = self._tried[owed.id] = self._tried_or_new(owed)
        if tried.since is None:
            tried.since = self._clock.seconds()
        attempt = Deferred.fromCoroutine(self._attempt(owed, tried))
        self._under_way[owed.id] = attempt
        attempt.addErrback(_not_made, owed).addCallback(self._over, owed, tried)

    def _over(self, is_done: bool, owed: OwedRevocation, tried: _Tried) -> None:
        del self._under_way[owed.id]
        if is_done:
            self._owed.pop(owed.id, None)
            self._tried.pop(owed.id, None)
        elif owed.id in self._owed:
            pause = min(FIRST_PAUSE * 2.0 ** min(tried.attempts, 20), LONGEST_PAUSE)
            tried.attempts += 1
            tried.paused_until = self._clock.seconds() + pause
            heappush(self._waiting, (tried.paused_until, owed.id))
        self._start_due()

    async def _attempt(self, owed: OwedRevocation, tried: _Tried) -> bool:
        """
        Whether nothing is left to be done.
        """
        now = self._clock.seconds()
        try:
            # Of several processes that know of it, one makes this attempt.
            if not await self._registry.use_once(f"revocation/{owed.id}/{tried.attempts}", now + _CLAIM):
                return False
            if not await self._revoke(owed):
                if tried.since is None or self._clock.seconds() - tried.since < GIVE_UP_AFTER:
                    return False
                log.error("Gave up revoking {id} after {attempts} attempts", id=owed.id, attempts=tried.attempts + 1)
            await self._registry.revocation_done(owed.id, tried.attempts + 1)
        except StoreUnavailable:
            return False
        return True

    async def _revoke(self, owed: OwedRevocation) -> bool:
        provider = self._providers.get(owed.idp_id)
        if provider is None:
            log.warn("Nobody can revoke {id}: its OP is not configured any more", id=owed.id)
            return True
        try:
            for hint, token in owed.tokens:
                await provider.revoke(token, hint)
        except ProviderUnavailable as problem:
            log.warn("The revocation {id} has to wait: {reason}", id=owed.id, reason=problem.reason)
            return False
        return True


@dataclass(slots=True)
class _Tried:
    """
    What this process has done about one revocation.
    """

    attempts: int
    since: float | None = None
    paused_until: float = 0.0


def _not_made(reason: Failure, owed: OwedRevocation) -> bool:
    if not isinstance(reason.value, CancelledError):
        log.failure("The revocation {id} failed", reason, id=owed.id)
    return False
