"""
What more than one core allows.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import processes
from benchmarks.workers import possible


class PossibleTests(SynchronousTestCase):
    """
    The most that a machine can show.
    """

    def test_bounds(self) -> None:
        """
        The workers' cores, all cores together and the load generator each set one.
        """
        table = [
            ("one worker on a core of its own", 1, 2, 50e-6, 10e-6, 20_000),
            ("two workers that share with the load", 2, 2, 50e-6, 10e-6, 2 / 60e-6),
            ("a load generator that is slower than they are", 3, 8, 10e-6, 20e-6, 50_000),
        ]
        for name, places, usable, of_proxy, of_load, expected in table:
            with self.subTest(name):
                found = possible(places=places, of_proxy=of_proxy, of_load=of_load, usable=usable)
                self.assertAlmostEqual(found, expected)


class CoresTests(SynchronousTestCase):
    """
    Where workers run.
    """

    def test_apart(self) -> None:
        """
        Beside the load generator only if there is no other place.
        """
        for usable, workers, expected in (
            (1, 1, (0,)),
            (2, 1, (1,)),
            (2, 2, (0, 1)),
            (4, 2, (1, 2)),
            (4, 3, (1, 2, 3)),
        ):
            with self.subTest(usable=usable, workers=workers):
                self.patch(os, "sched_getaffinity", lambda pid, usable=usable: set(range(usable)))
                self.assertEqual(processes.cores_for(workers), expected)
