"""
Tokens that are to be revoked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import UNTIL_PROVEN, OwedRevocation, SessionsEnded


class OwedRevocations:
    """
    The revocations that are owed.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, OwedRevocation] = {}
        self._by_receipt: dict[str, set[str]] = {}

    def add(self, revocation: OwedRevocation) -> None:
        """
        Owe one more.
        """
        self.by_id[revocation.id] = revocation
        if revocation.receipt_id is not None:
            self._by_receipt.setdefault(revocation.receipt_id, set()).add(revocation.id)

    def done(self, id: str) -> None:
        """
        Owe it no longer.
        """
        revocation = self.by_id.pop(id, None)
        if revocation is not None and revocation.receipt_id is not None:
            others = self._by_receipt[revocation.receipt_id]
            others.discard(id)
            if not others:
                del self._by_receipt[revocation.receipt_id]

    def release(self, receipt_id: str, iss: str = "") -> bool:
        """
        What one end owes, or owes at one OP, need not wait; whether any of it did.
        """
        waiting = [one.id for one in self._of(receipt_id, iss) if one.not_before != 0.0]
        for name in waiting:
            self.by_id[name] = replace(self.by_id[name], not_before=0.0)
        return bool(waiting)

    def receipt_dropped(self, receipt_id: str) -> None:
        """
        Nobody will prove any more what one end was said to be.
        """
        for name in tuple(self._by_receipt.get(receipt_id, ())):
            if self.by_id[name].not_before == UNTIL_PROVEN:
                self.done(name)

    def has_waiting(self, receipt_id: str, at: float, iss: str = "") -> bool:
        """
        Whether something that one end owes, or owes at one OP, is not to be revoked yet at *at*.
        """
        return any(one.not_before > at for one in self._of(receipt_id, iss))

    def _of(self, receipt_id: str, iss: str) -> list[OwedRevocation]:
        found = [self.by_id[name] for name in self._by_receipt.get(receipt_id, ())]
        return [one for one in found if iss in ("", one.iss)]

    def settle(
        self, change: SessionsEnded, ids: Collection[str], sessions: Iterable[Session]
    ) -> tuple[OwedRevocation, ...]:
        """
        Owe what an end brings, now that it is known which sessions it ended and with which tokens; that is answered,
        but for what still waits for a proof.

        Whoever asked for the end knew the tokens as they were; a refresh may have come before it in the log.

        :param ids: Those sessions.
        :param sessions: Those of them about which the log still says everything.
        """
        owed = change.owed
        asked = frozenset(change.session_ids)
        if not asked.issubset(ids):
            known = {token for revocation in self.by_id.values() for _, token in revocation.tokens}
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
                    iss=session.iss,
                    sub=session.sub,
                    tokens=newer,
                    not_before=not_before.get(session.idp_id, change.at),
                )
                owed = (*owed, more)
        for revocation in owed:
            self.add(revocation)
        return tuple(revocation for revocation in owed if revocation.not_before != UNTIL_PROVEN)
