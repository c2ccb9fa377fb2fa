"""
Tests of `pomerium_tx.sessions.leftovers`.
"""

from __future__ import annotations

from collections.abc import Set

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions import session as session_module
from pomerium_tx.sessions.leftovers import Leftovers
from tests.doubles.sessions import a_session


class LeftoversTests(SynchronousTestCase):
    """
    What is let go of when sessions have ended.
    """

    def test_all_at_once(self) -> None:
        """
        What ended since the last sweep is let go of in one step, once; without an end nothing is looked for.
        """
        told: list[list[str]] = []

        def forget(session_ids: Set[str]) -> None:
            told.append(sorted(session_ids))

        leftovers = Leftovers(forget)
        leftovers.check_deadlines(0.0)
        self.assertEqual(told, [])
        leftovers.add((a_session(id="one"), a_session(id="two")))
        leftovers.add((a_session(id="two"), a_session(id="three")))
        self.assertEqual(told, [])
        for _ in range(2):
            leftovers.check_deadlines(1.0)
            self.assertEqual(told, [["one", "three", "two"]])

    def test_claims(self) -> None:
        """
        Of a session that has ended nothing stays open that is packed, and so no token.
        """
        session = a_session(id="one")
        self.assertEqual(session.claims, session.claims)
        self.assertIn("one", session_module._awake._opened)
        leftovers = Leftovers(lambda session_ids: None)
        leftovers.add((session,))
        leftovers.check_deadlines(1.0)
        self.assertNotIn("one", session_module._awake._opened)
