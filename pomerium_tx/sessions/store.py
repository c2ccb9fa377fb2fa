"""
What happens to sessions, as an ordered log of changes, and the contract of whatever keeps that log.

A change says what was asked and when; whether it took effect is decided by everybody who reads the log, from the log
alone (`pomerium_tx.sessions.ledger`), so that all of them decide alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Protocol

from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.session import LeftSession, Session, Tokens
from pomerium_tx.sessions.tombstone import Tombstone


class StoreUnavailable(Exception):
    """
    Whether the change was kept is not known, or it was not: nothing may be said to have happened.
    """


class Conflict(Exception):
    """
    The log had moved on from the version that the writer expected; nothing was written.
    """


class Cause(Enum):
    """
    Why a session ended.
    """

    USER_ROUTE = "user_route"
    USER_AUTHENTICATE = "user_authenticate"
    USER_EVERYWHERE = "user_everywhere"
    FRONT_CHANNEL = "front_channel"
    BACK_CHANNEL = "back_channel"
    ADMINISTRATOR = "administrator"
    EXPIRED = "expired"
    IDLE = "idle"
    TOKENS_EXPIRED = "tokens_expired"
    REFRESH_REFUSED = "refresh_refused"
    PROVIDER_REMOVED = "provider_removed"
    REPLACED = "replaced"

    @property
    def is_final(self) -> bool:
        """
        Whether somebody has ended the session, so that what it began with may begin none any more; not its time, nor
        its provider's removal from the configuration.
        """
        return self not in (Cause.EXPIRED, Cause.IDLE, Cause.TOKENS_EXPIRED, Cause.PROVIDER_REMOVED)


class OpLogout(Enum):
    """
    What is known about the sign-out at the OP.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    RETURNED = "returned"
    UNCONFIRMED = "unconfirmed"
    UNREACHABLE = "unreachable"
    NOT_SUPPORTED = "not_supported"
    NOT_NEEDED = "not_needed"

    @property
    def releases_hold(self) -> bool:
        """
        Whether the person is known to be signed out at the OP, so that signing in asks them again.
        """
        return self in (OpLogout.CONFIRMED, OpLogout.RETURNED)


