"""
What a change in the log makes of a session.

The store folds some changes into the beginning of their session, and the ledger folds them all: in one process both
come to the very same object, so that what the log keeps of a session costs nothing besides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import RouteUsed, SessionRefreshed


class _Latest:
    """
    The last answer, for whoever asks the same next.
    """

    def __init__(self) -> None:
        self._asked: tuple[object, object] = (None, None)
        self._answer: Session | None = None

    def get(self, session: Session, change: object, make: Callable[[], Session]) -> Session:
        if self._answer is None or self._asked[0] is not session or self._asked[1] is not change:
            self._asked, self._answer = (session, change), make()
        return self._answer

    def forget(self, session_ids: Collection[str]) -> None:
        if self._answer is not None and self._answer.id in session_ids:
            self._asked, self._answer = (None, None), None


_latest = _Latest()


def used(session: Session, change: RouteUsed) -> Session:
    """
    The session, used on one more route.
    """
    if session.has_used(change.route_id):
        return session
    return _latest.get(session, change, lambda: session.used(change.route_id, change.origin, change.at))


def refreshed(session: Session, change: SessionRefreshed) -> Session:
    """
    The session, renewed by its OP.
    """
    sids = session.sids
    if change.sid is not None and change.sid not in sids:
        sids = (*sids, change.sid)

    def make() -> Session:
        return session.refreshed(
            tokens=change.tokens, claims=change.claims, email=change.email, name=change.name, sids=sids
        )

    return _latest.get(session, change, make)


def ended(session_ids: Collection[str]) -> None:
    """
    Keep nothing of these sessions: they have ended, and nobody asks any more.
    """
    _latest.forget(session_ids)
