"""
Where sessions begin, are found, and end.

The registry is a fold over the store's log: what it knows of sessions changes in ``_apply`` and nowhere else. No
append names an expected version: every question whose answer two registries could give differently is answered when
the change is applied, from what is before it in the log; the one who appended it then looks at what has become of it.
An end may not fail because somebody else wrote something. What belongs to this process alone is kept beside the fold:
open exchanges, when it knows sessions to have been last used, and the queues of deadlines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.sessions.activity import Activity
from pomerium_tx.sessions.attachments import Attachments
from pomerium_tx.sessions.cut_reports import CutReports
from pomerium_tx.sessions.effects import Begun, Ended, MoreOwed, Refreshed, SignedOutAtProvider
from pomerium_tx.sessions.elsewhere import Elsewhere, Seen, joined, nowhere, seen
from pomerium_tx.sessions.ending import Ending, SignedOutMeanwhile, new_receipt_id
from pomerium_tx.sessions.knowledge import Knowledge
from pomerium_tx.sessions.ledger import Ledger
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.receipt import OpenExchange, Receipt
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import (
    Cause,
    Change,
    CutReported,
    NoticeDone,
    OpLogout,
    OpLogoutChanged,
    OwedRevocation,
    RevocationDone,
    RevocationOwed,
    RevocationsReleased,
    RouteUsed,
    SessionBegun,
    SessionRefreshed,
    SessionsSeen,
    SessionStore,
    StoreUnavailable,
    UsedOnce,
)
from pomerium_tx.sessions.subscribers import Subscribers
from pomerium_tx.sessions.timetable import Timetable

__all__ = ["Ending", "OpenExchange", "Receipt", "SessionRegistry", "SignedOutMeanwhile", "new_receipt_id"]


class SessionRegistry(Knowledge):
    """
    The one thing that all rooms share.
    """

    def __init__(
        self, store: SessionStore, clock: IReactorTime, limits: Limits | None = None, *, elsewhere: Elsewhere = nowhere
    ) -> None:
        """
        Know of no session until `join`.

        :param elsewhere: Asks what is open in other processes.
        """
        super().__init__(clock.seconds, CutReports(store), limits or Limits())
        self._store = store
        self._position = 0
        self._unfollow: Callable[[], None] | None = None
        self._attachments = Attachments()
        self._timetable = Timetable(clock, self._sessions)
        self._activity = Activity(clock, self._sessions, lambda name: self._timetable.report(name, Cause.IDLE), store)
        self._on_owed: Subscribers[()] = Subscribers()
        self._on_notices: Subscribers[()] = Subscribers()
        self._elsewhere = elsewhere
        self._on_begun: Subscribers[Session] = Subscribers()
        self._on_ended: Subscribers[Receipt, tuple[Session, ...]] = Subscribers()
        self._on_refreshed: Subscribers[Session] = Subscribers()

    async def join(self) -> None:
        """
        Know all that the store knows, from now on.

        :raises StoreUnavailable: If the store cannot say.
        """
        self._activity.joined()
        self._unfollow = await self._store.follow(0, self._apply)
        self._activity.joined()
        self._tell_what_is_owed(owes=bool(self._ledger.owed.by_id), notifies=bool(len(self._ledger.notices)))

    def leave(self) -> None:
        """
        Follow no longer, and forget everything: who does not hear of ends must not answer for sessions.
        """
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None
        self._timetable.stop()
        self._attachments.clear()
        self._cut_reports.stop()
        self._activity.stop()
        self._sessions.clear()
        self._ledger = Ledger(self._limits, self._sessions)

    def find(self, session_id: str) -> Session | None:
        """
        The session, if it lives and is valid now.
        """
        session = self._sessions.get(session_id)
        if session is None or session.usable_until <= (now := self._seconds()):
            return None
        return None if self._activity.is_limited and self._activity.is_idle(session, now) else session

    def touch(self, session_id: str, address: str = "") -> None:
        """
        Note that the session is being used, unless it has not been for too long.

        :param address: Where it is used from, if that is known.
        """
        session = self._sessions.get(session_id)
        if session is not None:
            self._activity.touch(session, address)

    def set_idle_timeout(self, seconds: float | None) -> None:
        """
        From now on a session that is not used for so long is not found, and is due to end; None lifts the limit.

        It is so at the very moment where this process is the only one. With others that have the same limit it may be
        so later by a tenth of it, or a second, if that is more: as long as one of them may keep to itself that the
        session was used there.
        """
        self._activity.limit(seconds)

    def attach(self, session_id: str, exchange: OpenExchange) -> bool:
        """
        Have *exchange* cut when the session ends; False, and nothing done, if it has.
        """
        if session_id not in self._sessions:
            return False
        self._attachments.add(session_id, exchange)
        return True

    def detach(self, session_id: str, exchange: OpenExchange) -> None:
        """
        Forget an exchange that is over.
        """
        self._attachments.discard(session_id, exchange)

    # What is known in this process; what is known everywhere is answered by `Knowledge`.

    def exchanges(self, session_id: str) -> tuple[OpenExchange, ...]:
        """
        What is open for a session in this process.
        """
        return self._attachments.of(session_id)

    async def exchanges_everywhere(self, session_ids: Collection[str]) -> Seen:
        """
        What is open for some sessions, in every process that answers.
        """
        return joined([seen(session_ids, self.exchanges), await self._elsewhere(session_ids)])

    def last_seen(self, session_id: str) -> float:
        """
        When the session was last used, as far as it is known here; when it began, if it was not; 0 if there is none.
        """
        session = self._sessions.get(session_id)
        return 0.0 if session is None else self._activity.last_seen(session)

    def last_address(self, session_id: str) -> str:
        """
        From where the session was last used, as far as it is known here, or else begun; empty if there is none.
        """
        session = self._sessions.get(session_id)
        return "" if session is None else self._activity.last_address(session)

    def due(self) -> list[tuple[str, Cause]]:
        """
        The sessions that should end, and why; each until it is ended.
        """
        return self._timetable.due()

    def refresh_due(self) -> list[str]:
        """
        The sessions that should be refreshed, each until it is, or is put off.
        """
        return self._timetable.refresh_due()

    # What is asked for.

    async def begin(self, session: Session, *, state_issued: float) -> None:
        """
        The session can be found, by everybody.

        :raises SignedOutMeanwhile: If its person was signed out after *state_issued*.
        :raises StoreUnavailable: If that cannot be recorded.
        """
        await self._append(SessionBegun(session=session, state_issued=state_issued))
        if session.id not in self._sessions:
            raise SignedOutMeanwhile

    async def refresh(
        self,
        session_id: str,
        *,
        tokens: Tokens,
        claims: Mapping[str, tuple[object, ...]],
        email: str,
        name: str,
        sid: str | None,
        requested: float,
    ) -> bool:
        """
        Whether the session took the new tokens; if not, it has ended, and they are the caller's to have revoked.
        """
        change = SessionRefreshed(
            session_id=session_id, tokens=tokens, claims=claims, email=email, name=name, sid=sid, requested=requested
        )
        if session_id in self._sessions:
            await self._append(change)
        session = self._sessions.get(session_id)
        return session is not None and (sid is None or sid in session.sids)

    async def use_route(self, session_id: str, route_id: str, origin: str) -> None:
        """
        It is recorded that the session was used on the route.
        """
        session = self._sessions.get(session_id)
        if session is not None and not session.has_used(route_id):
            await self._append(RouteUsed(session_id=session_id, route_id=route_id, origin=origin, at=self._seconds()))

    async def end(self, ending: Ending) -> Receipt:
        """
        The sessions cannot be found by anybody, and nothing of theirs is open here.

        :raises StoreUnavailable: If that cannot be recorded; then nothing has ended.
        """
        self._require_joined()
        live = [self._sessions[name] for name in dict.fromkeys(ending.session_ids) if name in self._sessions]
        if live or ending.says_more:
            await self._append(ending.change(live, self._position))
        return self.receipt(ending.receipt_id) or ending.receipt_of_nothing

    async def use_once(self, key: str, expires: float) -> bool:
        """
        Whether the caller is the one who may use the value.
        """
        now = self._seconds()
        if expires <= now:
            return False
        position = await self._append(UsedOnce(key=key, at=now, expires=expires))
        return self._ledger.winner_of(key) == position

    async def op_logout(self, receipt_id: str, value: OpLogout, iss: str = "") -> None:
        """
        The receipt says what is now known about an OP, or about each that its person is led to.
        """
        receipt = self._ledger.receipt(receipt_id)
        if receipt is not None and receipt.learnt(value, iss) != receipt:
            await self._append(OpLogoutChanged(receipt_id=receipt_id, op_logout=value, iss=iss))

    async def release_revocations(self, receipt_id: str, iss: str = "") -> None:
        """
        What one end owes, or owes at one OP, need not wait.
        """
        self._require_joined()
        if self._ledger.owed.has_waiting(receipt_id, self._seconds(), iss):
            await self._append(RevocationsReleased(receipt_id=receipt_id, iss=iss))

    async def owe(self, owed: OwedRevocation) -> None:
        """
        The tokens will be revoked, whatever happens to this process.
        """
        await self._append(RevocationOwed(owed=owed))

    async def revocation_done(self, id: str, attempts: int) -> None:
        """
        Nothing more is owed under this id.
        """
        owed = self._ledger.owed.by_id.get(id)
        if owed is not None:
            await self._append(RevocationDone(id=id, receipt_id=owed.receipt_id, attempts=attempts))

    async def notice_done(self, id: str, attempts: int) -> None:
        """
        The application has been told, or never will be.
        """
        notice = self._ledger.notices.get(id)
        if notice is not None:
            await self._append(NoticeDone(id=id, receipt_id=notice.receipt_id, attempts=attempts))

    def report_due(self, session_id: str, cause: Cause) -> None:
        """
        Say that a session should end; whoever ends sessions that are due does.
        """
        if session_id in self._sessions:
            self._timetable.report(session_id, cause)

    def put_off_refresh(self, session_id: str, until: float) -> None:
        """
        A refresh that did not work is due again when *until* comes.
        """
        self._timetable.put_off(session_id, until)

    # Who wants to be told, in the turn in which it happens; each answers with how to stop it.

    def subscribe_due(self, callback: Callable[[str, Cause], object]) -> Callable[[], None]:
        """
        Have *callback* told each session that becomes due to end.
        """
        return self._timetable.on_due.add(callback)

    def subscribe_refresh_due(self, callback: Callable[[str], object]) -> Callable[[], None]:
        """
        Have *callback* told each session that becomes due to be refreshed.
        """
        return self._timetable.on_refresh_due.add(callback)

    def subscribe_owed(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have *callback* told when more is owed, or may be done earlier.
        """
        return self._on_owed.add(callback)

    def subscribe_notices(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have *callback* told when more applications are to be told of an end.
        """
        return self._on_notices.add(callback)

    def subscribe_begun(self, callback: Callable[[Session], object]) -> Callable[[], None]:
        """
        Have *callback* told each session that begins, in whatever process.
        """
        return self._on_begun.add(callback)

    def subscribe_ended(self, callback: Callable[[Receipt, tuple[Session, ...]], object]) -> Callable[[], None]:
        """
        Have *callback* told the sessions of each end, wherever it was asked for.
        """
        return self._on_ended.add(callback)

    def subscribe_refreshed(self, callback: Callable[[Session], object]) -> Callable[[], None]:
        """
        Have *callback* told each session of which the OP has said something, to whichever process: its rights may be
        others now.
        """
        return self._on_refreshed.add(callback)

    def _apply(self, position: int, change: Change) -> None:
        self._position = position
        effect = self._ledger.apply(position, change)
        if isinstance(effect, Begun):
            self._timetable.begun(effect.session)
            self._activity.begun(effect.session)
            self._on_begun.tell(effect.session)
        elif isinstance(effect, Refreshed):
            self._timetable.refreshed(effect.session, effect.requested)
            self._on_refreshed.tell(effect.session)
        elif isinstance(effect, SignedOutAtProvider):
            self._timetable.report(effect.session_id, Cause.REFRESH_REFUSED)
        elif isinstance(effect, Ended):
            self._ended_here(effect)
        elif isinstance(change, CutReported):
            self._cut_reports.recorded(change)
        elif isinstance(change, SessionsSeen):
            self._activity.heard(change, is_news=self._unfollow is not None)
        if isinstance(effect, Ended):
            self._tell_what_is_owed(owes=effect.owes, notifies=effect.notifies)
        elif isinstance(effect, MoreOwed):
            self._tell_what_is_owed(owes=True, notifies=False)

    def _ended_here(self, effect: Ended) -> None:
        receipt = effect.receipt
        for session in effect.sessions:
            self._timetable.ended(session.id)
            self._activity.ended(session.id)
        cut = self._attachments.cut((session.id for session in effect.sessions), receipt.cause)
        if cut is not None:
            self._cut_reports.report(receipt.id, *cut)
        if effect.sessions:
            self._on_ended.tell(receipt, effect.sessions)

    def _tell_what_is_owed(self, *, owes: bool, notifies: bool) -> None:
        # Only when there is something new: anybody can have an end recorded that ends nothing, and to look at all that
        # is owed takes a while.
        if owes:
            self._on_owed.tell()
        if notifies:
            self._on_notices.tell()

    async def _append(self, change: Change) -> int:
        self._require_joined()
        return await self._store.append(change)

    def _require_joined(self) -> None:
        if self._unfollow is None:
            raise StoreUnavailable("this registry follows no store")
