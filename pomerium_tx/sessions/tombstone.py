"""
The mark that an end leaves for sign-ins that are under way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

TombstoneKind = Literal["browser", "sid", "sub", "sidless", "token"]
"""
What a tombstone's value is; ``sidless`` is a ``sub``, of whose sign-ins only those lose whose ID Token has no ``sid``,
and ``token`` what a token is known by (`pomerium_tx.sessions.bearers`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """
    That whoever it names was signed out at a time: a sign-in that was under way then produces no session.
    """

    kind: TombstoneKind
    value: str = field(repr=False)
    at: float
    """
    By our clock. A sign-in that began later is not meant.
    """
    signed_in_until: float = inf
    """
    By the OP's clock, which may be another: whose ID Token was issued later is not meant either.
    """
    expires: float
    iss: str = ""
    """
    Empty for a browser or a token, which no OP need tell apart from those of others.
    """

    @property
    def key(self) -> tuple[str, str, str]:
        """
        Whom it names.
        """
        return self.kind, "" if self.kind in ("browser", "token") else self.iss, self.value
