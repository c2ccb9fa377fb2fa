"""
What the access settings of a route mean.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.policy.criteria import access_rules, from_legacy, policy_of, rules_of
from pomerium_tx.policy.decision import Policy
from pomerium_tx.sessions.session import Session
from tests.policy.clients import CANONICAL, CLIENT, HEAD, a_head, decided
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

    def test_nothing_said(self) -> None:
        """
        What a configuration does not say opens nothing: no setting is a rule, and each opens its own way only, which
        is told by the key that the operator wrote.
        """
        self.assertEqual(access_rules(), ())
        settings: list[tuple[dict[str, Any], list[tuple[str, tuple[str, ...]]]]] = [
            ({"public": True}, [("accept", ("allow_public_unauthenticated_access",))]),
            ({"cors_preflight": True}, [("cors_preflight", ("cors_allow_preflight",))]),
            ({"any_authenticated": True}, [("authenticated_user", ("allow_any_authenticated_user",))]),
            ({"domains": ["a.test"]}, [("domain", ("allowed_domains",))]),
            ({"claims": {"groups": ["a"]}}, [("claim", ("allowed_idp_claims", "groups"))]),
            ({"users": ["a"]}, [("user", ("allowed_users",)), ("email", ("allowed_users",))]),
        ]
        for said, expected in settings:
            with self.subTest(said=said):
                (rule,) = access_rules(**said)
                self.assertEqual((rule.action, rule.operator), ("allow", "or"))
                self.assertEqual([(one.name, one.at) for one in rule.criteria], expected)

    def test_certificates_of_all_routes(self) -> None:
        """
        Where the configuration wants certificates of everybody, one rule more refuses whoever has none, also where
        everybody else is admitted; and the operator is told which key it comes from.
        """
        route = RouteSection.model_validate(
            {"from": "https://a.test", "to": "http://b.test", "allow_public_unauthenticated_access": True}
        )
        (rule,) = rules_of(route, refuses_without_certificate=True)[
            len(rules_of(route, refuses_without_certificate=False)) :
        ]
        self.assertEqual(
            [(one.name, one.at) for one in rule.criteria], [("invalid_client_certificate", ("downstream_mtls",))]
        )
        client = replace(CLIENT, lacks_certificate=True)
        for wanted in (False, True):
            policy = policy_of(route, refuses_without_certificate=wanted)
            decision = policy(alice(), HEAD, CANONICAL, client)
            self.assertEqual((decision.admits, decision.without_certificate), (not wanted, wanted))

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


class SettingsTests(SynchronousTestCase):
    """
    The rules of a route, by the keys of its section.
    """

    def section(self, **keys: object) -> RouteSection:
        """
        A route with those keys.
        """
        return RouteSection.model_validate({"from": "https://app.example.com", "to": "http://127.0.0.1:1", **keys})

    def policy(self, **keys: object) -> Policy:
        """
        The policy of a route with *keys*.
        """
        return policy_of(self.section(**keys), refuses_without_certificate=False)

    def admits(self, session: Session | None = None, **keys: object) -> bool:
        """
        Whether such a route admits somebody to its first page.
        """
        return decided(self.policy(**keys), session).admits

    def test_each_key_admits(self) -> None:
        """
        Each key admits whom it names and nobody else; without the key, nobody.
        """
        eve = alice(user_id="eve", email="eve@evil.test", claims={"groups": ("guests",), "a.b": ("0",)})
        policy = {"allow": {"or": [{"user": "alice"}]}}
        for keys in (
            {"allowed_users": ["alice"]},
            {"allowed_users": ["alice@example.com"]},
            {"allowed_domains": ["example.com"]},
            {"allowed_idp_claims": {"groups": ["staff", "admin"]}},
            {"policy": policy},
            {"policy": [policy]},
        ):
            with self.subTest(keys=keys):
                self.assertTrue(self.admits(alice(), **keys))
                self.assertFalse(self.admits(eve, **keys))
                self.assertFalse(self.admits(**keys))
                self.assertFalse(self.admits(alice()))
        self.assertTrue(self.admits(eve, allow_any_authenticated_user=True))
        self.assertFalse(self.admits(allow_any_authenticated_user=True))
        self.assertTrue(self.admits(allow_public_unauthenticated_access=True))
        self.assertTrue(self.admits(alice(claims={"a.b": (1,)}), allowed_idp_claims={"a": {"b": 1}}))
        self.assertFalse(self.admits(eve, allowed_idp_claims={"a": {"b": 1}}))

    def test_preflight(self) -> None:
        """
        ``cors_allow_preflight`` admits preflights and nothing else.
        """
        asked = self.policy(cors_allow_preflight=True, allowed_users=["alice"])
        preflight = a_head("OPTIONS", origin="https://page.test", access_control_request_method="PUT")
        self.assertTrue(asked(None, preflight, CANONICAL, CLIENT).admits)
        self.assertFalse(asked(None, a_head("OPTIONS", origin="https://page.test"), CANONICAL, CLIENT).admits)
        self.assertFalse(asked(None, HEAD, CANONICAL, CLIENT).admits)
        without = self.policy(allowed_users=["alice"])
        self.assertFalse(without(None, preflight, CANONICAL, CLIENT).admits)

    def test_together(self) -> None:
        """
        The policy comes on top of the other keys: it may admit more, and refuse what they admit.
        """
        more = {"allow": {"or": [{"user": "bob"}]}, "deny": {"or": [{"email": "alice@example.com"}]}}
        keys = {"allowed_domains": ["example.com"], "policy": more}
        for person, admitted in (
            (alice(), False),
            (alice(user_id="bob", email="bob@corp.test"), True),
            (alice(user_id="carol", email="carol@example.com"), True),
            (alice(user_id="dave", email="dave@corp.test"), False),
        ):
            with self.subTest(person=person.user_id):
                self.assertEqual(self.admits(person, **keys), admitted)
        without_policy = {"allowed_domains": ["example.com"]}
        self.assertTrue(self.admits(alice(), **without_policy))
        self.assertFalse(self.admits(alice(email="carol@example.com"), policy=more))

    def test_one_rule(self) -> None:
        """
        All settings are one rule, whose criteria know the key that they come from; without any there is none.
        """
        self.assertEqual(rules_of(self.section(), refuses_without_certificate=False), ())
        (rule,) = rules_of(
            self.section(
                allowed_users=["a"],
                allowed_domains=["b.test"],
                allowed_idp_claims={"c": [1]},
                cors_allow_preflight=True,
            ),
            refuses_without_certificate=False,
        )
        self.assertEqual((rule.action, rule.operator), ("allow", "or"))
        self.assertEqual(
            [(criterion.name, criterion.at[0]) for criterion in rule.criteria],
            [
                ("cors_preflight", "cors_allow_preflight"),
                ("domain", "allowed_domains"),
                ("claim", "allowed_idp_claims"),
                ("user", "allowed_users"),
                ("email", "allowed_users"),
            ],
        )
