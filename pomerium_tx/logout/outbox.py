"""
The revocations that are owed to OPs (RFC 7009), made until they are done or pointless.

Nobody waits for them. What is owed is in the registry; what this process has tried is here.
"""

from __future__ import annotations

from collections.abc import Mapping

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
        self._unsubscribe = _nothing
        self._call: IDelayedCall | None = None
        self._under_way: dict[str, Deferred[None]] = {}
        self._attempts: dict[str, int] = {}
        self._paused_until: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._is_running = False

    def start(self) -> None:
        """
        Begin with what is owed now, and hear of what comes.
        """
        self._is_running = True
        self._unsubscribe = self._registry.subscribe_owed(self._look)
        self._look()

    def stop(self) -> None:
        """
        Revoke nothing more; what is owed stays owed.
        """
        self._is_running = False
        self._unsubscribe()
        self._unsubscribe = _nothing
        if self._call is not None:
            self._call.cancel()
            self._call = None
        for attempt in list(self._under_way.values()):
            attempt.cancel()

    def _look(self) -> None:
        """
        Start what is due, and come back for what will be.
        """
        if not self._is_running:
            return
        now = self._clock.seconds()
        owed = {one.id: one for one in self._registry.owed()}
        self._forget_others(owed)
        waiting = []
        for one in owed.values():
            if one.id in self._under_way:
                continue
            time = max(one.not_before, self._paused_until.get(one.id, 0.0))
            if time > now:
                waiting.append(time)
            elif len(self._under_way) < AT_ONCE:
                self._begin(one)
        self._come_back(min(waiting, default=None))

    def _forget_others(self, owed: Mapping[str, OwedRevocation]) -> None:
        for memory in (self._attempts, self._paused_until, self._since):
            for name in [name for name in memory if name not in owed]:
                del memory[name]

    def _come_back(self, time: float | None) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if time is not None:
            self._call = self._clock.callLater(max(0.0, time - self._clock.seconds()), self._called)

    def _called(self) -> None:
        self._call = None
        self._look()

    def _begin(self, owed: OwedRevocation) -> None:
        self._since.setdefault(owed.id, self._clock.seconds())
        attempt = Deferred.fromCoroutine(self._attempt(owed))
        self._under_way[owed.id] = attempt
        attempt.addErrback(self._failed, owed)
        attempt.addCallback(self._over, owed)

    def _failed(self, reason: Failure, owed: OwedRevocation) -> None:
        if not reason.check(CancelledError):
            log.failure("The revocation {id} failed", reason, id=owed.id)
        self._pause(owed)

    def _over(self, _: None, owed: OwedRevocation) -> None:
        del self._under_way[owed.id]
        self._look()

    async def _attempt(self, owed: OwedRevocation) -> None:
        number = self._attempts.get(owed.id, owed.attempts)
        try:
            # Of several processes that know of it, one makes this attempt.
            key = f"revocation/{owed.id}/{number}"
            if not await self._registry.use_once(key, self._clock.seconds() + _CLAIM):
                self._pause(owed)
                return
            if not await self._revoke(owed):
                self._pause(owed)
                if self._clock.seconds() - self._since[owed.id] < GIVE_UP_AFTER:
                    return
                log.error("Gave up revoking {id} after {attempts} attempts", id=owed.id, attempts=number + 1)
            await self._registry.revocation_done(owed.id, number + 1)
        except StoreUnavailable:
            self._pause(owed)

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

    def _pause(self, owed: OwedRevocation) -> None:
        number = self._attempts.get(owed.id, owed.attempts)
        self._attempts[owed.id] = number + 1
        self._paused_until[owed.id] = self._clock.seconds() + min(FIRST_PAUSE * 2.0 ** min(number, 20), LONGEST_PAUSE)


def _nothing() -> None:
    """
    Nothing is subscribed.
    """
