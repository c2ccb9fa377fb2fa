"""
What a user agent presents to name its session: a cookie, a header, or a query parameter.

A handle is a signed reference and nothing else. It does not expire and is enforced against no audience: whether it
opens anything is the registry's to say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from urllib.parse import unquote_to_bytes

from pomerium_tx.jose.jwt import compact_hs256, open_hs256
from pomerium_tx.remembered import remembering
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.cookies import family_pairs

MOST_BYTES = 8192
"""
The longest handle that is looked at.
"""
QUERY_PARAMETER = b"pomerium_session"

_SCHEMES = ((b"pomerium", b""), (b"bearer", b"pomerium-"))
_CACHED = 20_000
_REMEMBERED = 1_024
_MOST_REMEMBERED = 4_096
"""
How many Cookie fields are remembered, and how many bytes each may have.
"""


@dataclass(frozen=True, slots=True)
class Handle:
    """
    A reference that we made to a session of ours.
    """

    session_id: str
    user_id: str
    issuer: str
    audience: tuple[str, ...]
    idp_id: str
    issued: float


class Carrier(Enum):
    """
    Where a handle was found.
    """

    NONE = "none"
    COOKIE = "cookie"
    HEADER = "header"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Presented:
    """
    All that one request presents.
    """

    carrier: Carrier
    """
    The one that counts.
    """
    handles: tuple[Handle, ...]
    """
    The valid ones in it, one for each session, in order.
    """
    claimed: bool
    """
    Whether something was presented, valid or not.
    """
    others: tuple[Handle, ...] = ()
    """
    Those that came besides, of further sessions. They let nobody in, but they were presented.
    """
    outside_cookie: bool = False
    """
    Whether something was presented in a header or in the query, whatever counts: no browser does that by itself.
    """

    def named(self, find: Callable[[str], Session | None]) -> list[tuple[Handle, Session]]:
        """
        The sessions that count, each with the handle that names it.

        Exactly one is who asks: of several, any may have been planted. What names no live session was left behind, or
        planted too, and takes nothing away from one that does.

        :param find: Finds live sessions.
        """
        return [(handle, session) for handle in self.handles if (session := find(handle.session_id)) is not None]


NOTHING_PRESENTED = Presented(Carrier.NONE, (), False)


def handle_of_authorization(value: bytes) -> bytes | None:
    """
    What an ``Authorization`` field value holds for us; None if it is somebody else's.
    """
    scheme, _, credentials = value.strip(b" \t").replace(b"\t", b" ").partition(b" ")
    credentials = credentials.lstrip(b" ")
    for ours, prefix in _SCHEMES:
        if scheme.lower() == ours and credentials[: len(prefix)].lower() == prefix:
            return credentials[len(prefix) :]
    return None


def may_name_a_session(query: bytes) -> bool:
    """
    Whether it is worth while to look for a handle in *query*.
    """
    # The name may be percent-encoded, and then a percent sign is in it.
    return QUERY_PARAMETER in query or b"%" in query


class Handles:
    """
    Makes handles, and believes those that it or another process with the same key made.
    """

    def __init__(self, key: bytes, cookie_name: str) -> None:
        """
        Use *key* for the signatures, and look for cookies called *cookie_name*, and so for each OP.
        """
        self._key = key
        name = cookie_name.encode("ascii")
        # A browser sends the same field until a cookie changes.
        self._values_of: Callable[[bytes], list[bytes]] = remembering(
            partial(_cookie_values, name), entries=_REMEMBERED, longest=_MOST_REMEMBERED
        )
        # Two generations: a full cache is dropped by halves, without keeping count of use.
        self._recent: dict[bytes, Handle] = {}
        self._earlier: dict[bytes, Handle] = {}

    def mint(
        self, session_id: str, *, user_id: str, issuer: str, audience: Sequence[str], idp_id: str, now: float
    ) -> str:
        """
        A new handle of a session.
        """
        claims = {
            "jti": session_id,
            "sub": user_id,
            "iss": issuer,
            "aud": list(audience),
            "iat": int(now),
            "idp_id": idp_id,
        }
        return compact_hs256(claims, self._key)

    def open(self, value: bytes) -> Handle | None:
        """
        The handle, if it is one of ours.
        """
        handle = self._recent.get(value)
        if handle is not None:
            return handle
        handle = self._earlier.get(value)
        if handle is None:
            # Only what proved good is kept: nobody else can fill the cache.
            handle = self._opened(value)
            if handle is None:
                return None
        if len(self._recent) >= _CACHED:
            self._earlier, self._recent = self._recent, {}
        self._recent[value] = handle
        return handle

    def presented(
        self,
        *,
        cookies: Sequence[bytes] = (),
        authorization: Sequence[bytes] = (),
        x_pomerium_authorization: Sequence[bytes] = (),
        query: bytes | None = None,
    ) -> Presented:
        """
        What a request presents: of cookie, header, and query the first that holds something, good or bad, counts.

        :param cookies: The values of its ``Cookie`` fields, and so on.
        :param query: Its query, not decoded.
        """
        found: list[tuple[Carrier, list[bytes]]] = []
        if cookies:
            values = [value for cookie in cookies for value in self._values_of(cookie) if value]
            if values:
                found.append((Carrier.COOKIE, values))
        if x_pomerium_authorization:
            found += [(Carrier.HEADER, [value.strip(b" \t")]) for value in x_pomerium_authorization if value]
        for value in authorization:
            credentials = handle_of_authorization(value)
            # Programs that have no handle yet send the empty one, and want to be led to the sign-in for it.
            if credentials:
                found.append((Carrier.HEADER, [credentials]))
        if query and may_name_a_session(query):
            values = [value for value in _parameters(query) if value]
            if values:
                found.append((Carrier.QUERY, values))
        if not found:
            return NOTHING_PRESENTED
        carrier, values = found[0]
        handles = self._open_all(values)
        if len(found) == 1:
            return Presented(carrier, handles, True, (), carrier is not Carrier.COOKIE)
        counted = {handle.session_id for handle in handles}
        others = self._open_all([value for _, values in found[1:] for value in values])
        others = tuple(one for one in others if one.session_id not in counted)
        return Presented(carrier, handles, True, others, True)

    def _open_all(self, values: list[bytes]) -> tuple[Handle, ...]:
        if len(values) == 1:
            handle = self.open(values[0])
            return () if handle is None else (handle,)
        # All of them, however many: whoever plants cookies must not keep a person's own session from being signed out.
        # The head's length bounds the work.
        found: dict[str, Handle] = {}
        for value in values:
            handle = self.open(value)
            if handle is not None:
                found.setdefault(handle.session_id, handle)
        return tuple(found.values())

    def _opened(self, value: bytes) -> Handle | None:
        if not value.isascii() or len(value) > MOST_BYTES:
            return None
        claims = open_hs256(value.decode("ascii"), self._key)
        return None if claims is None else _handle(claims)


def one_of(named: Sequence[tuple[Handle, Session]], idp_id: str) -> Session | None:
    """
    Who asks, of the live sessions that are named: the only one, or, of one browser's several, the only one of an OP.

    Of several browsers' any may have been planted.
    """
    if len(named) == 1:
        return named[0][1]
    if len({session.browser for _, session in named}) != 1:
        return None
    own = [session for _, session in named if session.idp_id == idp_id]
    return own[0] if len(own) == 1 else None


def _cookie_values(name: bytes, cookie: bytes) -> list[bytes]:
    return [value for _, value in family_pairs([cookie], name)]


def _handle(claims: Mapping[str, object]) -> Handle | None:
    audience = claims.get("aud")
    issued = claims.get("iat")
    names = [claims.get(name) for name in ("jti", "sub", "iss", "idp_id")]
    if not isinstance(audience, list) or not all(isinstance(one, str) for one in audience):
        return None
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return None
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) != len(names) or not texts[0]:
        return None
    session_id, user_id, issuer, idp_id = texts
    # Many are kept, and nearly all say the same of these.
    shared = tuple(map(sys.intern, audience))
    return Handle(session_id, user_id, sys.intern(issuer), shared, sys.intern(idp_id), float(issued))


def _parameters(query: bytes) -> list[bytes]:
    found = []
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if unquote_to_bytes(name) == QUERY_PARAMETER:
            found.append(unquote_to_bytes(value))
    return found
