"""
When sessions were last used, from where, and which of them have not been used for too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.sessions.deadlines import Deadlines
from pomerium_tx.sessions.seen_reports import SeenReports
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import SessionsSeen, SessionStore

_NEVER = 1e300
"""
Seconds: nobody is idle for so long, except who has been found idle already.
"""
_SHARE = 0.1
_LEAST = 1.0
"""
The interval of reports is this share of the timeout, and at least so many seconds.
"""


class Activity:
    """
    The use of sessions, and the idle timeout.

    Every process judges for itself, by what it saw and by what the others report. A process that starts counts every
    session that it learns of as used then, since it cannot know better. Nobody is signed out for a clock that is set
    back and forth: last uses do not move backwards.

    A session is idle at the very moment at which it has not been used for the timeout, as long as nobody else has
    reported for two intervals. Otherwise it may have been used elsewhere before that moment, and is idle when whoever
    used it must have said so: an interval later, or when two intervals have passed without a report, if that is
    earlier. Until then it is used like any other. So it is idle nowhere before its time, nor anywhere later by more
    than an interval, if all have the same timeout and the store takes their reports. One who has said nothing for two
    intervals is a gap: a first use elsewhere counts when the store has passed it on.
    """

    def __init__(
        self,
        clock: IReactorTime,
        sessions: Mapping[str, Session],
        report: Callable[[str], object],
        store: SessionStore,
    ) -> None:
        """
        Limit nothing.

        :param sessions: Those that live; read, not changed.
        :param report: Told each session that becomes idle, once.
        :param store: Told what is used here.
        """
        self._seconds = clock.seconds
        self._sessions = sessions
        self._report = report
        self._since = 0.0
        self._seen: dict[str, float] = {}
        # What the log says of the time before this process started, which is not counted.
        self._earlier: dict[str, float] = {}
        self._addresses: dict[str, str] = {}
        # Who is idle stays so, whatever becomes of the timeout or the clock: its last use, as others may ask for it.
        self._idle: dict[str, float] = {}
        self._timeout = _NEVER
        self._interval = 0.0
        self._limited_at = 0.0
        self._quiet_at = 0.0
        self._reports = SeenReports(store, clock, self._addresses)
        self._unsaid = self._reports.unsaid
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
        if self._sessions:
            self._expect_reports(self._interval)

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
        was_limited, self._timeout = self._timeout < _NEVER, timeout
        self.is_limited = timeout < _NEVER or bool(self._idle)
        self._limited_at = now
        self._interval = max(timeout * _SHARE, _LEAST) if timeout < _NEVER else 0.0
        if self._sessions and not was_limited:
            # Nobody has reported anything yet, and everybody will.
            self._unsaid.update((name, seen) for name, seen in self._seen.items() if seen > now - timeout)
            self._expect_reports(self._interval)
        self._reports.every(self._interval or None)
        deadlines = ((self._deadline(name), name) for name in self._sessions if timeout < _NEVER)
        self._queue.replace((deadline, name) for deadline, name in deadlines if deadline is not None)

    def begun(self, session: Session) -> None:
        """
        Enter a session.
        """
        if self._timeout < _NEVER:
            self._queue.add(self._settled(self._counted(session) + self._timeout), session.id)

    def touch(self, session: Session, address: str) -> None:
        """
        Note that a session is being used, unless it is idle.
        """
        # Every request comes here: what `_counted` and `last_address` do is done in place.
        now, name = self._seconds(), session.id
        counted = self._seen.get(name)
        if counted is None:
            counted = max(session.began, self._since)
        if self.is_limited and (moment := counted + self._timeout) <= now and self._settled(moment) <= now:
            return
        if now > counted:
            self._seen[name] = now
            if self.is_limited:
                if not self._unsaid:
                    self._reports.wake()
                self._unsaid[name] = now
        if address and address != self._addresses.get(name, session.address):
            self._addresses[name] = address

    def heard(self, change: SessionsSeen, *, is_news: bool) -> None:
        """
        Take into account what was used elsewhere.

        :param is_news: Whether it is said now, and not read from before this process started.
        """
        if change.registry == self._reports.name:
            return
        now = self._seconds()
        # How long ago something was is said by one clock; when it was would be said by two.
        behind = now - change.at if is_news else 0.0
        for name, at in change.seen.items():
            session = self._sessions.get(name)
            seen = min(at + behind, now)
            if session is None or name in self._idle or seen <= self.last_seen(session):
                continue
            (self._seen if seen > self._counted(session) else self._earlier)[name] = seen
            address = change.addresses.get(name, session.address)
            if address != self.last_address(session):
                self._addresses[name] = address
        if is_news and self._timeout < _NEVER:
            # Who was idle a moment ago is not any less so because more may be reported from now on.
            self._queue.catch_up()
            self._expect_reports(2 * self._interval)

    def is_idle(self, session: Session, now: float) -> bool:
        """
        Whether a session has not been used for too long.
        """
        moment = self._counted(session) + self._timeout
        return moment <= now and self._settled(moment) <= now

    def last_seen(self, session: Session) -> float:
        """
        When a session was last used; when it began, if it was not.
        """
        seen = self._seen.get(session.id)
        if seen is None:
            return self._earlier.get(session.id, session.began)
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
        for memory in (self._seen, self._earlier, self._addresses, self._unsaid):
            memory.pop(session_id, None)
        if self._idle.pop(session_id, None) is not None:
            self.is_limited = self._timeout < _NEVER or bool(self._idle)

    def stop(self) -> None:
        """
        Forget all sessions, but not the timeout.
        """
        self._queue.stop()
        self._reports.stop()
        for memory in (self._seen, self._earlier, self._addresses, self._idle):
            memory.clear()
        self.is_limited = self._timeout < _NEVER

    def _counted(self, session: Session) -> float:
        seen = self._seen.get(session.id)
        return max(session.began, self._since) if seen is None else seen

    def _deadline(self, session_id: str) -> float | None:
        session = self._sessions.get(session_id)
        if session is None or session_id in self._idle:
            return None
        return self._settled(self._counted(session) + self._timeout)

    def _settled(self, moment: float) -> float:
        """
        When it is known what was used until *moment*, wherever it was.
        """
        if moment >= self._quiet_at or moment == -inf:
            return moment
        return min(max(moment, self._limited_at) + self._interval, self._quiet_at)

    def _expect_reports(self, seconds: float) -> None:
        self._quiet_at = max(self._quiet_at, self._seconds() + seconds)

    def _reached(self, session_id: str) -> None:
        self._idle[session_id] = self.last_seen(self._sessions[session_id])
        self._seen[session_id] = -inf
        self._report(session_id)
