"""
Tests of `pomerium_tx.policy.known_criteria`, `pomerium_tx.policy.kinds` and `pomerium_tx.policy.reasons`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.criteria import FORMS
from pomerium_tx.policy import reasons
from pomerium_tx.policy.kinds import Outcome, outcomes
from pomerium_tx.policy.known_criteria import KINDS

REASONS = {
    "accept",
    "reject",
    "user-ok",
    "user-unauthorized",
    "user-unauthenticated",
    "email-ok",
    "email-unauthorized",
    "domain-ok",
    "domain-unauthorized",
    "claim-ok",
    "claim-unauthorized",
    "groups-ok",
    "groups-unauthorized",
    "http-method-ok",
    "http-method-unauthorized",
    "http-path-ok",
    "http-path-unauthorized",
    "source-ip-ok",
    "source-ip-unauthorized",
    "cors-request",
    "non-cors-request",
    "non-pomerium-route",
    "client-certificate-ok",
    "client-certificate-unauthorized",
    "client-certificate-required",
    "invalid-client-certificate",
    "valid-client-certificate",
}


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
        Reasons are known by the names that Pomerium has for them, and each is given by some criterion.
        """
        given = {outcome.reason for kind in KINDS.values() for outcome in kind.outcomes}
        self.assertEqual(given | {reasons.USER_UNAUTHENTICATED}, REASONS)
        known = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
        self.assertEqual(known, REASONS)
        self.assertEqual(outcomes("no", "yes"), (Outcome(False, "no"), Outcome(True, "yes")))
