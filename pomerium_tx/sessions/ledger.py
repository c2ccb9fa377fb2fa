"""
What the log of changes comes to.

Nothing here looks at a clock or knows who asks: the same changes in the same order give the same ledger in every
process. Time is what the changes say it is. Memory of things that have had their time is dropped a minute late by that
time, and every decision compares the times in the two changes it is about, so that clocks which differ by less than
the minute do not make two processes decide differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pomerium_tx.sessions import changed
from pomerium_tx.sessions.bearers import Bearers
from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.effects import Begun, Effect, Ended, MoreOwed, Refreshed, SignedOutAtProvider
from pomerium_tx.sessions.index import Index
from pomerium_tx.sessions.left_sessions import LeftSessions, left_by
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.notices import Notices
from pomerium_tx.sessions.owed import OwedRevocations
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.receipt import NOT_LEAVING, Receipt
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import (
    AtProvider,
    Change,
    CutReported,
    NoticeDone,
    OpLogout,
    OpLogoutChanged,
    RevocationDone,
    RevocationOwed,
    RevocationsReleased,
    RouteUsed,
    SessionBegun,
    SessionRefreshed,
    SessionsEnded,
    SessionsSeen,
    UsedOnce,
    time_of,
)
from pomerium_tx.sessions.tombstones import Tombstones
from pomerium_tx.sessions.uses import Uses

SLACK = 60.0
RECENT = 900.0
"""
How long it may take to record an end that was asked for.
"""


class Ledger:
    """
    The fold over the log.
    """

    def __init__(self, limits: Limits, sessions: dict[str, Session]) -> None:
        """
        Know of nothing.

        :param sessions: Empty; becomes those that live, and is changed by nobody else.
        """
        self.sessions = sessions
        self.by_sid = Index()
        self.by_sub = Index()
        self.by_browser = Index()
        self.bearers = Bearers()
        self.owed = OwedRevocations()
        self.notices = Notices(limits.notices)
        self._left = LeftSessions()
        self._ended: dict[str, str] = {}
        self._receipts = Book[str, Receipt](limits.receipts, self._receipt_dropped)
        self._departures = Book[str, Departure](limits.departures, self._departure_dropped)
        self._references: dict[str, str] = {}
        self._tombstones = Tombstones(limits)
        self._recent = Book[tuple[str, str], tuple[int, float]](limits.recent)
        self._uses = Uses(limits.once)
        self._jtis = Book[tuple[str, str], float](limits.jtis)
        self._books = (
            self._receipts,
            self._departures,
            self._tombstones,
            self._recent,
            self._uses,
            self._jtis,
            self.notices.book,
        )
        self._time = 0.0
        self._folds: Mapping[type, Callable[..., Effect]] = {
            SessionBegun: self._begun,
            SessionRefreshed: self._refreshed,
            RouteUsed: self._route_used,
            SessionsEnded: self._sessions_ended,
            CutReported: self._cut_reported,
            OpLogoutChanged: self._op_logout_changed,
            RevocationsReleased: self._revocations_released,
            RevocationOwed: self._revocation_owed,
            RevocationDone: self._revocation_done,
            NoticeDone: self._notice_done,
            UsedOnce: self._used_once,
            # `pomerium_tx.sessions.activity` reads those.
            SessionsSeen: lambda position, change: None,
        }

    def apply(self, position: int, change: Change) -> Effect:
        """
        Take the next change into account.
        """
        self._time = max(self._time, time_of(change))
        for book in self._books:
            book.forget(self._time - SLACK)
        return self._folds[type(change)](position, change)

    def ended(self, session_id: str) -> Receipt | None:
        """
        The receipt of the end of a session.
        """
        receipt_id = self._ended.get(session_id)
        return None if receipt_id is None else self._receipts.get(receipt_id)

    def receipt(self, receipt_id: str) -> Receipt | None:
        """
        The receipt of that id.
        """
        return self._receipts.get(receipt_id)

    def departure(self, reference: str) -> Departure | None:
        """
        The departure of that reference, in time or not.
        """
        return self._departures.get(reference)

    def departure_by_state(self, state: str) -> Departure | None:
        """
        The departure of which a leg has that ``state``, in time or not.
        """
        reference = self._references.get(state)
        return None if reference is None else self._departures.get(reference)

    def winner_of(self, key: str) -> int | None:
        """
        The position of the change that used a value.
        """
        return self._uses.winner_of(key)

    def named_by(self, logout: ProviderLogout) -> tuple[str, ...]:
        """
        The sessions that are over at their OP.
        """
        found: frozenset[str] = frozenset()
        if logout.sub is not None:
            # Whoever has the `sid` but another `sub` is not meant.
            found = self.by_sub.get(logout.iss, logout.sub)
        elif logout.sid is not None:
            found = self.by_sid.get(logout.iss, logout.sid)
        return tuple(name for name in sorted(found) if logout.names(self.sessions[name]))

    def confirmed_by(self, logout: ProviderLogout) -> tuple[AtProvider, ...]:
        """
        The ends of a person's own that are confirmed by an OP of theirs, and were not yet.
        """
        ends = [(self._receipts.get(name), iss) for name, iss in self._left.confirmed_by(logout)]
        return tuple(
            (one.id, iss) for one, iss in ends if one is not None and one.op_logout_at(iss) is not OpLogout.CONFIRMED
        )

    def is_person_overtaken(
        self, iss: str, sub: str, sids: Sequence[str], *, signed_in: float, since: float, at: float
    ) -> bool:
        """
        Whether a sign-in of an End-User, begun at *since*, has lost by *at*.

        :param signed_in: The ``iat`` of its ID Token.
        """
        return self._tombstones.forbid_person(iss, sub, sids, signed_in=signed_in, since=since, at=at)

    def is_overtaken(self, browser: str, *, since: float, at: float) -> bool:
        """
        Whether a sign-in that a browser began at *since* has lost by *at*.
        """
        return self._tombstones.forbid_browser(browser, since=since, at=at)

    def has_seen(self, iss: str, jti: str) -> bool:
        """
        Whether a Logout Token was acted on.
        """
        return self._jtis.get((iss, jti)) is not None

    def _begun(self, position: int, change: SessionBegun) -> Effect:
        session = change.session
        if session.id in self.sessions or session.id in self._ended:
            return None
        if self._tombstones.forbid(session, change.state_issued) or not self.bearers.may_begin(session.id):
            return None
        self.sessions[session.id] = session
        self.bearers.begun(session.id)
        self.by_browser.add("", session.browser, session.id)
        self.by_sub.add(session.iss, session.sub, session.id)
        for sid in session.sids:
            self.by_sid.add(session.iss, sid, session.id)
        self._recent.put((session.id, ""), (position, change.state_issued), session.began + RECENT)
        return Begun(session=session)

    def _refreshed(self, position: int, change: SessionRefreshed) -> Effect:
        session = self.sessions.get(change.session_id)
        if session is None:
            return None
        if change.sid is not None and change.sid not in session.sids:
            # The OP may have ended the session that this one becomes part of before anybody here knew that it would.
            if self._tombstones.forbid_sid(
                session.iss, change.sid, signed_in=session.id_token_iat, requested=change.requested
            ):
                return SignedOutAtProvider(session_id=session.id)
            self.by_sid.add(session.iss, change.sid, session.id)
            self._recent.put((session.id, change.sid), (position, change.requested), change.requested + RECENT)
        session = self.sessions[session.id] = changed.refreshed(session, change)
        return Refreshed(session=session, requested=change.requested)

    def _route_used(self, _: int, change: RouteUsed) -> Effect:
        session = self.sessions.get(change.session_id)
        if session is not None:
            self.sessions[session.id] = changed.used(session, change)
        return None

    def _sessions_ended(self, _: int, change: SessionsEnded) -> Effect:
        # That no end before this one names them is asked, not that they live: a log which no longer holds how ended
        # sessions began still says truly which end ended them.
        named = (*change.session_ids, *self._late(change))
        if change.cause.is_final:
            named = (*named, *self.bearers.of_same_tokens(named))
        ids = tuple(name for name in dict.fromkeys(named) if name not in self._ended)
        sessions = tuple(self.sessions.pop(name) for name in ids if name in self.sessions)
        changed.ended(ids)
        for session in sessions:
            self.by_browser.discard("", session.browser, session.id)
            self.by_sub.discard(session.iss, session.sub, session.id)
            for sid in session.sids:
                self.by_sid.discard(session.iss, sid, session.id)
        owed = self.owed.settle(change, ids, sessions)
        notifies = self.notices.settle(change, ids, sessions)
        origins = frozenset[str]().union(*(session.origins for session in sessions))
        receipt = Receipt(
            id=change.receipt_id,
            time=change.at,
            cause=change.cause,
            session_ids=ids,
            tokens_to_revoke=sum(len(one.tokens) for one in owed),
            op_logout=change.op_logout,
            op_logouts=MappingProxyType(dict(change.op_logouts)) if change.op_logouts else NOT_LEAVING,
            replicas=f"{change.replicas}/{change.replicas}",
            routes=tuple(sorted(origins.union(change.routes if ids else ()))),
        )
        if ids or change.departure is not None:
            self._ended.update(dict.fromkeys(ids, receipt.id))
            self.bearers.ended(ids, receipt.id, spends=change.cause.is_final)
            self._left.add(receipt.id, left_by(change, ids, sessions))
            self._receipts.put(receipt.id, receipt, change.remember_until)
        if change.departure is not None:
            self._departures.put(change.departure.reference, change.departure, change.departure.expires)
            self._references.update((leg.state, change.departure.reference) for leg in change.departure.legs)
        self._tombstones.set(change)
        if change.jti is not None:
            self._jtis.put((change.jti.iss, change.jti.jti), change.jti.expires, change.jti.expires)
        owes = bool(owed)
        for name, iss in change.confirms:
            self._learn(name, OpLogout.CONFIRMED, iss)
            owes |= self.owed.release(name, iss)
        return Ended(receipt=receipt, sessions=sessions, owes=owes, notifies=notifies)

    def _late(self, change: SessionsEnded) -> list[str]:
        """
        Sessions that a tombstone would have kept from beginning, had it been recorded a moment before.

        Whoever asked for the end did not know of them, or it would have named them, or spared them.
        """
        indexes = {"browser": self.by_browser, "sid": self.by_sid, "sub": self.by_sub, "sidless": self.by_sub}
        late = []
        for tombstone in change.tombstones:
            kind, iss, value = tombstone.key
            if kind == "token":
                late += self.bearers.of_token(value)
                continue
            for name in sorted(indexes[kind].get(iss, value)):
                session = self.sessions[name]
                if (kind == "sidless" and session.sids) or session.id_token_iat > tombstone.signed_in_until:
                    continue
                got = (self._recent.get((name, "")), self._recent.get((name, value)) if kind == "sid" else None)
                if any(one is not None and one[0] > change.known and one[1] < tombstone.at for one in got):
                    late.append(name)
        return late

    def _cut_reported(self, _: int, change: CutReported) -> Effect:
        receipt = self._receipts.get(change.receipt_id)
        if receipt is not None:
            self._receipts.replace(receipt.id, receipt.with_cuts(change.exchanges_cut, change.in_doubt))
        return None

    def _op_logout_changed(self, _: int, change: OpLogoutChanged) -> Effect:
        self._learn(change.receipt_id, change.op_logout, change.iss)
        return None

    def _learn(self, receipt_id: str, op_logout: OpLogout, iss: str) -> None:
        receipt = self._receipts.get(receipt_id)
        if receipt is not None:
            self._receipts.replace(receipt.id, receipt.learnt(op_logout, iss))

    def _revocations_released(self, _: int, change: RevocationsReleased) -> Effect:
        return MoreOwed() if self.owed.release(change.receipt_id, change.iss) else None

    def _revocation_owed(self, _: int, change: RevocationOwed) -> Effect:
        self.owed.add(change.owed)
        return MoreOwed()

    def _revocation_done(self, _: int, change: RevocationDone) -> Effect:
        self.owed.done(change.id)
        return None

    def _notice_done(self, _: int, change: NoticeDone) -> Effect:
        self.notices.done(change.id)
        return None

    def _used_once(self, position: int, change: UsedOnce) -> Effect:
        self._uses.use(position, change)
        return None

    def _receipt_dropped(self, receipt: Receipt) -> None:
        self._left.drop(receipt.id)
        self.owed.receipt_dropped(receipt.id)
        self.bearers.forget(receipt.session_ids, receipt.id)
        for name in receipt.session_ids:
            self._ended.pop(name, None)

    def _departure_dropped(self, departure: Departure) -> None:
        for leg in departure.legs:
            self._references.pop(leg.state, None)
