"""
Tokens that came too late: for a session that is not, or is no longer.
"""

from __future__ import annotations

import secrets

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Tokens
from pomerium_tx.sessions.store import OwedRevocation, StoreUnavailable

log = Logger()

PAUSE = 5.0
"""
Seconds until the next attempt when what is owed could not be recorded.
"""
MOST = 10_000


class LateTokens:
    """
    Has them revoked and does nothing else with them; nobody waits for it.
    """

    def __init__(self, *, registry: SessionRegistry, clock: IReactorTime) -> None:
        self._registry = registry
        self._clock = clock
        self._unrecorded: dict[str, OwedRevocation] = {}
        self._call: IDelayedCall | None = None
        self._at_work: Deferred[None] | None = None

    def start(self) -> None:
        """
        There is nothing to begin with.
        """

    def stop(self) -> None:
        """
        What could not be recorded is lost with this process.
        """
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._at_work is not None:
            self._at_work.cancel()
        self._unrecorded.clear()

    def owe(self, idp_id: str, tokens: Tokens, sub: str = "") -> None:
        """
        Have *tokens* revoked at once, or as soon as that can be recorded.

        :param sub: Whose they are, if that is known or can be supposed: by it alone nobody is taken for somebody.
        """
        revocable = tokens.revocable()
        if not revocable:
            return
        if len(self._unrecorded) >= MOST:
            log.error("Tokens that came too late could not be kept for revocation: there are too many")
            return
        owed = OwedRevocation(
            id=secrets.token_hex(16),
            receipt_id=None,
            idp_id=idp_id,
            tokens=revocable,
            sub=sub,
            not_before=self._clock.seconds(),
        )
        self._unrecorded[owed.id] = owed
        if self._call is None and self._at_work is None:
            self._come()

    def _come(self) -> None:
        self._call = None
        self._at_work = Deferred.fromCoroutine(self._record())
        self._at_work.addBoth(self._done)

    def _done(self, result: object) -> None:
        self._at_work = None
        if isinstance(result, Failure):
            if not isinstance(result.value, StoreUnavailable | CancelledError):
                log.failure("Tokens that came too late could not be recorded", result)
            if self._unrecorded:
                self._call = self._clock.callLater(PAUSE, self._come)

    async def _record(self) -> None:
        while self._unrecorded:
            owed = next(iter(self._unrecorded.values()))
            await self._registry.owe(owed)
            self._unrecorded.pop(owed.id, None)
