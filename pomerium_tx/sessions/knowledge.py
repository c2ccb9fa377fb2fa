"""
What can be asked about the log, as far as it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pomerium_tx.sessions.cut_reports import CutReports
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.ledger import Ledger
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import AtProvider, OwedNotice, OwedRevocation


class Knowledge:
    """
    The half of the registry that answers, and changes nothing.
    """

    def __init__(self, seconds: Callable[[], float], cut_reports: CutReports, limits: Limits) -> None:
        """
        Know of nothing.

        :param seconds: What time it is.
        :param cut_reports: What this process knows besides the log.
        """
        self._seconds = seconds
        self._cut_reports = cut_reports
        self._limits = limits
        self._sessions: dict[str, Session] = {}
        self._ledger = Ledger(limits, self._sessions)

    def known(self, session_id: str) -> Session | None:
        """
        The session, if it has not ended, although its time may be over.
        """
        return self._sessions.get(session_id)

    @property
    def count(self) -> int:
        """
        How many sessions have not ended.
        """
        return len(self._sessions)

    def sessions(self) -> Iterable[Session]:
        """
        Every session that has not ended.
        """
        return tuple(self._sessions.values())

    def by_sid(self, iss: str, sid: str) -> frozenset[str]:
        """
        The sessions that ever had this ``sid`` of this issuer.
        """
        return self._ledger.by_sid.get(iss, sid)

    def by_sub(self, iss: str, sub: str) -> frozenset[str]:
        """
        The sessions of one End-User of one issuer.
        """
        return self._ledger.by_sub.get(iss, sub)

    def by_browser(self, browser: str) -> frozenset[str]:
        """
        The sessions of one browser.
        """
        return self._ledger.by_browser.get("", browser)

    def by_bearer(self, digest: str, scope: str) -> str | None:
        """
        The session of the token with that digest, believed on behalf of *scope*.
        """
        return self._ledger.bearers.find(digest, scope)

    def is_spent(self, digest: str) -> bool:
        """
        Whether somebody has ended a session of the token with that digest: it begins none any more.
        """
        return self._ledger.bearers.is_spent(digest)

    def named_by(self, logout: ProviderLogout) -> tuple[str, ...]:
        """
        The sessions that are over at their OP, although their time here may be over too.
        """
        return self._ledger.named_by(logout)

    def confirmed_by(self, logout: ProviderLogout) -> tuple[AtProvider, ...]:
        """
        People's own sign-outs that an OP of theirs confirms herewith, and has not yet.

        All sessions that one of them ended at that OP have to be over there.
        """
        return self._ledger.confirmed_by(logout)

    def ended(self, session_id: str) -> Receipt | None:
        """
        The receipt of the end of a session, for as long as the session could have lived and at least a day.
        """
        return self._as_of_now(self._ledger.ended(session_id))

    def receipt(self, receipt_id: str) -> Receipt | None:
        """
        The receipt of that id, as true as it is by now.
        """
        return self._as_of_now(self._ledger.receipt(receipt_id))

    def departure(self, reference: str) -> Departure | None:
        """
        What is kept under a reference, until its time is over.
        """
        return self._in_time(self._ledger.departure(reference))

    def departure_by_state(self, state: str) -> Departure | None:
        """
        What is kept for the return with a ``state``, until its time is over.
        """
        return self._in_time(self._ledger.departure_by_state(state))

    def is_overtaken(self, browser: str, since: float) -> bool:
        """
        Whether a sign-in that a browser began at *since* has lost: its person was signed out meanwhile.
        """
        return self._ledger.is_overtaken(browser, since=since, at=self._seconds())

    def is_person_overtaken(self, iss: str, sub: str, sid: str | None, *, signed_in: float, since: float) -> bool:
        """
        Whether a sign-in of an End-User, begun at *since* in any browser, has lost: they were signed out meanwhile.

        :param signed_in: The ``iat`` of its ID Token.
        """
        sids = () if sid is None else (sid,)
        return self._ledger.is_person_overtaken(iss, sub, sids, signed_in=signed_in, since=since, at=self._seconds())

    def has_seen(self, iss: str, jti: str) -> bool:
        """
        Whether a Logout Token was acted on.
        """
        return self._ledger.has_seen(iss, jti)

    def owed(self) -> list[OwedRevocation]:
        """
        The revocations that are not done yet.
        """
        return list(self._ledger.owed.by_id.values())

    def notices(self) -> list[OwedNotice]:
        """
        The applications that have yet to be told of an end, for a day at most.
        """
        return self._ledger.notices.owed()

    def _as_of_now(self, receipt: Receipt | None) -> Receipt | None:
        receipt = self._cut_reports.complete(receipt)
        return None if receipt is None else receipt.at(self._seconds())

    def _in_time(self, departure: Departure | None) -> Departure | None:
        return departure if departure is not None and departure.expires > self._seconds() else None
