"""
Tests for `pomerium_tx.sessions.cut_reports`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.cut_reports import CutReports
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause, Change, CutReported, StoreUnavailable
from tests.doubles.stores import UnreliableStore

RECEIPT = Receipt(id="r", time=0, cause=Cause.IDLE)


class CutReportsTests(SynchronousTestCase):
    """
    Telling what was cut here.
    """

    def setUp(self) -> None:
        """
        Reports to a store that can be slow.
        """
        self.store = UnreliableStore()
        self.recorded: list[Change] = []
        self.reports = CutReports(self.store)
        self.successResultOf(Deferred.fromCoroutine(self.store.follow(0, self.apply)))

    def apply(self, position: int, change: Change) -> None:
        """
        Hear of what the log says.
        """
        assert isinstance(change, CutReported)
        self.recorded.append(change)
        self.reports.recorded(change)

    def counted(self) -> int:
        """
        What a receipt gains.
        """
        receipt = self.reports.complete(RECEIPT)
        assert receipt is not None
        return receipt.exchanges_cut["sse"]

    def test_counted_once(self) -> None:
        """
        What was cut is counted here until the log counts it.
        """
        self.store.hold()
        self.reports.report("r", {"sse": 2}, {})
        self.assertEqual(self.counted(), 2)
        self.store.release()
        self.assertEqual((self.counted(), len(self.reports)), (0, 0))

    def test_others_reports(self) -> None:
        """
        What another process reports for the same end is not taken for ours.
        """
        self.store.hold()
        self.reports.report("r", {"sse": 2}, {})
        self.reports.recorded(CutReported(receipt_id="r", registry="other", exchanges_cut={}, in_doubt={}))
        self.assertEqual(self.counted(), 2)

    def test_nothing_to_complete(self) -> None:
        """
        What is not there stays so.
        """
        self.assertIsNone(self.reports.complete(None))

    def test_unavailable(self) -> None:
        """
        A report that cannot be recorded is logged, and counted here all the same.
        """
        self.store.break_down()
        self.reports.report("r", {"sse": 2}, {})
        self.assertEqual(self.counted(), 2)
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 1)

    def test_stop(self) -> None:
        """
        A report that is abandoned is not recorded later, and is no failure.
        """
        self.store.hold()
        self.reports.report("r", {"sse": 2}, {})
        self.reports.stop()
        self.assertEqual(self.counted(), 0)
        self.store.release()
        self.assertEqual(self.recorded, [])
