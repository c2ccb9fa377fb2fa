"""
Tests of `pomerium_tx.policy.session_criteria`: Pomerium's own cases, and what is easily got wrong.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.policy.session_criteria import KINDS, values_of
from tests.policy.clients import decided, policy
from tests.policy.people import alice

CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # A criterion, what Alice's session says, and the reason that follows.
    ({"authenticated_user": True}, {}, "user-ok"),
    ({"authenticated_user": True}, {"user_id": ""}, "user-unauthorized"),
    ({"user": {"is": "alice"}}, {}, "user-ok"),
    ({"user": {"is": "alice"}}, {"user_id": "Alice"}, "user-unauthorized"),
    ({"user": "alice"}, {"user_id": "", "sub": "alice"}, "user-unauthorized"),
    ({"user": "alice@example.com"}, {}, "user-unauthorized"),
    ({"user": {"starts_with": "al"}}, {}, "user-ok"),
    ({"user": {"not": "alice"}}, {"user_id": ""}, "user-ok"),
    ({"email": {"is": "alice@example.com"}}, {}, "email-ok"),
    ({"email": {"is": "alice@example.com"}}, {"email": "ALICE@example.com"}, "email-unauthorized"),
    ({"email": {"in": ["alice@example.com", "bob@example.com"]}}, {}, "email-ok"),
    ({"email": {"not_in": ["alice@example.com"]}}, {}, "email-unauthorized"),
    ({"email": {"ends_with": "@example.com"}}, {"email": "eve@example.com.evil.test"}, "email-unauthorized"),
    ({"email": {"not": ""}}, {"email": ""}, "email-unauthorized"),
    ({"domain": {"is": "example.com"}}, {}, "domain-ok"),
    ({"domain": "example.com"}, {"email": "test@evil.test"}, "domain-unauthorized"),
    ({"domain": "example.com"}, {"email": "a@Example.com"}, "domain-unauthorized"),
    ({"domain": "example.com"}, {"email": "a@evil.test@example.com"}, "domain-unauthorized"),
    ({"domain": "example.com"}, {"email": "a@example.com@evil.test"}, "domain-unauthorized"),
    ({"domain": "example.com"}, {"email": "example.com"}, "domain-unauthorized"),
    ({"domain": {"ends_with": "example.com"}}, {"email": "a@sub.example.com"}, "domain-ok"),
    ({"domain": {"ends_with": ".example.com"}}, {"email": "a@notexample.com"}, "domain-unauthorized"),
    ({"domain": {"not": "evil.test"}}, {"email": "nobody"}, "domain-unauthorized"),
    ({"domain": {"ends_with": "example.com"}}, {"email": "a@evil.test@example.com"}, "domain-unauthorized"),
    ({"domain": {"starts_with": "example.com"}}, {"email": "a@example.com@evil.test"}, "domain-unauthorized"),
    ({"domain": {"not": "evil.test"}}, {"email": "a@evil.test@example.com"}, "domain-unauthorized"),
    ({"domain": {"not_in": ["evil.test"]}}, {"email": ""}, "domain-unauthorized"),
    ({"domain": {"not": "evil.test"}}, {"email": "a@b.test"}, "domain-ok"),
    ({"claim/family_name": "Smith"}, {"claims": {"family_name": ("Smith",)}}, "claim-ok"),
    ({"claim/family_name": {"has": "Smith"}}, {"claims": {"family_name": ("Smith",)}}, "claim-ok"),
    ({"claim/family_name": "Smith"}, {"claims": {}}, "claim-unauthorized"),
    ({"claim/family_name": "Smith"}, {"claims": {"family_name": ("Jones",)}}, "claim-unauthorized"),
    ({"claim/Family_name": "Smith"}, {"claims": {"family_name": ("Smith",)}}, "claim-unauthorized"),
    ({"claim/example.com/key": "value"}, {"claims": {"example.com/key": ("value",)}}, "claim-ok"),
    ({"claim/a.b": 1}, {"claims": {"a.b": (1,)}}, "claim-ok"),
    ({"claim/a/b": 1}, {"claims": {"a.b": (1,)}}, "claim-ok"),
    ({"claim/a/b/c/d/e": "x"}, {"claims": {"a.b.c.d.e": ("x",)}}, "claim-ok"),
    ({"claim/a.b": 1}, {"claims": {"a/b": (1,)}}, "claim-unauthorized"),
    ({"claim/a": 1}, {"claims": {"a.b": (1,)}}, "claim-unauthorized"),
    ({"claim/email_verified": True}, {"claims": {"email_verified": (True,)}}, "claim-ok"),
    ({"claim/email_verified": True}, {"claims": {"email_verified": ("true",)}}, "claim-unauthorized"),
    ({"claim/roles": {"is": "reader"}}, {"claims": {"roles": ("reader", "admin")}}, "claim-unauthorized"),
    ({"claim/roles": {"exclude": "admin"}}, {"claims": {"roles": ("reader",)}}, "claim-ok"),
    ({"claim/roles": {"exclude": "admin"}}, {"claims": {}}, "claim-ok"),
    ({"claim/roles": {"exclude": "admin"}}, {"claims": {"roles": ("admin", "reader")}}, "claim-unauthorized"),
    ({"groups": "staff"}, {}, "groups-ok"),
    ({"groups": {"has": "readers"}}, {}, "groups-ok"),
    ({"groups": "admin"}, {}, "groups-unauthorized"),
    ({"groups": "staff"}, {"claims": {}}, "groups-unauthorized"),
    ({"groups": {"exclude": "staff"}}, {}, "groups-unauthorized"),
]


class SessionCriteriaTests(SynchronousTestCase):
    """
    Criteria about who asks.
    """

    def test_cases(self) -> None:
        """
        Each criterion holds for exactly those whom it names, and says so by its reason.
        """
        for criterion, changes, reason in CASES:
            with self.subTest(criterion=criterion, changes=changes):
                decision = decided(policy({"allow": {"and": [criterion]}}), alice(**changes))
                self.assertEqual((decision.allow, decision.reasons), (reason.endswith("-ok"), (reason,)))
                # Taken together with others of its kind, it is still the same.
                among = decided(policy({"allow": {"and": [criterion, {"accept": True}, criterion]}}), alice(**changes))
                self.assertEqual(among.allow, decision.allow)

    def test_denies(self) -> None:
        """
        Each criterion refuses in a deny rule whom it would admit in an allow rule, and nobody else.
        """
        tested = set()
        for criterion, changes, reason in CASES:
            (name,) = criterion
            tested.add(name.partition("/")[0])
            written = {"allow": {"or": [{"accept": True}]}, "deny": {"or": [criterion]}}
            with self.subTest(criterion=criterion, changes=changes):
                self.assertEqual(decided(policy(written), alice(**changes)).admits, not reason.endswith("-ok"))
        self.assertEqual(tested, set(KINDS))

    def test_nobody(self) -> None:
        """
        Without a session none of them holds, and the reason is that nobody is signed in; negated it is the same.
        """
        for criterion, _, _ in CASES:
            for operator in ("and", "or", "not", "nor"):
                with self.subTest(criterion=criterion, operator=operator):
                    decision = decided(policy({"allow": {operator: [criterion]}}), None)
                    self.assertEqual(decision.allow, operator in ("not", "nor"))
                    self.assertEqual((decision.reasons, decision.unauthenticated), (("user-unauthenticated",), True))
                    self.assertFalse(decision.admits)

    def test_true_is_not_one(self) -> None:
        """
        Two criteria on one claim, of which one names the number 1 and the other the truth value, stay two.
        """
        for value in (1, True):
            session = alice(claims={"a": (value,)})
            for wanted in ([1, True], [True, 1]):
                criteria = [{"claim/a": each} for each in wanted]
                self.assertTrue(decided(policy({"allow": {"or": criteria}}), session).admits)
                self.assertFalse(decided(policy({"allow": {"and": criteria}}), session).admits)

    def test_exact_name_first(self) -> None:
        """
        A claim whose name has a slash is found by it, before slashes are taken for steps.
        """
        claims = {"a/b": ("exact",), "a.b": ("nested",)}
        self.assertEqual(values_of(claims, "a/b"), ("exact",))
        self.assertEqual(values_of(claims, "a.b"), ("nested",))
        self.assertEqual(values_of({"a.b": ("nested",)}, "a/b"), ("nested",))
        self.assertEqual(values_of({"a/b": (), "a.b": ("nested",)}, "a/b"), ())
        self.assertEqual(values_of(claims, "a"), ())
