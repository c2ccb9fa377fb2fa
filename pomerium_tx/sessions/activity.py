"""
When sessions were last used, from where, and which of them have not been used for too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.sessions.deadlines import Deadlines
from pomerium_tx.sessions.session import Session

_NEVER = 1e300
"""
Seconds: nobody is idle for so long, except who has been found idle already.
"""


class Activity:
    """
    The use of sessions in this process, and the idle timeout.

    All of it is local, and gone with the process. Nobody is signed out for that: a session counts as used when this
    process learns of it. Nor is anybody for a clock that is set back and forth: last uses do not move backwards.
    """

    def __init__(self, clock: IReactorTime, sessions: Mapping[str, Session], report: Callable[[str], object]) -> None:
        """
        Limit nothing.

        :param sessions: Those that live; read, not changed.
        :param report: Told each session that becomes idle, once.
        """
        self._seconds = clock.seconds
        self._sessions = sessions
        self._report = report
        self._since = 0.0
        self._seen: dict[str, float] = {}
        self._addresses: dict[str, str] = {}
        # Who is idle stays so, whatever becomes of the timeout or the clock: its last use, as others may ask for it.
        self._idle: dict[str, float] = {}
        self._timeout = _NEVER
        self.is_limited = False
        """
        Whether `is_idle` need be asked.
        """
        self._queue = Deadlines(clock, self._deadline, self._reached, is_lazy=True)

    def joined(self) -> None:
        """
        Whatever was used elsewhere or earlier counts as used now.
        """
        self._since = self._seconds()

    def limit(self, seconds: float | None) -> None:
        """
        Let sessions be idle for so long; None or 0 is for ever.
        """
        timeout = seconds or _NEVER
        if timeout == self._timeout:
            return
        now = self._seconds()
        # Who was idle a moment ago is not any less so by the new timeout, although it has not been noticed yet.
        for session in list(self._sessions.values()) if self._timeout < _NEVER else ():
            deadline = self._deadline(session.id)
            if deadline is not None and deadline <= now:
                self._reached(session.id)
        self._timeout = timeout
        self.is_limited = timeout < _NEVER or bool(self._idle)
        deadlines = ((self._deadline(name), name) for name in self._sessions if timeout < _NEVER)
        self._queue.replace((deadline, name) for deadline, name in deadlines if deadline is not None)

    def begun(self, session: Session) -> None:
        """
        Enter a session.
        """
        if self._timeout < _NEVER:
            self._queue.add(self._counted(session) + self._timeout, session.id)

    def touch(self, session: Session, address: str) -> None:
        """
        Note that a session is being used, unless it is idle.
        """
        now = self._seconds()
        if self.is_limited and self.is_idle(session, now):
            return
        if now > self._counted(session):
            self._seen[session.id] = now
        if address and address != self.last_address(session):
            self._addresses[session.id] = address

    def is_idle(self, session: Session, now: float) -> bool:
        """
        Whether a session has not been used for too long.
        """
        return self._counted(session) + self._timeout <= now

    def last_seen(self, session: Session) -> float:
        """
        When a session was last used; when it began, if it was not.
        """
        seen = self._seen.get(session.id, session.began)
        return self._idle[session.id] if seen == -inf else seen

    def last_address(self, session: Session) -> str:
        """
        From where a session was last used, or else begun.
        """
        return self._addresses.get(session.id, session.address)

    def ended(self, session_id: str) -> None:
        """
        Forget a session.
        """
        self._seen.pop(session_id, None)
        self._addresses.pop(session_id, None)
        if self._idle.pop(session_id, None) is not None:
            self.is_limited = self._timeout < _NEVER or bool(self._idle)

    def stop(self) -> None:
        """
        Forget all sessions, but not the timeout.
        """
        self._queue.stop()
        for memory in (self._seen, self._addresses, self._idle):
            memory.clear()
        self.is_limited = self._timeout < _NEVER

    def _counted(self, session: Session) -> float:
        seen = self._seen.get(session.id)
        return max(session.began, self._since) if seen is None else seen

    def _deadline(self, session_id: str) -> float | None:
        session = self._sessions.get(session_id)
        return None if session is None or session_id in self._idle else self._counted(session) + self._timeout

    def _reached(self, session_id: str) -> None:
        self._idle[session_id] = self.last_seen(self._sessions[session_id])
        self._seen[session_id] = -inf
        self._report(session_id)
