"""
Keeps sessions fresh, and notices when the OP does not know them any more.

A refresh comes shortly before the tokens expire, a UserInfo call every ten minutes (OpenID Connect Core 1.0, sections
12 and 5.3). Only ``invalid_grant`` and a refusal by UserInfo end a session; whatever else goes wrong is tried again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from pomerium_tx.authenticate.new_session import tokens_of
from pomerium_tx.authenticate.pool import Pool
from pomerium_tx.jose.jwt import InvalidToken, parse
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.late_tokens import LateTokens
from pomerium_tx.oidc.id_token import IdToken, identity, merge_claims
from pomerium_tx.oidc.provider import (
    AuthenticationRefused,
    Provider,
    ProviderUnavailable,
    TokenResponse,
    UserInfoRefused,
)
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import Cause, StoreUnavailable

log = Logger()

POLL_EVERY = 600.0
LOOK_EVERY = 30.0
JITTER = 10.0
AT_ONCE = 16
"""
Sessions of one OP that are looked after at a time.
"""
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
MARGIN = 60.0
"""
How long before a token expires it is renewed.
"""
_CLAIM = 120.0
_LEAST_INTERVAL = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Renewed:
    """
    What the OP gave, until the registry has it.
    """

    idp_id: str
    sub: str = field(repr=False)
    tokens: Tokens = field(repr=False)
    claims: Mapping[str, tuple[object, ...]] = field(repr=False)
    sid: str | None
    requested: float
    has_new_id_token: bool


class Refresher:
    """
    Looks after all sessions.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        ending: Ending,
        late_tokens: LateTokens,
        clock: IReactorTime,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """
        :param jitter: A number between 0 and 1, so that sessions which began together are not refreshed together.
        """
        self._registry = registry
        self._providers = providers
        self._ending = ending
        self._clock = clock
        self._late_tokens = late_tokens
        self._jitter = jitter
        self._pools: dict[str, Pool] = {}
        self._unsubscribe: Callable[[], None] | None = None
        self._call: IDelayedCall | None = None
        self._to_refresh: dict[str, Tokens] = {}
        self._checked: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._unrecorded: dict[str, _Renewed] = {}

    def start(self) -> None:
        """
        Begin with what is due now.
        """
        self._unsubscribe = self._registry.subscribe_refresh_due(self._refresh_due)
        for session_id in self._registry.refresh_due():
            self._refresh_due(session_id)
        self._look()

    def stop(self) -> None:
        """
        Ask no OP any more.
        """
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._call is not None:
            self._call.cancel()
            self._call = None
        for pool in self._pools.values():
            pool.stop()
        self._pools.clear()

    def _refresh_due(self, session_id: str) -> None:
        session = self._registry.known(session_id)
        if session is not None:
            self._to_refresh[session_id] = session.tokens
            self._plan(session)

    def _look(self) -> None:
        """
        Plan the UserInfo calls of the next half minute.
        """
        self._call = self._clock.callLater(LOOK_EVERY, self._look)
        now = self._clock.seconds()
        sessions = self._registry.sessions()
        names = {session.id for session in sessions}
        self._to_refresh = {name: tokens for name, tokens in self._to_refresh.items() if name in names}
        self._checked = {name: time for name, time in self._checked.items() if name in names}
        self._failures = {name: failures for name, failures in self._failures.items() if name in names}
        for name, renewed in self._unrecorded.items():
            if name not in names:
                self._pool(renewed.idp_id).add(name, now)
        for session in sessions:
            if now - self._checked.get(session.id, session.began) >= POLL_EVERY:
                self._checked[session.id] = now
                self._plan(session)

    def _plan(self, session: Session) -> None:
        self._pool(session.idp_id).add(session.id, self._clock.seconds() + self._jitter() * JITTER)

    def _pool(self, idp_id: str) -> Pool:
        pool = self._pools.get(idp_id)
        if pool is None:
            pool = self._pools[idp_id] = Pool(self._clock, self._look_after, at_once=AT_ONCE)
        return pool

    async def _look_after(self, session_id: str) -> None:
        session = self._registry.known(session_id)
        if session is None:
            self._give_back(session_id)
            return
        provider = self._providers.get(session.idp_id)
        if provider is None:
            return
        try:
            if session_id in self._unrecorded:
                await self._record(session, self._unrecorded[session_id])
            elif (tokens := self._to_refresh.get(session_id)) is not None:
                # Another process may have been faster.
                if tokens == session.tokens:
                    await self._refresh(session, provider)
                else:
                    del self._to_refresh[session_id]
            else:
                await self._poll(session, provider)
        except StoreUnavailable:
            self._put_off(session)

    def _give_back(self, session_id: str) -> None:
        """
        Have revoked what came for a session that has ended before it could be recorded.
        """
        self._to_refresh.pop(session_id, None)
        renewed = self._unrecorded.pop(session_id, None)
        if renewed is not None:
            self._late_tokens.owe(renewed.idp_id, renewed.tokens, renewed.sub)

    async def _refresh(self, session: Session, provider: Provider) -> None:
        refresh_token = session.tokens.refresh_token
        if refresh_token is None:
            self._to_refresh.pop(session.id, None)
            return
        requested = self._clock.seconds()
        # Of several processes one refreshes: an OP that rotates takes the second use of a token for a theft.
        digest = hashlib.sha256(refresh_token.encode()).hexdigest()
        attempt = self._failures.get(session.id, 0)
        if not await self._registry.use_once(f"refresh/{digest}/{attempt}", requested + _CLAIM):
            self._put_off(session)
            return
        try:
            response = await provider.refresh(refresh_token)
        except AuthenticationRefused as refusal:
            if refusal.error == "invalid_grant":
                await self._refused(session)
                return
            log.warn("The OP {iss} refuses a refresh: {error}", iss=session.iss, error=refusal.error)
            self._put_off(session)
            return
        except ProviderUnavailable as problem:
            log.warn("A refresh by the OP {iss} has to wait: {reason}", iss=session.iss, reason=problem.reason)
            self._put_off(session)
            return
        await self._take(session, provider, response, requested)

    async def _take(self, session: Session, provider: Provider, response: TokenResponse, requested: float) -> None:
        """
        Make use of a token response: its tokens belong to the session, or else they are revoked.
        """
        if response.refresh_token is None:
            response = replace(response, refresh_token=session.tokens.refresh_token)
        if self._registry.known(session.id) is None:
            self._late_tokens.owe(session.idp_id, tokens_of(response, None, requested), session.sub)
            return
        try:
            id_token = await self._id_token(session, provider, response)
        except InvalidToken as problem:
            log.error(
                "The OP {iss} answers a refresh with a wrong ID Token: {reason}", iss=session.iss, reason=str(problem)
            )
            # Not revoked: with them some OPs would take back those that the session has.
            self._put_off(session)
            return
        tokens = tokens_of(response, id_token, requested)
        if id_token is None:
            # It still is the hint that the OP knows the session by.
            tokens = replace(tokens, id_token=session.tokens.id_token)
        if self._registry.known(session.id) is None:
            self._late_tokens.owe(session.idp_id, tokens, session.sub)
            return
        try:
            claims = await self._claims(session, provider, tokens, id_token)
        except UserInfoRefused:
            self._late_tokens.owe(session.idp_id, tokens, session.sub)
            await self._refused(session)
            return
        renewed = _Renewed(
            idp_id=session.idp_id,
            sub=session.sub,
            tokens=tokens,
            claims=claims,
            sid=None if id_token is None else id_token.sid,
            requested=requested,
            has_new_id_token=id_token is not None,
        )
        await self._record(session, renewed)

    async def _id_token(self, session: Session, provider: Provider, response: TokenResponse) -> IdToken | None:
        if response.id_token is None:
            return None
        try:
            return await provider.id_token(
                response.id_token,
                nonce=None,
                access_token=response.access_token,
                sub=session.sub,
                earlier_nonce=session.nonce,
            )
        except ProviderUnavailable:
            # The refresh token may have been replaced: what cannot be verified now must not cost the session.
            return None

    async def _claims(
        self, session: Session, provider: Provider, tokens: Tokens, id_token: IdToken | None
    ) -> Mapping[str, tuple[object, ...]]:
        self._checked[session.id] = self._clock.seconds()
        try:
            said = _said(session, tokens) if id_token is None else id_token.claims
            metadata = await provider.metadata()
            if metadata.userinfo_endpoint is None:
                return session.claims if id_token is None else merge_claims(said, {})
            return merge_claims(said, await provider.userinfo(tokens.access_token))
        except (ProviderUnavailable, InvalidToken) as problem:
            log.warn("UserInfo of the OP {iss} is no use: {reason}", iss=session.iss, reason=str(problem))
            return session.claims

    async def _record(self, session: Session, renewed: _Renewed) -> None:
        user_id, email, name = identity(renewed.claims)
        claims, tokens = renewed.claims, renewed.tokens
        if user_id != session.user_id:
            log.error("The OP {iss} says that a session is another user's now; its claims stay", iss=session.iss)
            claims, email, name = session.claims, session.email, session.name
        self._unrecorded[session.id] = renewed
        taken = await self._registry.refresh(
            session.id,
            tokens=tokens,
            claims=claims,
            email=email,
            name=name,
            sid=renewed.sid,
            requested=renewed.requested,
        )
        del self._unrecorded[session.id]
        self._to_refresh.pop(session.id, None)
        self._failures.pop(session.id, None)
        if not taken:
            self._late_tokens.owe(session.idp_id, tokens, session.sub)
            return
        if renewed.has_new_id_token:
            plan_refresh_by_id_token(self._registry, session.id, tokens, renewed.requested)

    async def _poll(self, session: Session, provider: Provider) -> None:
        """
        Ask UserInfo whether the OP still knows the person.
        """
        tokens, now = session.tokens, self._clock.seconds()
        expires = tokens.access_token_expires
        # A session that began with an ID Token has none to ask with.
        if not tokens.access_token or (expires is not None and now >= expires - MARGIN / 2):
            return
        try:
            claims = await self._claims(session, provider, tokens, None)
        except UserInfoRefused:
            await self._poll_refused(session, provider)
            return
        current = self._registry.known(session.id)
        if current is None or current.tokens != tokens or claims == current.claims:
            return
        await self._record(
            current,
            _Renewed(
                idp_id=session.idp_id,
                sub=session.sub,
                tokens=tokens,
                claims=claims,
                sid=None,
                requested=now,
                has_new_id_token=False,
            ),
        )

    async def _poll_refused(self, session: Session, provider: Provider) -> None:
        current = self._registry.known(session.id)
        if current is None or current.tokens != session.tokens:
            return
        if session.tokens.access_token_expires is None and session.tokens.refresh_token is not None:
            # Nobody said how long the token lives: perhaps its time was over, and nothing else.
            self._to_refresh[session.id] = session.tokens
            await self._refresh(session, provider)
            return
        await self._refused(session)

    async def _refused(self, session: Session) -> None:
        log.info("The OP {iss} does not know a session any more", iss=session.iss)
        try:
            await self._ending.end([session.id], Cause.REFRESH_REFUSED)
        except StoreUnavailable:
            # Ended as soon as that can be recorded, by whoever ends what is due.
            self._registry.report_due(session.id, Cause.REFRESH_REFUSED)

    def _put_off(self, session: Session) -> None:
        failures = self._failures.get(session.id, 0)
        self._failures[session.id] = failures + 1
        pause = min(FIRST_PAUSE * 2.0 ** min(failures, 20), LONGEST_PAUSE)
        self._registry.put_off_refresh(session.id, self._clock.seconds() + pause * (1.0 + self._jitter() / 4.0))


def _said(session: Session, tokens: Tokens) -> Mapping[str, object]:
    """
    What was said of the person before UserInfo is asked: by the last ID Token, or, where there are none, about whom.
    """
    if tokens.id_token:
        return parse(tokens.id_token).claims
    return {"sub": next(iter(session.claims.get("sub", ())), session.sub)}


def plan_refresh_by_id_token(registry: SessionRegistry, session_id: str, tokens: Tokens, since: float) -> None:
    """
    Have a session refreshed before its ID Token expires, if that is before the access token does.
    """
    expires = tokens.id_token_expires
    if tokens.refresh_token is None or expires is None:
        return
    if tokens.access_token_expires is None or expires < tokens.access_token_expires:
        registry.put_off_refresh(session_id, max(expires - MARGIN, since + _LEAST_INTERVAL))
