"""
Bearer tokens on routes that take them (RFC 6750): what a request presents besides session handles.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.sessions.handle import Carrier, Handle, Presented, handle_of_authorization
from pomerium_tx.sessions.session import Session

_BEARER: Final = b"bearer"


class Standing(Enum):
    """
    What is known of a token that has no session.
    """

    UNKNOWN = "unknown"
    """
    Nothing: the request has to wait until more is.
    """
    REFUSED = "refused"
    OVER = "over"
    """
    It had one, which has ended.
    """


class TokenUnknown(Exception):
    """
    Whether a token may be believed cannot be known just now; later it may.
    """


Settle = Callable[[str, str], Coroutine[Deferred[Any], Any, None]]
"""
From the address and the name of the user agent: waits until more is known of a token, or raises `TokenUnknown`.
"""


class RouteBearer(Protocol):
    """
    What a route takes bearer tokens for.
    """

    @property
    def refuses_cookie(self) -> bool:
        """
        Whether nobody may present a token together with a browser's session.
        """

    def digest(self, token: bytes) -> str:
        """
        What a token is known by.
        """

    def find(self, digest: str) -> Session | Standing:
        """
        The session of a token that counts on this route, or why there is none.
        """

    def settle(self, token: bytes, digest: str) -> Settle:
        """
        What makes more known of a token.
        """


class Credential:
    """
    The token that requests with the same fields present, and how it was read the last time: nothing of the session
    itself, which may end before the fields are forgotten.
    """

    __slots__ = ("digest", "last", "token")

    def __init__(self, token: bytes, digest: str) -> None:
        self.token = token
        self.digest = digest
        self.last: Any = None


class SeveralCredentials(Exception):
    """
    A request presents a token and something else in ``Authorization``: nobody can know which was meant.
    """


def credential_of(head: RequestHead, bearer: RouteBearer) -> Credential | None:
    """
    The token that a request presents, if it presents one that is not a session handle of ours.

    :raises SeveralCredentials: If it presents more.
    """
    known: Credential | bool | None = head.derived.get(bearer, False)
    if known is False:
        token = bearer_token(head.get_all(b"authorization"))
        known = head.derived[bearer] = None if token is None else Credential(token, bearer.digest(token))
    assert not isinstance(known, bool)
    return known


def bearer_token(authorization: Iterable[bytes]) -> bytes | None:
    """
    The bearer token in the values of ``Authorization`` that is no session handle of ours.

    :raises SeveralCredentials: If there is anything besides.
    """
    values = list(authorization)
    tokens = [
        value.strip(b" \t").replace(b"\t", b" ").partition(b" ")[2].strip(b" ")
        for value in values
        if handle_of_authorization(value) is None and _scheme(value) == _BEARER
    ]
    if tokens and len(values) > 1:
        raise SeveralCredentials
    return tokens[0] if tokens else None


def handle_of(session: Session) -> Handle:
    """
    What a token's session is referred to by within one request.
    """
    return Handle(session.id, session.user_id, "", (), session.idp_id, session.began)


def presented_with(session: Session, presented: Presented) -> Presented:
    """
    What a request presents whose token has a session.
    """
    return Presented(Carrier.HEADER, (handle_of(session),), True, (*presented.handles, *presented.others), True)


TOKEN_ONLY: Final = Presented(Carrier.HEADER, (), True, (), True)
"""
What a request presents whose token has none.
"""


def _scheme(value: bytes) -> bytes:
    return value.strip(b" \t").replace(b"\t", b" ").partition(b" ")[0].lower()
