"""
Tests for `pomerium_tx.sessions.sightings`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.sightings import Sightings


class SightingsTests(SynchronousTestCase):
    """
    Reports of the use of sessions.
    """

    def setUp(self) -> None:
        """
        Ten uses are kept.
        """
        self.dropped: list[int] = []
        self.sightings = Sightings(10, self.dropped.append)

    def test_the_last_is_kept(self) -> None:
        """
        A report is kept as long as it says when some session was last used.
        """
        self.sightings.add(1, {"alice": 1.0, "bob": 1.0})
        self.sightings.add(2, {"alice": 2.0})
        self.assertEqual(self.dropped, [])
        self.sightings.add(3, {"bob": 3.0})
        self.assertEqual(self.dropped, [1])
        self.sightings.add(4, {"alice": 2.0, "bob": 3.0})
        self.assertEqual(self.dropped, [1, 2, 3])

    def test_late_reports(self) -> None:
        """
        The last use counts, not the last report; one that says nothing new is not kept at all.
        """
        self.sightings.add(1, {"alice": 5.0})
        self.sightings.add(2, {"alice": 4.0})
        self.sightings.add(3, {})
        self.assertEqual(self.dropped, [2, 3])

    def test_forgotten(self) -> None:
        """
        With the last session that it tells of a report goes, and nothing is left.
        """
        self.sightings.add(1, {"alice": 1.0, "bob": 1.0})
        for name in ("alice", "alice", "carol"):
            self.sightings.forget(name)
        self.assertEqual(self.dropped, [])
        self.sightings.forget("bob")
        self.assertEqual(self.dropped, [1])
        self.assertEqual((self.sightings._last, self.sightings._counts, self.sightings._total), ({}, {}, 0))

    def test_bounded(self) -> None:
        """
        Of more uses than are kept the oldest reports go, outdated uses included; later ones are unimpressed.
        """
        for position in range(1, 5):
            self.sightings.add(position, {"alice": float(position), str(position): 1.0, f"{position}x": 1.0})
        self.assertEqual(self.dropped, [1])
        self.sightings.add(5, {"1": 2.0, "1x": 2.0})
        self.assertEqual(self.dropped, [1, 2])
        self.sightings.add(6, {str(number): 3.0 for number in range(11)})
        self.assertEqual(self.dropped[-1], 6)
        self.assertEqual(self.sightings._total, 0)
