"""
Which tokens are to be revoked after an end, and when.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping

from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause, OwedRevocation

REVOKED_AT: Mapping[Cause, float] = {
    Cause.ADMINISTRATOR: 0.0,
    Cause.EXPIRED: 0.0,
    Cause.IDLE: 0.0,
    Cause.TOKENS_EXPIRED: 0.0,
    Cause.REFRESH_REFUSED: 0.0,
    Cause.PROVIDER_REMOVED: 0.0,
    Cause.BACK_CHANNEL: 0.0,
    Cause.FRONT_CHANNEL: UNTIL_PROVEN,
}
"""
The other ends after which tokens are revoked, and when: at once, or, since in the front channel anybody can speak, when
the OP has confirmed it. Not those of a replaced session: some OPs take all tokens of one person and client back
together, those of the new session too.
"""


def owed_for(sessions: Iterable[Session], not_before: Callable[[Session], float]) -> tuple[OwedRevocation, ...]:
    """
    What one end owes for sessions that it ends; the registry knows by which receipt.
    """
    return tuple(
        OwedRevocation(
            id=secrets.token_hex(16),
            receipt_id=None,
            idp_id=session.idp_id,
            iss=session.iss,
            sub=session.sub,
            tokens=session.tokens.revocable(),
            not_before=not_before(session),
        )
        for session in sessions
        if session.tokens.revocable()
    )
