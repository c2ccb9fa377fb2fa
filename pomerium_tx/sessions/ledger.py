"""
What the log of changes comes to.

Nothing here looks at a clock or knows who asks: the same changes in the same order give the same ledger in every
process. Time is what the changes say it is. Memory of things that have had their time is dropped a minute late by that
time, and every decision compares the times in the two changes it is about, so that clocks which differ by less than
the minute do not make two processes decide differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pomerium_tx.sessions.book import Book
from pomerium_tx.sessions.index import Index
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.session import RouteUse, Session
from pomerium_tx.sessions.store import (
    Change,
    CutReported,
    Departure,
    OpLogout,
    OpLogoutChanged,
    OwedRevocation,
    RevocationDone,
    RevocationOwed,
    RevocationsReleased,
    RouteUsed,
    SessionBegun,
    SessionRefreshed,
    SessionsEnded,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """
    A session can be found now.
    """

    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """
    A session has new tokens.
    """

    session: Session
    requested: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    Sessions cannot be found any more.
    """

    receipt: Receipt
    sessions: tuple[Session, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOutAtProvider:
    """
    A session was to become part of an OP's session that had been signed out meanwhile: it has to end.
    """

    session_id: str


Effect = Begun | Refreshed | Ended | SignedOutAtProvider | None


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
        self.owed: dict[str, OwedRevocation] = {}
        self._owed_by_receipt: dict[str, set[str]] = {}
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
            UsedOnce: self._used_once,
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
        The departure with that ``state``, in time or not.
        """
        reference = self._references.get(state)
        return None if reference is None else self._departures.get(reference)

    def winner_of(self, key: str) -> int | None:
        """
        The position of the change that used a value.
        """
        return self._uses.winner_of(key)

    def has_waiting(self, receipt_id: str, at: float) -> bool:
        """
        Whether something that one end owes is not to be revoked yet at *at*.
        """
        return any(self.owed[name].not_before > at for name in self._owed_by_receipt.get(receipt_id, ()))

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
        if self._tombstones.forbid(session, change.state_issued):
            return None
        self.sessions[session.id] = session
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
        sids = session.sids
        if change.sid is not None and change.sid not in sids:
            # The OP may have ended the session that this one becomes part of before anybody here knew that it would.
            if self._tombstones.forbid_sid(session.iss, change.sid, change.requested):
                return SignedOutAtProvider(session_id=session.id)
            sids = (*sids, change.sid)
            self.by_sid.add(session.iss, change.sid, session.id)
            self._recent.put((session.id, change.sid), (position, change.requested), change.requested + RECENT)
        session = replace(
            session, tokens=change.tokens, claims=change.claims, email=change.email, name=change.name, sids=sids
        )
        self.sessions[session.id] = session
        return Refreshed(session=session, requested=change.requested)

    def _route_used(self, _: int, change: RouteUsed) -> Effect:
        session = self.sessions.get(change.session_id)
        if session is not None and change.route_id not in session.uses:
            use = RouteUse(origin=change.origin, first_used=change.at)
            uses = MappingProxyType({**session.uses, change.route_id: use})
            self.sessions[session.id] = replace(session, uses=uses)
        return None

    def _sessions_ended(self, _: int, change: SessionsEnded) -> Effect:
        # That no end before this one names them is asked, not that they live: a log which no longer holds how ended
        # sessions began still says truly which end ended them.
        named = (*change.session_ids, *self._late(change))
        ids = tuple(name for name in dict.fromkeys(named) if name not in self._ended)
        sessions = tuple(self.sessions.pop(name) for name in ids if name in self.sessions)
        for session in sessions:
            self.by_browser.discard("", session.browser, session.id)
            self.by_sub.discard(session.iss, session.sub, session.id)
            for sid in session.sids:
                self.by_sid.discard(session.iss, sid, session.id)
        owed = self._settled(change, ids, sessions)
        for revocation in owed:
            self._owe(revocation)
        origins = frozenset[str]().union(*(session.origins for session in sessions))
        receipt = Receipt(
            id=change.receipt_id,
            time=change.at,
            cause=change.cause,
            session_ids=ids,
            tokens_to_revoke=sum(len(revocation.tokens) for revocation in owed),
            op_logout=change.op_logout,
            routes=tuple(sorted(origins.union(change.routes if ids else ()))),
        )
        if ids or change.departure is not None:
            self._receipts.put(receipt.id, receipt, change.remember_until)
            self._ended.update(dict.fromkeys(ids, receipt.id))
        if change.departure is not None:
            self._departures.put(change.departure.reference, change.departure, change.departure.expires)
            self._references[change.departure.state] = change.departure.reference
        self._tombstones.set(change)
        if change.jti is not None:
            self._jtis.put((change.jti.iss, change.jti.jti), change.jti.expires, change.jti.expires)
        return Ended(receipt=receipt, sessions=sessions)

    def _late(self, change: SessionsEnded) -> list[str]:
        """
        Sessions that a tombstone would have kept from beginning, had it been recorded a moment before.

        Whoever asked for the end did not know of them, or it would have named them, or spared them.
        """
        indexes = {"browser": self.by_browser, "sid": self.by_sid, "sub": self.by_sub}
        late = []
        for tombstone in change.tombstones:
            kind, iss, value = tombstone.key
            for name in sorted(indexes[kind].get(iss, value)):
                got = (self._recent.get((name, "")), self._recent.get((name, value)) if kind == "sid" else None)
                if any(one is not None and one[0] > change.known and one[1] < tombstone.at for one in got):
                    late.append(name)
        return late

    def _settled(
        self, change: SessionsEnded, ids: tuple[str, ...], sessions: tuple[Session, ...]
    ) -> tuple[OwedRevocation, ...]:
        """
        What an end owes the OPs, now that it is known which sessions it ended and with which tokens.

        Whoever asked for the end knew the tokens as they were; a refresh may have come before it in the log.
        """
        owed = change.owed
        asked = frozenset(change.session_ids)
        if not asked.issubset(ids):
            known = {token for revocation in self.owed.values() for _, token in revocation.tokens}
            owed = tuple(one for one in owed if not known.issuperset(token for _, token in one.tokens))
        named = {token for one in change.owed for _, token in one.tokens}
        not_before = {one.idp_id: one.not_before for one in change.owed}
        for session in sessions:
            # Where nothing is owed for a session that the end names, nothing is meant to be.
            if session.idp_id not in not_before and session.id in asked:
                continue
            newer = tuple(pair for pair in session.tokens.revocable() if pair[1] not in named)
            if newer:
                more = OwedRevocation(
                    # The same to whoever reads the log when other sessions of this end have been dropped from it.
                    id=f"{change.receipt_id}.{session.id}",
                    receipt_id=change.receipt_id,
                    idp_id=session.idp_id,
                    tokens=newer,
                    not_before=not_before.get(session.idp_id, change.at),
                )
                owed = (*owed, more)
        return owed

    def _owe(self, revocation: OwedRevocation) -> None:
        self.owed[revocation.id] = revocation
        if revocation.receipt_id is not None:
            self._owed_by_receipt.setdefault(revocation.receipt_id, set()).add(revocation.id)

    def _cut_reported(self, _: int, change: CutReported) -> Effect:
        receipt = self._receipts.get(change.receipt_id)
        if receipt is not None:
            self._receipts.replace(receipt.id, receipt.with_cuts(change.exchanges_cut, change.in_doubt))
        return None

    def _op_logout_changed(self, _: int, change: OpLogoutChanged) -> Effect:
        receipt = self._receipts.get(change.receipt_id)
        # A late doubt does not undo a certainty.
        if receipt is not None and _certainty(change.op_logout) >= _certainty(receipt.op_logout):
            self._receipts.replace(receipt.id, replace(receipt, op_logout=change.op_logout))
        return None

    def _revocations_released(self, _: int, change: RevocationsReleased) -> Effect:
        for name in self._owed_by_receipt.get(change.receipt_id, ()):
            self.owed[name] = replace(self.owed[name], not_before=0.0)
        return None

    def _revocation_owed(self, _: int, change: RevocationOwed) -> Effect:
        self._owe(change.owed)
        return None

    def _revocation_done(self, _: int, change: RevocationDone) -> Effect:
        revocation = self.owed.pop(change.id, None)
        if revocation is not None and revocation.receipt_id is not None:
            others = self._owed_by_receipt[revocation.receipt_id]
            others.discard(revocation.id)
            if not others:
                del self._owed_by_receipt[revocation.receipt_id]
        return None

    def _used_once(self, position: int, change: UsedOnce) -> Effect:
        self._uses.use(position, change)
        return None

    def _receipt_dropped(self, receipt: Receipt) -> None:
        for name in receipt.session_ids:
            self._ended.pop(name, None)

    def _departure_dropped(self, departure: Departure) -> None:
        self._references.pop(departure.state, None)


def _certainty(op_logout: OpLogout) -> int:
    return {OpLogout.CONFIRMED: 2, OpLogout.RETURNED: 1}.get(op_logout, 0)
