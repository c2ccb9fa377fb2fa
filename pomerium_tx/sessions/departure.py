"""
The way of an ended session's browser to its OPs and back: OpenID Connect RP-Initiated Logout 1.0.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

DEPARTURE_LIFETIME = 600.0
"""
Seconds for which the way to the OP and back stays open.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """
    The way to one OP and back: one for all clients that a browser had sessions of there, since the OP has one session.
    """

    iss: str
    idp_id: str
    """
    Of the client in whose name the OP is asked.
    """
    id_token: str | None = field(repr=False)
    state: str = field(repr=False)
    unshown: str = field(repr=False, default="")
    """
    The session that the hint is of, if whoever asked for the end has not shown it: what a browser is called can have
    been planted, and then it is another person's.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """
    What the authenticate host needs in order to send an ended session's browser to its OPs, one after the other.
    """

    reference: str = field(repr=False)
    receipt_id: str
    legs: tuple[Leg, ...] = ()
    """
    In their order; none where it leads to no OP.
    """
    target: str | None
    expires: float
    browsers: tuple[str, ...] = field(repr=False, default=())
    """
    The ``browser`` of each session that ended. Whoever only has the reference is sent nowhere.
    """
    from_elsewhere: bool = False
    """
    Whether the person has ended it from another browser, which stays signed in.
    """

    @property
    def issuers(self) -> frozenset[str]:
        """
        The OPs it leads to.
        """
        return frozenset(leg.iss for leg in self.legs)

    def shown(self, session_ids: Collection[str]) -> tuple[int, ...]:
        """
        The places of the legs whose sessions have been shown, by a user agent that shows these.
        """
        return tuple(place for place, leg in enumerate(self.legs) if not leg.unshown or leg.unshown in session_ids)

    def leg_of(self, state: str) -> Leg | None:
        """
        The leg that was begun with a ``state``.
        """
        return next((leg for leg in self.legs if leg.state == state), None)

    def without_hints(self) -> Departure:
        """
        The same, with nothing left that says who it was.
        """
        return replace(self, legs=tuple(replace(leg, id_token=None) for leg in self.legs))
