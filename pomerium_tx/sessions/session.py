"""
Our record of a person who is signed in.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

_NO_USES: Mapping[str, RouteUse] = MappingProxyType({})


def new_session_id() -> str:
    """
    A fresh name for a session: 256 random bits, which nobody can guess.
    """
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """
    What the OP gave us for one session.
    """

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False, default=None)
    access_token_expires: float | None = None
    id_token_expires: float | None = None

    def revocable(self) -> tuple[tuple[str, str], ...]:
        """
        The tokens that RFC 7009 lets us revoke, with their hints, the refresh token first.
        """
        pairs = (("refresh_token", self.refresh_token), ("access_token", self.access_token))
        return tuple((hint, token) for hint, token in pairs if token)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteUse:
    """
    That a session was used on a route.
    """

    origin: str
    first_used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    One person, in one browser, at one OP, until an end.

    A changed session is another object: whoever keeps something made from one compares by identity.
    """

    id: str
    browser: str
    idp_id: str
    iss: str
    client_id: str
    sub: str
    """
    Exactly as the OP says it: what its logout tokens name.
    """
    user_id: str
    email: str
    name: str
    sids: tuple[str, ...] = ()
    """
    Every ``sid`` it ever had, the newest last.
    """
    began: float
    expires: float
    authenticated: float
    id_token_iat: float
    """
    Of the ID Token of the sign-in; a refresh does not change it.
    """
    nonce: str | None = field(repr=False, default=None)
    """
    Likewise.
    """
    user_agent: str = ""
    address: str = ""
    claims: Mapping[str, tuple[object, ...]] = field(repr=False)
    tokens: Tokens = field(repr=False)
    uses: Mapping[str, RouteUse] = field(default_factory=lambda: _NO_USES)
    """
    By route id.
    """
    usable_until: float = field(init=False, repr=False, compare=False)
    """
    When it stops being valid if nothing more happens; kept so that the question on every request is one comparison.
    """

    def __post_init__(self) -> None:
        """
        Work out the last moment, and share the strings that many sessions have in common.
        """
        put = object.__setattr__
        put(self, "usable_until", min(self.expires, self.tokens_expire))
        for name in ("iss", "client_id", "idp_id", "user_agent"):
            put(self, name, sys.intern(getattr(self, name)))

    @property
    def tokens_expire(self) -> float:
        """
        When the access token expires with nothing to renew it; never, if there is something.
        """
        tokens = self.tokens
        if tokens.refresh_token or tokens.access_token_expires is None:
            return inf
        return tokens.access_token_expires

    @property
    def origins(self) -> frozenset[str]:
        """
        The external origins it was used on.
        """
        return frozenset(use.origin for use in self.uses.values())

    def left(self, receipt_id: str) -> LeftSession:
        """
        What is remembered of it when its person has signed out.
        """
        return LeftSession(
            session_id=self.id,
            receipt_id=receipt_id,
            browser=self.browser,
            idp_id=self.idp_id,
            iss=self.iss,
            client_id=self.client_id,
            sub=self.sub,
            sids=self.sids,
            id_token_iat=self.id_token_iat,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftSession:
    """
    A session whose person has signed out, as far as its OP may still have a word to say about it.
    """

    session_id: str = field(repr=False)
    receipt_id: str
    browser: str = field(repr=False)
    idp_id: str
    iss: str
    client_id: str
    sub: str
    sids: tuple[str, ...]
    id_token_iat: float
