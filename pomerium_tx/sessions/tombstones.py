"""
Who was signed out lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, SessionsEnded, Tombstone

Name = tuple[str, str, str]


class Tombstones:
    """
    The tombstones in force.

    Those that anybody can have set have a place of their own: however many come, the others stay.
    """

    def __init__(self, limits: Limits) -> None:
        """
        Begin with none.
        """
        self._proven = Book[Name, Tombstone](limits.tombstones)
        self._from_outside = Book[Name, Tombstone](limits.outside_tombstones)

    def __len__(self) -> int:
        return len(self._proven) + len(self._from_outside)

    def forget(self, time: float) -> None:
        """
        Drop those whose time was over at *time*.
        """
        self._proven.forget(time)
        self._from_outside.forget(time)

    def set(self, change: SessionsEnded) -> None:
        """
        Put up the tombstones of an end.
        """
        book = self._from_outside if is_from_outside(change) else self._proven
        for tombstone in change.tombstones:
            known = book.get(tombstone.key)
            if known is not None:
                tombstone = replace(
                    tombstone, at=max(known.at, tombstone.at), expires=max(known.expires, tombstone.expires)
                )
            book.put(tombstone.key, tombstone, tombstone.expires)

    def forbid(self, session: Session, state_issued: float) -> bool:
        """
        Whether a session must not begin.
        """
        at = session.began
        return self.forbid_browser(session.browser, since=state_issued, at=at) or self.forbid_person(
            session.iss, session.sub, session.sids, since=state_issued, at=at
        )

    def forbid_person(self, iss: str, sub: str, sids: Sequence[str], *, since: float, at: float) -> bool:
        """
        Whether no sign-in of an End-User that began at *since* can become a session any more, in whatever browser.

        :param sids: What the OP calls its own session.
        """
        names: list[Name] = [("sub", iss, sub)]
        names += [("sid", iss, sid) for sid in sids] or [("sidless", iss, sub)]
        return any(self._covers(name, since=since, at=at) for name in names)

    def forbid_browser(self, browser: str, *, since: float, at: float) -> bool:
        """
        Whether no sign-in that a browser began at *since* can become a session any more.
        """
        return self._covers(("browser", "", browser), since=since, at=at)

    def forbid_sid(self, iss: str, sid: str, requested: float) -> bool:
        """
        Whether no session may become part of the OP's session *sid* by a refresh.
        """
        return self._covers(("sid", iss, sid), since=requested, at=requested)

    def _covers(self, name: Name, *, since: float, at: float) -> bool:
        found = (self._proven.get(name), self._from_outside.get(name))
        return any(tombstone is not None and tombstone.at > since and tombstone.expires > at for tombstone in found)


def is_from_outside(change: SessionsEnded) -> bool:
    """
    Whether anybody on the network could have caused an end: the front channel asks for no proof.
    """
    return change.cause is Cause.FRONT_CHANNEL and not change.session_ids
