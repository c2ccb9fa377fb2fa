"""
Our record of a person who is signed in.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, overload

from pomerium_tx.sessions.packing import Awake, Secrets, Seldom, pack, secrets_in

_NO_USES: Mapping[str, RouteUse] = MappingProxyType({})
_USE = 3
"""
How much is kept of each use: the route's id, the origin, and when.
"""


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


T = TypeVar("T")

_awake: Final = Awake()


def _seldom(session: Session) -> Seldom:
    return _awake.seldom_in(session._packed, session.id)


class _Kept(Generic[T]):
    """
    A field of a session that is kept together with others, and made when it is asked for.
    """

    def __init__(self, made: Callable[[Session], T]) -> None:
        self._made = made

    @overload
    def __get__(self, session: None, owner: type[Session]) -> _Kept[T]: ...

    @overload
    def __get__(self, session: Session, owner: type[Session]) -> T: ...

    def __get__(self, session: Session | None, owner: type[Session]) -> _Kept[T] | T:
        return self if session is None else self._made(session)


class _Unasked:
    """
    What a session has besides that of which it is made: how it is kept, and what follows from its tokens and is asked
    for without opening them.
    """

    __slots__ = ("_packed", "_sids", "_uses", "renewable_until", "usable_until")

    _packed: bytes
    _sids: str | tuple[str, ...]
    _uses: tuple[Any, ...]

    usable_until: float
    """
    When it stops being valid if nothing more happens; kept so that the question on every request is one comparison.
    """
    renewable_until: float | None
    """
    When the access token expires, if it is known and something can renew it.
    """


@dataclass(frozen=True, kw_only=True, init=False, repr=False)
class Session(_Unasked):
    """
    One person, in one browser, at one OP, until an end.

    A changed session is another object: whoever keeps something made from one compares by identity. Its tokens and
    claims are made anew when they are asked for, and compare by value.

    There may be a million: what no request asks for is packed (`pomerium_tx.sessions.packing`).
    """

    __slots__ = (
        "address",
        "began",
        "browser",
        "client_id",
        "email",
        "expires",
        "id",
        "idp_id",
        "iss",
        "sub",
        "user_agent",
        "user_id",
    )

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
    name: _Kept[str] = _Kept(lambda session: _seldom(session).name)
    sids: _Kept[tuple[str, ...]] = _Kept(lambda session: _several(session._sids))
    """
    Every ``sid`` it ever had, the newest last.
    """
    began: float
    expires: float
    authenticated: _Kept[float] = _Kept(lambda session: _seldom(session).authenticated)
    id_token_iat: _Kept[float] = _Kept(lambda session: _seldom(session).id_token_iat)
    """
    Of the ID Token of the sign-in; a refresh does not change it.
    """
    nonce: _Kept[str | None] = _Kept(lambda session: _seldom(session).nonce)
    """
    Likewise.
    """
    user_agent: str
    address: str
    claims: _Kept[Mapping[str, tuple[object, ...]]] = _Kept(lambda session: _seldom(session).claims)
    tokens: _Kept[Tokens] = _Kept(lambda session: Tokens(**secrets_in(session._packed)._asdict()))
    uses: _Kept[Mapping[str, RouteUse]] = _Kept(lambda session: _by_route(session._uses))
    """
    By route id.
    """

    def __init__(
        self,
        *,
        id: str,
        browser: str,
        idp_id: str,
        iss: str,
        client_id: str,
        sub: str,
        user_id: str,
        email: str,
        name: str,
        sids: tuple[str, ...] = (),
        began: float,
        expires: float,
        authenticated: float,
        id_token_iat: float,
        nonce: str | None = None,
        user_agent: str = "",
        address: str = "",
        claims: Mapping[str, tuple[object, ...]],
        tokens: Tokens,
        uses: Mapping[str, RouteUse] = _NO_USES,
    ) -> None:
        put = object.__setattr__
        put(self, "id", id)
        put(self, "browser", browser)
        # Strings that many sessions have in common, or that say the same in one, are there once.
        put(self, "idp_id", sys.intern(idp_id))
        put(self, "iss", sys.intern(iss))
        put(self, "client_id", sys.intern(client_id))
        put(self, "sub", sub)
        put(self, "user_id", sub if user_id == sub else user_id)
        put(self, "email", email)
        put(self, "_sids", sids[0] if len(sids) == 1 else tuple(sids))
        put(self, "began", began)
        put(self, "expires", expires)
        put(self, "user_agent", sys.intern(user_agent))
        put(self, "address", address)
        flat = ((sys.intern(route), sys.intern(use.origin), use.first_used) for route, use in uses.items())
        put(self, "_uses", tuple(chain.from_iterable(flat)))
        self._put_packed(Seldom(name, nonce, authenticated, id_token_iat, claims), tokens)

    def _put_packed(self, seldom: Seldom, tokens: Tokens) -> None:
        put = object.__setattr__
        expires = tokens.access_token_expires
        renewable = bool(tokens.refresh_token)
        secrets = (getattr(tokens, name) for name in Secrets._fields)
        put(self, "_packed", pack(seldom, Secrets._make(secrets)))
        put(self, "renewable_until", expires if renewable else None)
        put(self, "usable_until", self.expires if renewable or expires is None else min(self.expires, expires))

    def __repr__(self) -> str:
        shown = ("id", "browser", "idp_id", "iss", "client_id", "sub", "email", "sids", "began", "expires")
        return f"Session({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        """
        Become what another process has sent.
        """
        for name, value in state[1].items():
            shared = name in ("idp_id", "iss", "client_id", "user_agent")
            object.__setattr__(self, name, sys.intern(str(value)) if shared else value)

    @property
    def tokens_expire(self) -> float:
        """
        When the access token expires with nothing to renew it; never, if there is something or the session ends first.
        """
        return self.usable_until if self.usable_until < self.expires else inf

    @property
    def origins(self) -> frozenset[str]:
        """
        The external origins it was used on.
        """
        return frozenset(self._uses[1::_USE])

    def has_used(self, route_id: str) -> bool:
        """
        Whether it was used on a route.
        """
        return route_id in self._uses[::_USE]

    def used(self, route_id: str, origin: str, at: float) -> Session:
        """
        This session, once it was used on one more route.
        """
        return self._changed(_uses=(*self._uses, sys.intern(route_id), sys.intern(origin), at))

    def refreshed(
        self,
        *,
        tokens: Tokens,
        claims: Mapping[str, tuple[object, ...]],
        email: str,
        name: str,
        sids: tuple[str, ...],
    ) -> Session:
        """
        This session, once the OP has renewed it.
        """
        changed = self._changed(email=email, _sids=sids[0] if len(sids) == 1 else sids)
        changed._put_packed(_seldom(self)._replace(name=name, claims=claims), tokens)
        return changed

    def _changed(self, **changes: object) -> Session:
        changed = object.__new__(Session)
        for name in (*_Unasked.__slots__, *Session.__slots__):
            object.__setattr__(changed, name, changes[name] if name in changes else getattr(self, name))
        return changed

    def close(self) -> None:
        """
        Keep nothing of it open that is packed: it has ended, and hardly anybody asks any more.
        """
        _awake.forget(self.id)

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


def _several(sids: str | tuple[str, ...]) -> tuple[str, ...]:
    return (sids,) if isinstance(sids, str) else sids


def _by_route(uses: tuple[Any, ...]) -> Mapping[str, RouteUse]:
    if not uses:
        return _NO_USES
    facts = zip(uses[::_USE], uses[1::_USE], uses[2::_USE], strict=True)
    return MappingProxyType({route: RouteUse(origin=origin, first_used=at) for route, origin, at in facts})


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
