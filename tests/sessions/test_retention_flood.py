"""
What a flood leaves behind, in whoever keeps the log and whoever reads it.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.ledger import Ledger
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.retention import Retention
from pomerium_tx.sessions.store import Cause, Change
from tests.sessions.records import NOW, ending, tombstone


class FloodTests(SynchronousTestCase):
    """
    Requests that anybody on the network can make.
    """

    def test_a_flood_leaves_nothing_behind(self) -> None:
        """
        Of what anybody can send nothing is left but what is kept, whether one name is repeated or there are many.
        """
        limits = Limits(outside_tombstones=5)
        for name, sid_of in (("one", lambda number: "sid" * 300), ("many", str)):
            with self.subTest(name=name):
                log: dict[int, Change] = {}
                retention, ledger = Retention(limits, log), Ledger(limits, {})
                for position in range(1, 5001):
                    at = NOW + position / 100
                    stone = tombstone("sid", sid_of(position), at=at, signed_in_until=at, expires=at + 900)
                    change = ending(at=at, tombstones=(stone,), cause=Cause.FRONT_CHANNEL).change([], position - 1)
                    log[position] = change
                    dropped_now = retention.add(position, change)
                    log.update(retention.folded)
                    for dropped in dropped_now:
                        del log[dropped]
                    ledger.apply(position, change)
                heaps = [retention._tombstones._from_outside, ledger._tombstones._from_outside]
                places = [len(retention._ends["receipt"]), *(len(heap._ends) for heap in heaps)]
                self.assertEqual([count < 1100 for count in places], [True] * 3)
                self.assertEqual((len(log), len(retention._groups), len(retention._receipts_until)), (5, 5, 5))
