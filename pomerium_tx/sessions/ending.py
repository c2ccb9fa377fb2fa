"""
What is asked of the registry when sessions are to end.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from pomerium_tx.sessions.bearers import remembered_until
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.notices import notices_of
from pomerium_tx.sessions.receipt import NOT_LEAVING, Receipt, least
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import AtProvider, Cause, OpLogout, OwedRevocation, SeenJti, SessionsEnded
from pomerium_tx.sessions.tombstone import Tombstone

REMEMBER_ENDED = 24 * 3600.0
"""
How long an ended session is remembered, even if it would have expired earlier.
"""


class SignedOutMeanwhile(Exception):
    """
    The person was signed out while they signed in: there is no session.
    """


def new_receipt_id() -> str:
    """
    A fresh name for an end.
    """
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """
    The sessions, and what their end brings with it; all of it is recorded in one step, or nothing is.
    """

    session_ids: tuple[str, ...] = field(repr=False)
    cause: Cause
    at: float
    receipt_id: str = field(default_factory=new_receipt_id)
    """
    Also becomes that of *departure* and *owed*.
    """
    tombstones: tuple[Tombstone, ...] = ()
    departure: Departure | None = None
    owed: tuple[OwedRevocation, ...] = ()
    op_logout: OpLogout = OpLogout.NOT_NEEDED
    op_logouts: Mapping[str, OpLogout] = field(default_factory=lambda: NOT_LEAVING)
    """
    By issuer, for each leg of *departure*; with any, *op_logout* is the least of them.
    """
    jti: SeenJti | None = None
    confirms: tuple[AtProvider, ...] = ()
    """
    The earlier ends that the OP confirms by asking for this one.
    """
    notify: tuple[str, ...] = ()
    """
    The routes whose applications want to be told of the end of the sessions that were used on them.
    """

    @property
    def says_more(self) -> bool:
        """
        Whether there is something to record although no session ends.
        """
        return bool(self.tombstones or self.departure or self.owed or self.jti or self.confirms)

    @property
    def receipt_of_nothing(self) -> Receipt:
        """
        The receipt, if no session was left to end.
        """
        return Receipt(id=self.receipt_id, time=self.at, cause=self.cause, op_logout=self.op_logout)

    def change(self, live: Sequence[Session], known: int) -> SessionsEnded:
        """
        What is to be recorded.

        :param live: Those of the sessions that have not ended yet.
        :param known: The position of the last change that has been taken into account.
        """
        departure = self.departure
        remembered = [self.at + REMEMBER_ENDED]
        remembered += [remembered_until(session) for session in live]
        if departure is not None:
            departure = replace(departure, receipt_id=self.receipt_id)
            remembered.append(departure.expires)
        left = live if self.cause is Cause.FRONT_CHANNEL else []
        if departure is not None:
            left = [session for session in live if session.iss in departure.issuers]
        notices = [notices_of(session, self.receipt_id, self.at, self.notify) for session in live]
        origins = frozenset[str]().union(*(session.origins for session in live))
        return SessionsEnded(
            receipt_id=self.receipt_id,
            at=self.at,
            cause=self.cause,
            session_ids=tuple(session.id for session in live),
            known=known,
            remember_until=max(remembered),
            tombstones=self.tombstones,
            departure=departure,
            owed=tuple(replace(one, receipt_id=self.receipt_id) for one in self.owed),
            routes=tuple(sorted(origins)),
            op_logout=least(self.op_logouts.values()) if self.op_logouts else self.op_logout,
            op_logouts=tuple(self.op_logouts.items()),
            jti=self.jti,
            left=tuple(session.left(self.receipt_id) for session in left),
            confirms=self.confirms,
            notify=self.notify,
            notices=tuple(chain.from_iterable(notices)),
        )
