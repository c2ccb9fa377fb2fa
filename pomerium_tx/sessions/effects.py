"""
What a change in the log comes to, for those who keep things beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """
    A session can be found now.
    """

    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """
    A session has new tokens.
    """

    session: Session
    requested: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    Sessions cannot be found any more.
    """

    receipt: Receipt
    sessions: tuple[Session, ...] = field(repr=False)
    owes: bool = False
    """
    Whether more is to be revoked, or may be earlier.
    """
    notifies: bool = False
    """
    Whether more applications are to be told.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreOwed:
    """
    More is to be revoked, or may be earlier, and nothing else has happened.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOutAtProvider:
    """
    A session was to become part of an OP's session that had been signed out meanwhile: it has to end.
    """

    session_id: str


Effect = Begun | Refreshed | Ended | MoreOwed | SignedOutAtProvider | None
