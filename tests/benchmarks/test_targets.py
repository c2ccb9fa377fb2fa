"""
What is wanted and whether it was reached.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.ratios import CPU, RATE
from benchmarks.targets import TARGETS, Target, judged
from benchmarks.works import WORKS
from tests.benchmarks.figures import result, turn


class TargetTests(SynchronousTestCase):
    """
    One target.
    """

    def test_verdicts(self) -> None:
        """
        CPU time must not exceed its bound, the rate not fall below it; exactly the bound is enough.
        """
        table = [
            (CPU, 0.5, 0.4, 0.39, "met, and the stretch"),
            (CPU, 0.5, 0.4, 0.5, "met"),
            (CPU, 0.5, None, 0.51, "NOT MET"),
            (RATE, 1.0, 1.3, 1.3, "met, and the stretch"),
            (RATE, 1.0, 1.3, 1.0, "met"),
            (RATE, 1.0, None, 0.99, "NOT MET"),
            (CPU, None, 1.6, 1.7, "stretch not met"),
            (CPU, None, 1.6, 1.5, "met, and the stretch"),
        ]
        for measure, bound, stretch, value, verdict in table:
            with self.subTest(measure=measure, bound=bound, value=value):
                target = Target(work="small", other="nginx", measure=measure, bound=bound, stretch=stretch)
                self.assertEqual(target.reached(value), verdict)

    def test_every_target_is_measured(self) -> None:
        """
        Each is about a work, and about peers who do it.
        """
        peers = {work.name: work.peers for work in WORKS}
        for target in TARGETS:
            with self.subTest(target.work, other=target.other):
                self.assertIn(target.ours, peers[target.work])
                self.assertIn(target.other, peers[target.other_work or target.work])


class JudgedTests(SynchronousTestCase):
    """
    All targets and one comparison.
    """

    def test_what_was_wanted(self) -> None:
        """
        Targets that nobody measured are left out; one whose peer was wanted and is missing is named.
        """
        turns = [turn("small", "pomerium", cpu_us=30.0), turn("small", "nginx", cpu_us=20.0)]
        found = judged(result(*turns, wanted=["pomerium", "nginx", "apache"]))
        self.assertEqual(
            {each.target.other: each.verdict for each in found},
            {"apache": "not measured", "nginx": "met, and the stretch"},
        )

    def test_two_works(self) -> None:
        """
        Sending somebody to sign in is compared with serving who has a session.
        """
        turns = [turn("small", "pomerium", per_second=100.0), turn("redirect", "pomerium", per_second=90.0)]
        verdicts = {each.target.work: each.verdict for each in judged(result(*turns))}
        self.assertEqual(verdicts["redirect"], "NOT MET")
