"""
To which OPs a person is led who has signed out, and in which order.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

from pomerium_tx.sessions.departure import Leg
from pomerium_tx.sessions.session import Session


def legs_of(
    shown: Sequence[Session], ended: Iterable[Session], brings_state_back: Callable[[str], bool]
) -> tuple[Leg, ...]:
    """
    The way of one browser: first to the OP of the session that it has shown, then to the others.

    :param shown: Sessions of that browser, at least one; the first one is where it begins.
    :param ended: All that have ended, in that browser and in others.
    :param brings_state_back: Whether who goes to an OP, by its id, may be expected back.
    """
    first = shown[0]
    own = [session for session in ended if session.browser == first.browser]
    names = {session.id for session in shown}
    at: dict[str, Session] = {}
    # Of several clients of one OP, the last to sign somebody in is the one whose hint is about who is there now.
    for session in (first, *sorted(own, key=lambda one: (-one.began, one.id))):
        at.setdefault(session.iss, session)
    legs = [
        Leg(
            iss=session.iss,
            idp_id=session.idp_id,
            id_token=session.tokens.id_token or None,
            state=secrets.token_urlsafe(32),
            unshown="" if session.id in names else session.id,
        )
        for session in at.values()
    ]
    # Nobody who is not sent back gets to the next one.
    return tuple(sorted(legs, key=lambda leg: not brings_state_back(leg.idp_id)))
