"""
Applications that are to be told of the end of a session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import OwedNotice, SessionsEnded

NOTICE_LIFETIME = 24 * 3600.0
"""
Seconds for which an application is worth telling; no longer than ends are remembered.
"""


def notices_of(session: Session, receipt_id: str, at: float, notify: Collection[str]) -> list[OwedNotice]:
    """
    What is to be told of one session's end, to whoever wants to know.

    :param notify: The routes whose applications do.
    """
    return [
        OwedNotice(
            id=_notice_id(receipt_id, session.id, route_id),
            receipt_id=receipt_id,
            session_id=session.id,
            route_id=route_id,
            origin=use.origin,
            user_id=session.user_id,
            since=at,
        )
        for route_id, use in session.uses.items()
        if route_id in notify
    ]


class Notices:
    """
    The notices that are owed.
    """

    def __init__(self, limit: int) -> None:
        """
        Owe none.

        :param limit: How many may be owed; the oldest are given up for more.
        """
        self.book = Book[str, OwedNotice](limit)

    def __len__(self) -> int:
        return len(self.book)

    def settle(self, change: SessionsEnded, ids: Collection[str], sessions: Iterable[Session]) -> bool:
        """
        Owe what an end brings, now that it is known which sessions it ended; whether it brings anything.

        :param ids: Those sessions.
        :param sessions: Those of them about which the log still says everything. Of the others it says enough in the
            end itself.
        """
        # Of one session both say the same, by the same names, but for uses that whoever asked for its end did not know.
        notices = [one for one in change.notices if one.session_id in ids]
        for session in sessions:
            notices += notices_of(session, change.receipt_id, change.at, change.notify)
        for notice in notices:
            self.book.put(notice.id, notice, change.at + NOTICE_LIFETIME)
        return bool(notices)

    def owed(self) -> list[OwedNotice]:
        """
        All of them.
        """
        return [notice for _, notice in self.book]

    def get(self, id: str) -> OwedNotice | None:
        """
        The notice of that id, if it is still owed.
        """
        return self.book.get(id)

    def done(self, id: str) -> None:
        """
        Owe it no longer.
        """
        self.book.discard(id)


def _notice_id(receipt_id: str, session_id: str, route_id: str) -> str:
    # A session's id cannot be guessed: whoever reads this learns nothing from it.
    return hashlib.sha256(f"{receipt_id}|{session_id}|{route_id}".encode()).hexdigest()[:32]
