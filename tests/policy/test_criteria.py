"""
What the access settings of a route mean.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.policy.criteria import from_legacy
from tests.policy.clients import decided
from tests.policy.people import alice


class LegacyTests(SynchronousTestCase):
    """
    Pomerium's access settings, as one allow rule.
    """

    def test_no_rule(self) -> None:
        """
        A route without any setting refuses everybody, and sends nobody to sign in for it.
        """
        for session in (None, alice()):
            decision = decided(from_legacy(), session)
            self.assertEqual((decision.allow, decision.deny, decision.unauthenticated), (False, False, False))
            self.assertEqual(decision.reasons, ())

    def test_public(self) -> None:
        """
        A public route admits everybody, with or without a session.
        """
        for session in (None, alice()):
            decision = decided(from_legacy(public=True), session)
            self.assertTrue(decision.admits)
            self.assertEqual(decision.reasons, ("accept",))

    def test_anonymous(self) -> None:
        """
        Where somebody could be admitted, nobody is told to sign in.
        """
        for settings in (
            {"any_authenticated": True},
            {"users": ["alice"]},
            {"domains": ["example.com"]},
        ):
            with self.subTest(settings=settings):
                decision = decided(from_legacy(**settings), None)
                self.assertEqual((decision.allow, decision.deny, decision.unauthenticated), (False, False, True))
                self.assertEqual(decision.reasons, ("user-unauthenticated",))

    def test_any_authenticated(self) -> None:
        """
        Whoever has a user id is admitted; a session without one is nobody.
        """
        policy = from_legacy(any_authenticated=True)
        self.assertEqual((decided(policy, alice()).admits, decided(policy, alice()).reasons), (True, ("user-ok",)))
        nameless = decided(policy, alice(user_id=""))
        self.assertEqual((nameless.admits, nameless.reasons), (False, ("user-unauthorized",)))
        self.assertFalse(nameless.unauthenticated)

    def test_users(self) -> None:
        """
        A user is named by id or by e-mail address, exactly.
        """
        cases = [
            (["alice"], True, ("user-ok",)),
            (["alice@example.com"], True, ("email-ok",)),
            (["alice", "alice@example.com"], True, ("email-ok", "user-ok")),
            (["Alice"], False, ("email-unauthorized", "user-unauthorized")),
            (["ALICE@example.com"], False, ("email-unauthorized", "user-unauthorized")),
            (["example.com"], False, ("email-unauthorized", "user-unauthorized")),
            (["sub-alice"], False, ("email-unauthorized", "user-unauthorized")),
        ]
        for users, admits, reasons in cases:
            with self.subTest(users=users):
                decision = decided(from_legacy(users=users), alice())
                self.assertEqual((decision.admits, decision.reasons), (admits, reasons))
                self.assertFalse(decision.unauthenticated)

    def test_domains(self) -> None:
        """
        A domain is all that follows the first ``@``, exactly.
        """
        cases = [
            ("alice@example.com", True),
            ("alice@Example.com", False),
            ("alice@sub.example.com", False),
            ("alice@evil.test@example.com", False),
            ("alice@example.com@evil.test", False),
            ("example.com", False),
            ("", False),
        ]
        for email, admits in cases:
            with self.subTest(email=email):
                decision = decided(from_legacy(domains=["example.com"]), alice(email=email))
                self.assertEqual(decision.admits, admits)
                self.assertEqual(decision.reasons, ("domain-ok",) if admits else ("domain-unauthorized",))

    def test_any_of(self) -> None:
        """
        One criterion that holds is enough, and only those that hold are named.
        """
        policy = from_legacy(users=["bob"], domains=["example.com"])
        self.assertEqual(decided(policy, alice()).reasons, ("domain-ok",))
        self.assertTrue(decided(policy, alice()).admits)
        self.assertEqual(
            decided(policy, alice(email="alice@evil.test")).reasons,
            ("domain-unauthorized", "email-unauthorized", "user-unauthorized"),
        )

    def test_empty_names(self) -> None:
        """
        An empty entry admits nobody, not even a session that lacks the value.
        """
        decision = decided(from_legacy(users=["", "bob"], domains=["", "corp.test"]), alice(user_id="", email=""))
        self.assertFalse(decision.admits)
        self.assertFalse(decided(from_legacy(users=[""], domains=[""]), alice(user_id="", email="")).admits)
