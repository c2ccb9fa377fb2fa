"""
Who was signed out lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from pomerium_tx.sessions.bearers import is_bearer, token_of
from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, SessionsEnded
from pomerium_tx.sessions.tombstone import Tombstone

Name = tuple[str, str, str]
Key = tuple[Name, bool]
"""
Whom a tombstone names, and whether it spares those who signed in later by the OP's clock.

The two kinds are not joined: a late word of the OP's would otherwise prolong one that spares nobody.
"""


class Tombstones:
    """
    The tombstones in force.

    Those that anybody can have set have a place of their own: however many come, the others stay.
    """

    def __init__(self, limits: Limits) -> None:
        """
        Begin with none.
        """
        self._proven = Book[Key, Tombstone](limits.tombstones)
        self._from_outside = Book[Key, Tombstone](limits.outside_tombstones)

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
            key = (tombstone.key, tombstone.signed_in_until < inf)
            known = book.get(key)
            if known is not None:
                tombstone = replace(
                    tombstone,
                    at=max(known.at, tombstone.at),
                    signed_in_until=max(known.signed_in_until, tombstone.signed_in_until),
                    expires=max(known.expires, tombstone.expires),
                )
            book.put(key, tombstone, tombstone.expires)

    def forbid(self, session: Session, state_issued: float) -> bool:
        """
        Whether a session must not begin.
        """
        at = session.began
        if self.forbid_browser(session.browser, since=state_issued, at=at):
            return True
        if is_bearer(session.id):
            # The very token, whenever it was issued.
            token = ("token", "", token_of(session.id))
            if self._covers(token, signed_in=-inf, since=-inf, at=at):
                return True
        names = _names(session.iss, session.sub, session.sids)
        # Nearly never: and when a session signed in is packed.
        return any(self._found(name) for name in names) and self.forbid_person(
            session.iss, session.sub, session.sids, signed_in=session.id_token_iat, since=state_issued, at=at
        )

    def forbid_person(
        self, iss: str, sub: str, sids: Sequence[str], *, signed_in: float, since: float, at: float
    ) -> bool:
        """
        Whether no sign-in of an End-User that began at *since* can become a session any more, in whatever browser.

        :param sids: What the OP calls its own session.
        :param signed_in: The ``iat`` of the sign-in's ID Token.
        """
        names = _names(iss, sub, sids)
        return any(self._covers(name, signed_in=signed_in, since=since, at=at) for name in names)

    def forbid_browser(self, browser: str, *, since: float, at: float) -> bool:
        """
        Whether no sign-in that a browser began at *since* can become a session any more.
        """
        return self._covers(("browser", "", browser), signed_in=-inf, since=since, at=at)

    def forbid_sid(self, iss: str, sid: str, *, signed_in: float, requested: float) -> bool:
        """
        Whether no session may become part of the OP's session *sid* by a refresh.

        :param signed_in: The ``iat`` of the ID Token of the session's sign-in.
        """
        return self._covers(("sid", iss, sid), signed_in=signed_in, since=requested, at=requested)

    def _covers(self, name: Name, *, signed_in: float, since: float, at: float) -> bool:
        return any(
            tombstone.at > since and tombstone.signed_in_until >= signed_in and tombstone.expires > at
            for tombstone in self._found(name)
        )

    def _found(self, name: Name) -> list[Tombstone]:
        keys = ((name, False), (name, True))
        return [tombstone for book in self._books for key in keys if (tombstone := book.get(key)) is not None]

    @property
    def _books(self) -> tuple[Book[Key, Tombstone], ...]:
        return self._proven, self._from_outside


def _names(iss: str, sub: str, sids: Sequence[str]) -> list[Name]:
    names: list[Name] = [("sub", iss, sub)]
    return names + ([("sid", iss, sid) for sid in sids] or [("sidless", iss, sub)])


def is_from_outside(change: SessionsEnded) -> bool:
    """
    Whether anybody on the network could have caused an end: the front channel asks for no proof.
    """
    return change.cause is Cause.FRONT_CHANNEL and not change.session_ids
