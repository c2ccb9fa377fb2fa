"""
What makes a round count for nothing.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.load import NOTHING
from benchmarks.rounds import fault
from benchmarks.works import Work

GOOD = replace(NOTHING, requests=1000, per_second=500.0)
SESSION = Work(name="", title="", peers=())
NOBODY = replace(SESSION, is_anonymous=True)


class FaultTests(SynchronousTestCase):
    """
    All three sides must agree.
    """

    def test_good(self) -> None:
        """
        What was answered has reached the application, except what was sent to sign in.
        """
        for work, arrived in ((SESSION, 1000), (SESSION, 2032), (NOBODY, 0)):
            with self.subTest(arrived=arrived):
                self.assertEqual(fault(GOOD, arrived, work), "")

    def test_faults(self) -> None:
        """
        Refusals, broken connections, answers that the application did not give, and passing without a session.
        """
        table = [
            (NOTHING, 0, SESSION, "no request"),
            (replace(GOOD, refused=17), 1000, SESSION, "17 answers"),
            (replace(GOOD, broken=4), 1000, SESSION, "4 connections"),
            (GOOD, 999, SESSION, "seen 999 of 1000"),
            (GOOD, 500, NOBODY, "500 requests of nobody"),
        ]
        for outcome, arrived, work, part in table:
            with self.subTest(part):
                self.assertIn(part, fault(outcome, arrived, work))
