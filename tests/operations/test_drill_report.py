"""
Tests for `pomerium_tx.operations.drill_report`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.operations.drill_report import DrillReport
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause

CUT = {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 1, "download": 1}
RECEIPT = Receipt(id="receipt-1", time=0.0, cause=Cause.ADMINISTRATOR, session_ids=("s",), exchanges_cut=CUT)
PASSED = DrillReport(
    cut_after={"websocket": 0.001, "sse": 0.0012, "download": 0.002, "upload": 0.003},
    answered_after=0.004,
    close_code=4401,
    refused_after=True,
    receipt=RECEIPT,
)


class DrillReportTests(SynchronousTestCase):
    """
    Passed or not.
    """

    def test_passed(self) -> None:
        """
        It is passed where all was cut, said, counted and refused; times are told in milliseconds.
        """
        told = PASSED.as_json()
        self.assertIs(told["passed"], True)
        self.assertEqual(told["cut_after_ms"], {"websocket": 1.0, "sse": 1.2, "download": 2.0, "upload": 3.0})
        self.assertEqual(told["answered_after_ms"], 4.0)

    def test_failed(self) -> None:
        """
        Whatever is missing, it is not passed.
        """
        for name, report in {
            "a kind that was not cut": replace(PASSED, cut_after={**PASSED.cut_after, "sse": None}),
            "nothing was open": replace(PASSED, cut_after={}),
            "no close code": replace(PASSED, close_code=None),
            "another close code": replace(PASSED, close_code=1006),
            "the old cookie works": replace(PASSED, refused_after=False),
            "not counted": replace(PASSED, receipt=replace(RECEIPT, exchanges_cut={**CUT, "upload": 0})),
            "counted twice": replace(PASSED, receipt=replace(RECEIPT, exchanges_cut={**CUT, "sse": 2})),
        }.items():
            with self.subTest(name):
                self.assertFalse(report.is_passed)
