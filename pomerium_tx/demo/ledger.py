"""
What the development OP has handed out, and whether it is still good.

Codes are used once (RFC 6749, 4.1.2), refresh tokens rotate and their reuse revokes the grant (RFC 9700, 4.14.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.demo.registration import Lifetimes, User


class RequestRefused(Exception):
    """
    The OP does not do what was asked: an OAuth ``error`` and ``error_description``, both safe to show.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = status


@dataclass(slots=True, kw_only=True)
class OPSession:
    """
    A person who has signed in at the OP, in one user agent.
    """

    handle: str = field(repr=False)
    """
    What the OP's own cookie holds.
    """
    sid: str
    user: User
    auth_time: float
    expires: float
    clients: dict[str, None] = field(default_factory=dict)
    """
    To whom ID Tokens of this session were given, in order.
    """


@dataclass(slots=True, kw_only=True)
class Grant:
    """
    What one Authentication Request was granted; every token of it dies with it.
    """

    client_id: str
    user: User
    scope: frozenset[str]
    sid: str
    auth_time: float
    nonce: str | None = field(default=None, repr=False)
    clients: dict[str, None] = field(default_factory=dict)
    """
    Those of the session: the same mapping.
    """
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class _Code:
    grant: Grant
    redirect_uri: str
    code_challenge: str | None
    expires: float
    used: bool = False


@dataclass(slots=True, kw_only=True)
class _Token:
    grant: Grant
    expires: float
    is_refresh_token: bool
    dead: bool = False


class Ledger:
    """
    The OP's memory: its sessions, codes and tokens.
    """

    def __init__(self, clock: IReactorTime, lifetimes: Lifetimes) -> None:
        self._clock = clock
        self._lifetimes = lifetimes
        self._sessions: dict[str, OPSession] = {}
        self._codes: dict[str, _Code] = {}
        self._access_tokens: dict[str, _Token] = {}
        self._refresh_tokens: dict[str, _Token] = {}

    def begin_session(self, user: User, current: OPSession | None = None) -> OPSession:
        """
        A session of *user*, authenticated now; it takes the place of *current*.

        The same person keeps their ``sid``: they have authenticated again within their session.
        """
        now = self._clock.seconds()
        sid = secrets.token_urlsafe(16)
        clients: dict[str, None] = {}
        if current is not None:
            self._sessions.pop(current.handle, None)
            if current.user.sub == user.sub:
                sid, clients = current.sid, current.clients
        session = OPSession(
            handle=secrets.token_urlsafe(32),
            sid=sid,
            user=user,
            auth_time=now,
            expires=now + self._lifetimes.session,
            clients=clients,
        )
        _drop_expired(self._sessions, now)
        self._sessions[session.handle] = session
        return session

    def find_session(self, handle: str) -> OPSession | None:
        """
        The live session that the cookie value *handle* names.
        """
        session = self._sessions.get(handle)
        if session is None or session.expires <= self._clock.seconds():
            return None
        return session

    def end_session(self, sid: str) -> OPSession | None:
        """
        Nobody is signed in at the OP under *sid* any more; the session that this ended.
        """
        ended = next((session for session in self._sessions.values() if session.sid == sid), None)
        if ended is not None:
            del self._sessions[ended.handle]
        return ended

    def new_code(self, grant: Grant, *, redirect_uri: str, code_challenge: str | None) -> str:
        """
        A code for *grant*, good once and for one minute.
        """
        now = self._clock.seconds()
        _drop_expired(self._codes, now)
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(
            grant=grant,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            expires=now + self._lifetimes.code,
        )
        return code

    def redeem(self, code: str, *, client_id: str, redirect_uri: str | None, code_verifier: str | None) -> Grant:
        """
        The grant behind *code*, which is used up by this.

        :raises RequestRefused: If the code is not this client's, not for this URI, too old, or used before.
        """
        found = self._codes.get(code)
        if found is None or found.grant.client_id != client_id or found.expires <= self._clock.seconds():
            raise RequestRefused("invalid_grant", "The code is unknown or has expired.")
        if found.used:
            # Section 4.1.2: the tokens issued for a code that is used twice should be revoked.
            found.grant.revoked = True
            raise RequestRefused("invalid_grant", "The code has been used before.")
        found.used = True
        if found.redirect_uri != redirect_uri:
            raise RequestRefused("invalid_grant", "The redirect_uri is not the one of the Authentication Request.")
        if not _verifies(found.code_challenge, code_verifier):
            raise RequestRefused("invalid_grant", "The code_verifier does not match the code_challenge.")
        return found.grant

    def new_access_token(self, grant: Grant) -> str:
        """
        An access token of *grant*.
        """
        return self._new_token(self._access_tokens, grant, self._lifetimes.access_token, is_refresh_token=False)

    def new_refresh_token(self, grant: Grant) -> str:
        """
        A refresh token of *grant*.
        """
        return self._new_token(self._refresh_tokens, grant, self._lifetimes.refresh_token, is_refresh_token=True)

    def rotate(self, refresh_token: str, *, client_id: str) -> Grant:
        """
        The grant of *refresh_token*, which is good for nothing afterwards.

        :raises RequestRefused: If the token is not good; if it was rotated before, its whole grant is revoked.
        """
        token = self._refresh_tokens.get(refresh_token)
        if token is None or token.grant.client_id != client_id or token.expires <= self._clock.seconds():
            raise RequestRefused("invalid_grant", "The refresh token is unknown or has expired.")
        if token.dead:
            token.grant.revoked = True
        if token.grant.revoked:
            raise RequestRefused("invalid_grant", "The refresh token has been used before or was revoked.")
        token.dead = True
        return token.grant

    def grant_of(self, access_token: str) -> Grant | None:
        """
        The grant of a good *access_token*.
        """
        token = self._access_tokens.get(access_token)
        if token is None or token.dead or token.grant.revoked or token.expires <= self._clock.seconds():
            return None
        return token.grant

    def revoke(self, token: str, *, client_id: str) -> None:
        """
        The token is good for nothing any more, nor, if it is a refresh token, is any other of its grant.

        A token that is not known is as good as revoked (RFC 7009, 2.2).

        :raises RequestRefused: If it is another client's.
        """
        found = self._refresh_tokens.get(token) or self._access_tokens.get(token)
        if found is None:
            return
        if found.grant.client_id != client_id:
            raise RequestRefused("unauthorized_client", "The token was issued to another client.")
        found.dead = True
        if found.is_refresh_token:
            found.grant.revoked = True

    def _new_token(self, tokens: dict[str, _Token], grant: Grant, lifetime: float, *, is_refresh_token: bool) -> str:
        now = self._clock.seconds()
        _drop_expired(tokens, now)
        token = secrets.token_urlsafe(32)
        tokens[token] = _Token(grant=grant, expires=now + lifetime, is_refresh_token=is_refresh_token)
        return token


def _verifies(code_challenge: str | None, code_verifier: str | None) -> bool:
    if code_challenge is None or code_verifier is None:
        # RFC 9700, 2.1.1: a verifier without a challenge is an attack as well.
        return code_challenge is None and code_verifier is None
    hashed = hashlib.sha256(code_verifier.encode("utf-8")).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(hashed).rstrip(b"="), code_challenge.encode("utf-8"))


_Record = TypeVar("_Record", OPSession, _Code, _Token)


def _drop_expired(records: dict[str, _Record], now: float) -> None:
    # Each kind has one lifetime, so the oldest are first.
    while records:
        first = next(iter(records))
        if records[first].expires > now:
            return
        del records[first]
