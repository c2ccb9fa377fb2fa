"""
Who is signed in at the second relying party, and who was.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

BACK, FRONT, HERE = "back channel", "front channel", "here"
_MOST = 1000


@dataclass(slots=True, kw_only=True)
class OtherSession:
    """
    Somebody at this application, or who was here.
    """

    name: str
    sub: str
    sid: str | None
    id_token: str | None = field(repr=False)
    ended_at: float | None = None
    ended_by: list[str] = field(default_factory=list)
    """
    `BACK`, `FRONT`, `HERE`: everything that has said so, the first first.
    """


class OtherSessions:
    """
    The latest thousand sessions, by what the browser's cookie holds.

    One that has ended is kept, so that the page can say how.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._sessions: dict[str, OtherSession] = {}

    def begin(self, session: OtherSession, *, instead_of: str | None) -> str:
        """
        *session* is known by the handle returned, and the one that the browser had before by none.
        """
        self._sessions.pop(instead_of or "", None)
        handle = secrets.token_urlsafe(32)
        self._sessions[handle] = session
        while len(self._sessions) > _MOST:
            del self._sessions[next(iter(self._sessions))]
        return handle

    def find(self, handle: str | None) -> OtherSession | None:
        """
        The session of that *handle*, ended or not.
        """
        return self._sessions.get(handle or "")

    def end(self, session: OtherSession, by: str) -> None:
        """
        *session* is over, and *by* is one of those who said so.
        """
        if by not in session.ended_by:
            session.ended_by.append(by)
        if session.ended_at is None:
            session.ended_at, session.id_token = self._clock.seconds(), None

    def end_named(self, *, sid: str | None, sub: str | None, by: str) -> None:
        """
        The sessions of the OP's session *sid*, or without it all those of *sub*, are over.
        """
        for session in self._sessions.values():
            if (sid is not None or sub is not None) and sid in (None, session.sid) and sub in (None, session.sub):
                self.end(session, by)


def state_of(session: OtherSession | None) -> str:
    """
    What a page about *session* says, in a word: as long as that is the same, so is the page.
    """
    if session is None:
        return "nobody"
    return f"out: {', '.join(session.ended_by)}" if session.ended_by else "in"
