"""
The keys of one provider, and how long a token waits for the one that it is signed with.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Set
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import UnknownKey, UnverifiedToken, Verified, verify
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.published import Published

_FRESH_FOR: Final = 3600.0
_PAUSE: Final = 5.0
_PATIENCE: Final = 10.0
_MOST_WAITING: Final = 100


class TooManyTokensWait(ProviderUnavailable):
    """
    So many tokens wait for a key that is not known that no further one may.
    """


class SigningKeys:
    """
    What a provider's tokens are verified with.

    :param fetch: Raises `ProviderUnavailable` when it fails.
    """

    def __init__(self, fetch: Callable[[], Coroutine[Deferred[Any], Any, JWKSet]], clock: IReactorTime) -> None:
        self._published = Published(fetch, clock, fresh_for=_FRESH_FOR, pause=_PAUSE)
        self._clock = clock
        self._waiting = 0

    @property
    def known(self) -> JWKSet | None:
        """
        The last good keys, however old.
        """
        return self._published.known

    async def verified(self, token: UnverifiedToken, algorithms: Set[str]) -> Verified:
        """
        The token, verified; keys that are not known are looked for once, unless that was done a moment ago.

        :raises InvalidToken: If it must not be believed.
        :raises ProviderUnavailable: If there are no keys.
        """
        keys = await self._published.current()
        try:
            return verify(token, keys, algorithms)
        except UnknownKey:
            await self._published.refetch()
            newer = await self._published.current()
            if newer is keys:
                raise
            return verify(token, newer, algorithms)

    async def verified_in_time(self, token: UnverifiedToken, algorithms: Set[str]) -> Verified:
        """
        The token, verified; if it names a key that is not known, with keys that were asked for after it came.

        Whoever sent it cannot be asked to send it again, so it waits until the provider may be asked: ten seconds at
        most, and with a hundred others at most. One whose key is known does not depend on there being a place to wait.

        :raises InvalidToken: If it must not be believed, or no newer keys could be had in that time.
        :raises ProviderUnavailable: If no keys are known at all.
        :raises TooManyTokensWait: If its key is not known, and there is no place left to wait.
        """
        keys = self._published.fresh
        verified = None if keys is None else _verified_by(keys, token, algorithms)
        if verified is not None:
            return verified
        try:
            return await self._in_time(self._when_known(token, algorithms))
        except TooManyTokensWait:
            # Anybody can have sent those that wait: what the keys that are known verify, however old, is not theirs.
            verified = None if self.known is None else _verified_by(self.known, token, algorithms)
            if verified is None:
                raise
            return verified
        except ProviderUnavailable:
            if self.known is None:
                raise
            # By all that can be known its key is nobody's.
            return verify(token, self.known, algorithms)

    async def _when_known(self, token: UnverifiedToken, algorithms: Set[str]) -> Verified:
        verified = _verified_by(await self._published.current(), token, algorithms)
        if verified is None and self._published.is_on_its_way:
            await self._published.refetch()
            verified = _verified_by(await self._published.current(), token, algorithms)
        # One that was asked for earlier may be older than the key.
        return verified or verify(token, await self._published.renewed(), algorithms)

    async def _in_time(self, asked: Coroutine[Deferred[Any], Any, Verified]) -> Verified:
        if self._waiting >= _MOST_WAITING:
            asked.close()
            raise TooManyTokensWait("too many tokens wait for the provider's keys")
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            answer.cancel()

        self._waiting += 1
        answer = Deferred.fromCoroutine(asked)
        timer = self._clock.callLater(_PATIENCE, give_up)
        try:
            return await answer
        except CancelledError:
            if late:
                raise ProviderUnavailable("the provider's keys did not come in time") from None
            raise
        finally:
            self._waiting -= 1
            if timer.active():
                timer.cancel()


def _verified_by(keys: JWKSet, token: UnverifiedToken, algorithms: Set[str]) -> Verified | None:
    """
    The token, verified with one of *keys*; None if its key may yet come.
    """
    try:
        return verify(token, keys, algorithms)
    except UnknownKey:
        # A key of that name is there, and of another kind: it is not a later one that is meant.
        if token.kid is not None and token.kid in keys.kids:
            raise
        return None
