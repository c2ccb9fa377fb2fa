"""
Tests of `pomerium_tx.proxy.upstreams.watched`.
"""

from __future__ import annotations

from pomerium_tx.routing.balancing import Balancing
from tests.proxy.several import SeveralTestCase, health_check, outlier_detection


class WatchedMembersTests(SeveralTestCase):
    """
    Everything that watches begins and ends together.
    """

    def test_start_and_stop(self) -> None:
        """
        Between start and stop every upstream is asked by every check, and ejections end; afterwards nothing is left.
        """
        quiet = len(self.network.clock.getDelayedCalls())
        watched = self.balance(
            Balancing(health_checks=(health_check(), health_check()), outlier_detection=outlier_detection())
        )
        self.settle()
        self.assertEqual([len(factory.peers) for factory in self.peers.values()], [2, 2, 2])
        watched.stop()
        self.settle()
        self.assertEqual(len(self.network.clock.getDelayedCalls()), quiet)
        self.assertNotIn(watched.outliers, self.deadlines._timed)

    def test_nothing_to_watch(self) -> None:
        """
        Several upstreams that nobody wants watched cost nothing while nothing is asked.
        """
        quiet = len(self.network.clock.getDelayedCalls())
        self.balance(Balancing()).stop()
        self.assertEqual(len(self.network.clock.getDelayedCalls()), quiet)
