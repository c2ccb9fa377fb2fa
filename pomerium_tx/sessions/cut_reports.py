"""
Telling the others what was cut here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import CutReported, SessionStore

log = Logger()


class CutReports:
    """
    What this process has cut and the log does not say yet.
    """

    def __init__(self, store: SessionStore) -> None:
        """
        Begin with nothing to report.
        """
        self._store = store
        self._name = secrets.token_hex(8)
        self._unreported: dict[str, CutReported] = {}
        self._appends: set[Deferred[int]] = set()

    def __len__(self) -> int:
        return len(self._unreported)

    def report(self, receipt_id: str, exchanges_cut: Mapping[str, int], in_doubt: Mapping[str, int]) -> None:
        """
        Have the log say what was cut; until it does, `complete` does.
        """
        change = CutReported(receipt_id=receipt_id, registry=self._name, exchanges_cut=exchanges_cut, in_doubt=in_doubt)
        self._unreported[receipt_id] = change
        appended = Deferred.fromCoroutine(self._store.append(change))
        self._appends.add(appended)

        def done(result: int | Failure) -> None:
            self._appends.discard(appended)
            if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
                # Everything is cut all the same; only the receipts that others give do not count it.
                log.failure("The cuts of {receipt} could not be recorded", result, receipt=receipt_id)

        appended.addBoth(done)

    def recorded(self, change: CutReported) -> None:
        """
        The log says something; it may be ours.
        """
        if change.registry == self._name:
            self._unreported.pop(change.receipt_id, None)

    def complete(self, receipt: Receipt | None) -> Receipt | None:
        """
        The receipt, with what was cut here counted.
        """
        if receipt is None or receipt.id not in self._unreported:
            return receipt
        change = self._unreported[receipt.id]
        return receipt.with_cuts(change.exchanges_cut, change.in_doubt)

    def stop(self) -> None:
        """
        Report nothing more.
        """
        for appended in list(self._appends):
            appended.cancel()
        self._unreported.clear()
