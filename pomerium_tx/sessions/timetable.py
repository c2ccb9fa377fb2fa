"""
Which sessions' time has come, to end or to be refreshed.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.sessions.deadlines import Deadlines
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from pomerium_tx.sessions.subscribers import Subscribers

REFRESH_MARGIN = 60.0
"""
How long before the access token expires it is renewed.
"""
REFRESH_INTERVAL = 10.0
"""
How soon after the last one a refresh may come.
"""


class Timetable:
    """
    Reports, and does nothing about it: ending is for whoever listens.
    """

    def __init__(self, clock: IReactorTime, sessions: Mapping[str, Session]) -> None:
        """
        Begin with nothing due.

        :param sessions: Those that live; read, not changed.
        """
        self._clock = clock
        self._sessions = sessions
        self._due: dict[str, Cause] = {}
        # Only of those sessions whose time is another than the rule says.
        self._refresh_at: dict[str, float] = {}
        self._refresh_due: dict[str, None] = {}
        self._absolute = Deadlines(clock, self._expires, lambda name: self.report(name, Cause.EXPIRED))
        self._tokens = Deadlines(clock, self._tokens_expire, lambda name: self.report(name, Cause.TOKENS_EXPIRED))
        self._refreshes = Deadlines(clock, self._refresh_time, self._refresh_reached)
        self.on_due: Subscribers[str, Cause] = Subscribers()
        self.on_refresh_due: Subscribers[str] = Subscribers()

    def begun(self, session: Session) -> None:
        """
        Enter a session.
        """
        self._absolute.add(session.expires, session.id)
        self._enter_tokens(session, session.began)

    def refreshed(self, session: Session, requested: float) -> None:
        """
        Enter a session's new tokens.
        """
        if self._due.get(session.id) is Cause.TOKENS_EXPIRED:
            del self._due[session.id]
        self._refresh_due.pop(session.id, None)
        self._refresh_at.pop(session.id, None)
        self._enter_tokens(session, requested)

    def ended(self, session_id: str) -> None:
        """
        Forget a session.
        """
        self._due.pop(session_id, None)
        self._refresh_due.pop(session_id, None)
        self._refresh_at.pop(session_id, None)

    def report(self, session_id: str, cause: Cause) -> None:
        """
        Say that a session should end; the first cause stands.
        """
        if session_id not in self._due:
            self._due[session_id] = cause
            self.on_due.tell(session_id, cause)

    def put_off(self, session_id: str, until: float) -> None:
        """
        Report a session's refresh again when *until* comes, and not before.
        """
        if session_id in self._sessions:
            self._refresh_due.pop(session_id, None)
            self._refresh_at[session_id] = until
            self._refreshes.add(until, session_id)

    def due(self) -> list[tuple[str, Cause]]:
        """
        The sessions that should end, and why.
        """
        return list(self._due.items())

    def refresh_due(self) -> list[str]:
        """
        The sessions that should be refreshed.
        """
        return list(self._refresh_due)

    def stop(self) -> None:
        """
        Report nothing more.
        """
        for queue in (self._absolute, self._tokens, self._refreshes):
            queue.stop()
        self._due.clear()
        self._refresh_due.clear()
        self._refresh_at.clear()

    def _enter_tokens(self, session: Session, since: float) -> None:
        if session.tokens_expire < inf:
            self._tokens.add(session.tokens_expire, session.id)
        by_rule = _refresh_by_rule(session)
        if by_rule is not None:
            refresh_at = max(by_rule, since + REFRESH_INTERVAL)
            if refresh_at < session.expires:
                if refresh_at > by_rule:
                    self._refresh_at[session.id] = refresh_at
                self._refreshes.add(refresh_at, session.id)

    def _expires(self, session_id: str) -> float | None:
        session = self._sessions.get(session_id)
        return None if session is None else session.expires

    def _tokens_expire(self, session_id: str) -> float | None:
        session = self._sessions.get(session_id)
        return None if session is None else session.tokens_expire

    def _refresh_time(self, session_id: str) -> float | None:
        refresh_at = self._refresh_at.get(session_id)
        if refresh_at is None:
            session = self._sessions.get(session_id)
            return None if session is None else _refresh_by_rule(session)
        return refresh_at

    def _refresh_reached(self, session_id: str) -> None:
        self._refresh_due[session_id] = None
        self.on_refresh_due.tell(session_id)


def _refresh_by_rule(session: Session) -> float | None:
    return None if session.renewable_until is None else session.renewable_until - REFRESH_MARGIN
