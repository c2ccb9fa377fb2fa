"""
Medians, and ratios within rounds.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.ratios import CPU, RATE, Spread, ratio, rows
from tests.benchmarks.figures import turn

OURS, THEIRS = ("small", "pomerium"), ("small", "nginx")


class RowTests(SynchronousTestCase):
    """
    One peer at one work.
    """

    def test_median(self) -> None:
        """
        The middle of the rounds is told, with their extremes.
        """
        (row,) = rows(turn(*OURS, number, cpu_us=cpu) for number, cpu in enumerate((50.0, 30.0, 31.0)))
        self.assertEqual(row.cpu_us, Spread(middle=31.0, least=30.0, most=50.0))
        self.assertEqual((row.rounds, row.faults), (3, ()))

    def test_faults(self) -> None:
        """
        A round with a fault counts for nothing, and is not forgotten.
        """
        (row,) = rows((turn(*OURS, 0, cpu_us=30.0), turn(*OURS, 1, cpu_us=1.0, fault="17 answers were refusals")))
        self.assertEqual((row.cpu_us.middle, row.rounds, row.faults), (30.0, 1, ("17 answers were refusals",)))

    def test_nothing_left(self) -> None:
        """
        Where no round counts there is a row all the same.
        """
        (row,) = rows([turn(*OURS, fault="no request was answered")])
        self.assertEqual((row.rounds, row.per_second.middle), (0, 0.0))


class RatioTests(SynchronousTestCase):
    """
    One over the other.
    """

    def test_within_rounds(self) -> None:
        """
        A machine that is slow for one round is slow for both: the ratio is taken before the median.
        """
        turns = [turn(*OURS, number, cpu_us=40.0 * pace) for number, pace in enumerate((1, 3, 9))]
        turns += [turn(*THEIRS, number, cpu_us=20.0 * pace) for number, pace in enumerate((1, 3, 9))]
        self.assertEqual(ratio(turns, CPU, OURS, THEIRS), Spread(middle=2.0, least=2.0, most=2.0))

    def test_measure(self) -> None:
        """
        CPU time and rate are different things.
        """
        turns = [turn(*OURS, cpu_us=40.0, per_second=100.0), turn(*THEIRS, cpu_us=20.0, per_second=400.0)]
        for measure, expected in ((CPU, 2.0), (RATE, 0.25)):
            with self.subTest(measure):
                found = ratio(turns, measure, OURS, THEIRS)
                assert found is not None
                self.assertEqual(found.middle, expected)

    def test_incomplete_rounds(self) -> None:
        """
        A round in which only one of them counts gives no ratio; without any other there is none.
        """
        turns = [turn(*OURS, 0), turn(*THEIRS, 0, fault="4 connections broke"), turn(*OURS, 1)]
        self.assertIsNone(ratio(turns, CPU, OURS, THEIRS))
