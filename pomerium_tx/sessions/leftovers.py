"""
What is remembered of sessions that have ended, so that their next requests would be quicker.

It is let go of within a second, of many at a time, since to look for it takes as long as an end itself. What could let
anybody in, or would be told to an application, is not of this kind: it goes with the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from pomerium_tx.sessions.session import Session


class Leftovers:
    """
    The sessions that ended a moment ago.

    :param forget_requests: Forgets what requests of the sessions with these ids presented.
    """

    def __init__(self, forget_requests: Callable[[Set[str]], None]) -> None:
        self._forget_requests = forget_requests
        self._ended: dict[str, Session] = {}

    def add(self, sessions: Iterable[Session]) -> None:
        """
        These have ended.
        """
        self._ended |= {session.id: session for session in sessions}

    def check_deadlines(self, now: float) -> None:
        """
        Let go of all.
        """
        ended, self._ended = self._ended, {}
        for session in ended.values():
            session.close()
        if ended:
            self._forget_requests(ended.keys())
