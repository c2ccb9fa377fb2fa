"""
From a token that a program presents to a session.

A token that is known is looked up and nothing else. One that is not known is verified once, however many requests
present it meanwhile, so many at a time, and so many of one address; what must not be believed is remembered for a
moment, so that whoever repeats it asks no provider anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.authorize.bearer import TokenUnknown
from pomerium_tx.bearer.kinds import Believed, TokenKind
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.id_token import identity
from pomerium_tx.oidc.presented_token import is_token
from pomerium_tx.sessions.bearers import PURPOSE, half, new_bearer_session_id, signed_half
from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.registry import SessionRegistry, SignedOutMeanwhile
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import StoreUnavailable
from pomerium_tx.web.sealed import purpose_key

log = Logger()

MOST_AT_ONCE: Final = 64
MOST_OF_ONE_ADDRESS: Final = 16
"""
Tokens that are being verified.
"""
REFUSED_FOR: Final = 60.0
MOST_REFUSED: Final = 10_000
"""
What was not believed: for how long that stands, and of how many tokens.
"""


class BearerTokens:
    """
    The tokens of all programs.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        key: bytes,
        clock: IReactorTime,
        lifetime: float,
        session_begun: Callable[[Session], None],
    ) -> None:
        """
        :param key: A secret that all processes share.
        :param lifetime: Seconds after which a session ends although its token is good.
        :param session_begun: Told each session that begins, for the audit log.
        """
        self._registry = registry
        self._key = purpose_key(key, PURPOSE)
        self._clock = clock
        self._lifetime = lifetime
        self._session_begun = session_begun
        self._refused = Book[tuple[str, str], float](MOST_REFUSED)
        self._signed_out = Book[tuple[str, str], float](MOST_REFUSED)
        self._flights: dict[tuple[str, str], list[Deferred[None]]] = {}
        self._addresses: Counter[str] = Counter()

    def digest(self, raw: bytes) -> str:
        """
        What a token is known by: both halves of it, as in `pomerium_tx.sessions.bearers`.
        """
        return signed_half(self._key, raw) + half(self._key, raw)

    def session(self, digest: str, kind: TokenKind) -> Session | None:
        """
        The session that the token has, if it is valid now.
        """
        name = self._registry.by_bearer(digest, kind.scope)
        return None if name is None else self._registry.find(name)

    def is_over(self, digest: str, kind: TokenKind) -> bool:
        """
        Whether the token is somebody's who was signed out, or has a session whose time is over and that is to end.
        """
        now = self._clock.seconds()
        self._signed_out.forget(now)
        return (
            self._registry.is_spent(digest)
            or self._registry.by_bearer(digest, kind.scope) is not None
            or self._signed_out.get((digest, kind.key)) is not None
        )

    def is_refused(self, digest: str, kind: TokenKind) -> bool:
        """
        Whether it was found a moment ago that the token must not be believed.
        """
        self._refused.forget(self._clock.seconds())
        return self._refused.get((digest, kind.key)) is not None

    async def settle(self, raw: bytes, digest: str, kind: TokenKind, *, address: str, user_agent: str) -> None:
        """
        What the token is worth is known, for a moment at least.

        :raises TokenUnknown: If that cannot be known just now.
        """
        flight = (digest, kind.key)
        waiting = self._flights.get(flight)
        if waiting is not None:
            await _joined(waiting)
            return
        if len(self._flights) >= MOST_AT_ONCE or self._addresses[address] >= MOST_OF_ONE_ADDRESS:
            raise TokenUnknown
        waiting = self._flights[flight] = []
        self._addresses[address] += 1
        first = _joined(waiting)
        work = Deferred.fromCoroutine(self._settle(raw, digest, kind, address, user_agent))
        work.addBoth(self._landed, flight, address)
        await first

    async def _settle(self, raw: bytes, digest: str, kind: TokenKind, address: str, user_agent: str) -> None:
        now = self._clock.seconds()
        text = raw.decode("latin-1")
        try:
            if not is_token(text):
                raise InvalidToken("the token is malformed or too long")
            believed = await kind.believed(text)
        except InvalidToken as problem:
            log.info("A bearer token from {address} is refused: {reason}", address=address, reason=problem.reason)
            until = self._clock.seconds() + REFUSED_FOR
            self._refused.put((digest, kind.key), until, until)
            return
        except ProviderUnavailable as problem:
            log.warn("A bearer token cannot be verified just now: {reason}", reason=problem.reason)
            raise TokenUnknown from None
        session = self._session_of(believed, digest, kind, now, address, user_agent)
        # One that was issued before a sign-out is not good after it.
        issued = now if believed.token.issued is None else min(believed.token.issued, now)
        try:
            await self._registry.begin(session, state_issued=issued)
        except SignedOutMeanwhile:
            if self._registry.by_bearer(digest, kind.scope) is None and not self._registry.is_spent(digest):
                until = self._clock.seconds() + REFUSED_FOR
                self._signed_out.put((digest, kind.key), until, until)
            return
        except StoreUnavailable:
            raise TokenUnknown from None
        self._session_begun(session)

    def _session_of(
        self, believed: Believed, digest: str, kind: TokenKind, now: float, address: str, user_agent: str
    ) -> Session:
        token = believed.token
        name = new_bearer_session_id(digest, kind.scope)
        _, email, full_name = identity(token.claims)
        return Session(
            id=name,
            # Of no browser: nobody's sign-out there ends it, nor the other way round.
            browser=name,
            idp_id=believed.idp_id,
            iss=token.iss,
            client_id=believed.client_id,
            sub=token.sub,
            user_id=believed.user_id,
            email=email,
            name=full_name,
            sids=() if token.sid is None else (token.sid,),
            began=now,
            expires=now + self._lifetime if token.expires is None else min(token.expires, now + self._lifetime),
            authenticated=0.0 if token.auth_time is None else min(token.auth_time, now),
            id_token_iat=now if token.issued is None else token.issued,
            user_agent=user_agent[:512],
            address=address,
            claims=token.claims,
            tokens=believed.tokens,
        )

    def _landed(self, result: Failure | None, flight: tuple[str, str], address: str) -> None:
        waiting = self._flights.pop(flight)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if isinstance(result, Failure) and not isinstance(result.value, TokenUnknown):
            log.failure("A bearer token could not be looked at", result)
        for waiter in waiting:
            if isinstance(result, Failure):
                waiter.errback(TokenUnknown())
            else:
                waiter.callback(None)


def _joined(waiting: list[Deferred[None]]) -> Deferred[None]:
    # Whoever waits no more leaves the others waiting, and what is under way to be finished.
    waiter: Deferred[None] = Deferred(waiting.remove)
    waiting.append(waiter)
    return waiter