AtProvider = tuple[str, str]
"""
An end, by its receipt, as far as it concerns one OP, by its issuer.
"""
UNTIL_PROVEN = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedRevocation:
    """
    Tokens that the OP has yet to be told to forget.
    """

    id: str
    receipt_id: str | None
    idp_id: str
    tokens: tuple[tuple[str, str], ...] = field(repr=False)
    """
    Pairs of hint and token, in the order of revocation.
    """
    not_before: float
    """
    `UNTIL_PROVEN` for what a word that anybody can have said brings: it waits for the OP's own, as long as the receipt.
    """
    attempts: int = 0
    iss: str = ""
    sub: str = field(repr=False, default="")
    """
    Whose they are; empty if that was never known for sure.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedNotice:
    """
    An application that has yet to be told that a session which was used on its route has ended.
    """

    id: str
    """
    The same in every process; says nothing about the session, and becomes the ``jti`` of the notice.
    """
    receipt_id: str
    session_id: str = field(repr=False)
    route_id: str
    origin: str
    user_id: str
    since: float
    """
    When the session ended.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJti:
    """
    That a Logout Token was acted on.
    """

    iss: str
    jti: str
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBegun:
    """
    A sign-in has come to its end.
    """

    session: Session
    state_issued: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefreshed:
    """
    The OP has renewed a session.
    """

    session_id: str
    tokens: Tokens = field(repr=False)
    claims: Mapping[str, tuple[object, ...]] = field(repr=False)
    email: str
    name: str
    sid: str | None
    requested: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteUsed:
    """
    A session was used on a route for the first time.
    """

    session_id: str
    route_id: str
    origin: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsEnded:
    """
    One sign-out: sessions, and all that follows from their end, in one durable step.

    Of several that name the same session, the first in the log ends it.
    """

    receipt_id: str
    at: float
    cause: Cause
    session_ids: tuple[str, ...] = field(repr=False)
    known: int
    """
    The position of the last change that whoever asked for the end knew of.
    """
    remember_until: float
    """
    How long the ended ids and the receipt are remembered.
    """
    tombstones: tuple[Tombstone, ...] = ()
    departure: Departure | None = None
    owed: tuple[OwedRevocation, ...] = ()
    routes: tuple[str, ...] = ()
    op_logout: OpLogout = OpLogout.NOT_NEEDED
    op_logouts: tuple[tuple[str, OpLogout], ...] = ()
    """
    By issuer, for each leg of *departure*.
    """
    jti: SeenJti | None = None
    left: tuple[LeftSession, ...] = ()
    """
    Those of the sessions that belong to the OPs which *departure* leads to.
    """
    confirms: tuple[AtProvider, ...] = ()
    """
    Earlier ends that the OP has confirmed by asking for this one: what they owe at it need not wait.
    """
    notify: tuple[str, ...] = ()
    """
    The routes whose applications are told of the end.
    """
    notices: tuple[OwedNotice, ...] = ()
    """
    What they are to be told of *session_ids*, as far as whoever asked for the end knew.
    """
    replicas: int = 1
    """
    In how many processes that serve people it is applied before it is acknowledged: in all there are, as the store says
    that knows them.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CutReported:
    """
    One registry has cut the exchanges it had of the sessions of one end.
    """

    receipt_id: str
    registry: str
    exchanges_cut: Mapping[str, int]
    in_doubt: Mapping[str, int]
    """
    By method and route id, separated by a space.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OpLogoutChanged:
    """
    Something more is known about the sign-out at an OP.
    """

    receipt_id: str
    op_logout: OpLogout
    iss: str = ""
    """
    Empty: at each of them.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationsReleased:
    """
    The tokens of one end need not wait any longer.
    """

    receipt_id: str
    iss: str = ""
    """
    Those of one OP; empty: all.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationOwed:
    """
    Tokens came that belong to no session.
    """

    owed: OwedRevocation


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationDone:
    """
    Nothing more is to be done about some owed tokens.
    """

    id: str
    receipt_id: str | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDone:
    """
    Nothing more is to be done about one notice.
    """

    id: str
    receipt_id: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedOnce:
    """
    Somebody used a value that may be used once; the first in the log did.
    """

    key: str = field(repr=False)
    at: float
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSeen:
    """
    One registry says which sessions were used there since it last said so.

    Nothing is decided by it: whether a session is idle is for each registry to judge, and the end that follows is a
    change of its own.
    """

    registry: str
    at: float
    seen: Mapping[str, float] = field(repr=False)
    """
    The last use of each session, by the clock that says *at*.
    """
    addresses: Mapping[str, str] = field(repr=False)
    """
    From where, if not from where the session began.
    """


Change = (
    SessionBegun
    | SessionRefreshed
    | RouteUsed
    | SessionsEnded
    | CutReported
    | OpLogoutChanged
    | RevocationsReleased
    | RevocationOwed
    | RevocationDone
    | NoticeDone
    | UsedOnce
    | SessionsSeen
)


def time_of(change: Change) -> float:
    """
    When a change was written, by its writer's clock; 0 where it does not say.
    """
    if isinstance(change, SessionBegun):
        return change.session.began
    if isinstance(change, SessionRefreshed):
        return change.requested
    if isinstance(change, RouteUsed | SessionsEnded | UsedOnce | SessionsSeen):
        return change.at
    return 0.0


class SessionStore(Protocol):
    """
    An ordered, durable log.
    """

    async def append(self, change: Change, expected_version: int | None = None) -> int:
        """
        The change's position, once it is durable and every live follower has applied it.

        :param expected_version: The position of the last change the writer knows of, if its change depends on that.
        :raises StoreUnavailable: If that cannot be said.
        :raises Conflict: If the log has moved on from *expected_version*.
        """

    async def follow(self, from_position: int, apply: Callable[[int, Change], None]) -> Callable[[], None]:
        """
        Deliver every change after *from_position* once, in order, our own included, until the answer is called.

        Returns when all that was durable at the time of the call has been applied.
        """
