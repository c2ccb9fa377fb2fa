"""
Sessions that have ended without their OP's own word, until it has confirmed it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pomerium_tx.sessions.index import Index
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.session import LeftSession, Session
from pomerium_tx.sessions.store import AtProvider, Cause, SessionsEnded


def left_by(change: SessionsEnded, ids: Collection[str], sessions: Iterable[Session]) -> tuple[LeftSession, ...]:
    """
    The sessions of an end that its OP may still confirm: those at the OPs to which its departure leads, in the browser
    that it leads there; by the front channel, where nobody can tell who spoke, all.

    :param ids: All that it ended.
    :param sessions: Those of them about which the log still says everything. Of the others it says enough in the end
        itself.
    """
    if change.departure is None and change.cause is not Cause.FRONT_CHANNEL:
        return ()
    at_hand = {session.id for session in sessions}
    known = [one for one in change.left if one.session_id in ids and one.session_id not in at_hand]
    if change.departure is None:
        return (*known, *(one.left(change.receipt_id) for one in sessions))
    known += [one.left(change.receipt_id) for one in sessions if one.iss in change.departure.issuers]
    # Sessions of other browsers that end with it are not what this one's person waits for.
    return tuple(one for one in known if one.browser in change.departure.browsers)


class LeftSessions:
    """
    What each end of a person's own may still be confirmed by, at each OP.
    """

    def __init__(self) -> None:
        self._issuers: dict[str, tuple[str, ...]] = {}
        self._left: dict[AtProvider, list[LeftSession]] = {}
        self._by_sid = Index()
        self._by_sub = Index()

    def __len__(self) -> int:
        return len(self._issuers)

    def add(self, receipt_id: str, left: tuple[LeftSession, ...]) -> None:
        """
        Remember the sessions of one end.
        """
        if not left:
            return
        self._issuers[receipt_id] = tuple(dict.fromkeys(one.iss for one in left))
        for one in left:
            self._left.setdefault((receipt_id, one.iss), []).append(one)
            self._by_sub.add(one.iss, one.sub, receipt_id)
            for sid in one.sids:
                self._by_sid.add(one.iss, sid, receipt_id)

    def drop(self, receipt_id: str) -> None:
        """
        Forget the sessions of one end.
        """
        for iss in self._issuers.pop(receipt_id, ()):
            for one in self._left.pop((receipt_id, iss)):
                self._by_sub.discard(one.iss, one.sub, receipt_id)
                for sid in one.sids:
                    self._by_sid.discard(one.iss, sid, receipt_id)

    def confirmed_by(self, logout: ProviderLogout) -> tuple[AtProvider, ...]:
        """
        The ends of which all sessions at the OP are over there as well.
        """
        found: frozenset[str] = frozenset()
        if logout.sid is not None:
            found |= self._by_sid.get(logout.iss, logout.sid)
        if logout.sub is not None:
            found |= self._by_sub.get(logout.iss, logout.sub)
        ends = [(name, logout.iss) for name in sorted(found)]
        return tuple(end for end in ends if all(map(logout.names, self._left[end])))
