"""
Tests for `pomerium_tx.sessions.departure`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.session_store import departure, legs
from tests.sessions.records import ISS

OTHER = "https://other.example"


class DepartureTests(SynchronousTestCase):
    """
    The way to the OPs and back.
    """

    def test_legs(self) -> None:
        """
        A state belongs to one leg, and one that was never given to none.
        """
        to = departure(legs=legs(ISS, OTHER))
        self.assertEqual(to.issuers, {ISS, OTHER})
        self.assertEqual([to.leg_of(leg.state) for leg in to.legs], list(to.legs))
        self.assertIsNone(to.leg_of(""))
        self.assertEqual(departure(legs=()).issuers, frozenset())

    def test_without_hints(self) -> None:
        """
        What says who it was can be forgotten, and nothing else with it.
        """
        to = departure(legs=legs(ISS, OTHER))
        bare = to.without_hints()
        self.assertEqual([leg.id_token for leg in bare.legs], [None, None])
        self.assertEqual(
            ([leg.state for leg in bare.legs], bare.reference), ([leg.state for leg in to.legs], to.reference)
        )
