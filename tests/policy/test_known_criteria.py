"""
Tests of `pomerium_tx.policy.known_criteria`, `pomerium_tx.policy.kinds` and `pomerium_tx.policy.reasons`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy_criteria import FORMS
from pomerium_tx.policy import reasons
from pomerium_tx.policy.kinds import Outcome, outcomes
from pomerium_tx.policy.known_criteria import KINDS


class KnownCriteriaTests(SynchronousTestCase):
    """
    The two tables of criteria.
    """

    def test_same_names(self) -> None:
        """
        Every criterion that can be read has a meaning, and the other way round.
        """
        self.assertEqual(set(FORMS), set(KINDS))

    def test_questions(self) -> None:
        """
        Whatever has more than one outcome asks, and one that does not hold has another reason than one that does.
        """
        for name, kind in KINDS.items():
            with self.subTest(name=name):
                self.assertEqual(kind.ask is not None, len(kind.outcomes) > 1)
                told_apart = {outcome.reason for outcome in kind.outcomes}
                self.assertEqual(len(told_apart), len(kind.outcomes))
                self.assertFalse(kind.needs_session and kind.ask is None)

    def test_reasons(self) -> None:
        """
        Reasons are known by the names that Pomerium has for them.
        """
        known = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
        for kind in KINDS.values():
            self.assertLessEqual({outcome.reason for outcome in kind.outcomes}, known)
        self.assertEqual(outcomes("no", "yes"), (Outcome(False, "no"), Outcome(True, "yes")))
