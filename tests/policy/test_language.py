"""
What rules mean: the operators, the reasons, who wins, and what is compiled.
"""

from __future__ import annotations

from inspect import getclosurevars
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.rules import Rules, rules
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.explanation import explained
from pomerium_tx.policy.known_criteria import KINDS
from pomerium_tx.policy.language import ANSWERS_KEPT, compiled, decision_of, result_of
from pomerium_tx.sessions.session import Session
from tests.policy.clients import CLIENT, HEAD, a_head, decided, for_path, policy
from tests.policy.people import alice

TRUE, FALSE = {"http_method": "GET"}, {"http_path": "/elsewhere"}
OK, UNAUTHORIZED = "http-method-ok", "http-path-unauthorized"

OPERATORS = [
    # Two criteria, and what each operator makes of them: whether it holds, and why.
    ("and", [TRUE, TRUE], True, {OK}),
    ("and", [TRUE, FALSE], False, {UNAUTHORIZED}),
    ("and", [FALSE, FALSE], False, {UNAUTHORIZED}),
    ("or", [TRUE, TRUE], True, {OK}),
    ("or", [TRUE, FALSE], True, {OK}),
    ("or", [FALSE, FALSE], False, {UNAUTHORIZED}),
    ("not", [TRUE, TRUE], False, {OK}),
    ("not", [TRUE, FALSE], False, {OK}),
    ("not", [FALSE, FALSE], True, {UNAUTHORIZED}),
    ("nor", [TRUE, TRUE], False, {OK}),
    ("nor", [TRUE, FALSE], True, {UNAUTHORIZED}),
    ("nor", [FALSE, FALSE], True, {UNAUTHORIZED}),
]


OF_SESSIONS: dict[str, Any] = {
    # Each criterion that is about the session and nothing else.
    "authenticated_user": 1,
    "claim/department": "sales",
    "domain": "example.com",
    "email": "alice@example.com",
    "groups": {"has": "staff"},
    "user": "alice",
}


class OfSessionTests(SynchronousTestCase):
    """
    Whether a decision holds for as long as the session is the same.
    """

    def test_nothing_else_is_asked(self) -> None:
        """
        The criteria that are said to be about the session look at nothing else.
        """
        kinds = {name for name, kind in KINDS.items() if kind.needs_session}
        self.assertEqual({name.partition("/")[0] for name in OF_SESSIONS}, kinds)
        nothing: Any = None
        for name, value in OF_SESSIONS.items():
            for session in (None, alice()):
                with self.subTest(name=name, session=session):
                    about_it = policy({"allow": {"and": [{name: value}]}})
                    self.assertTrue(about_it(session, nothing, nothing, nothing).of_session)

    def test_together_with_others(self) -> None:
        """
        One criterion about the request is enough, wherever it stands, and whether somebody is signed in or not.
        """
        about_it = [{name: value} for name, value in OF_SESSIONS.items()]
        for session in (None, alice()):
            for other in (TRUE, FALSE, {"source_ip": "192.0.2.1"}, {"cors_preflight": 1}):
                for rules_ in (
                    {"allow": {"or": [*about_it, other]}},
                    [{"allow": {"or": about_it}}, {"deny": {"or": [other]}}],
                ):
                    with self.subTest(other=other, rules=rules_):
                        self.assertFalse(decided(policy(rules_), session).of_session)

    def test_constant(self) -> None:
        """
        What is always the same is so for every session.
        """
        for session in (None, alice()):
            self.assertTrue(decided(policy({"allow": {"or": [{"accept": 1}]}}), session).of_session)


class OperatorTests(SynchronousTestCase):
    """
    and, or, not, nor.
    """

    def test_semantics(self) -> None:
        """
        ``and`` is all, ``or`` any, ``not`` none, and ``nor`` not all; a negated criterion keeps its reason.
        """
        for operator, criteria, holds, reasons in OPERATORS:
            for action in ("allow", "deny"):
                for items in (criteria, criteria[::-1], criteria * 3):
                    with self.subTest(operator=operator, action=action, items=items):
                        decision = decided(policy({action: {operator: items}}), None)
                        result = (decision.allow, set(decision.reasons), decision.deny, set(decision.deny_reasons))
                        expected = (
                            (holds, reasons, False, set()) if action == "allow" else (False, set(), holds, reasons)
                        )
                        self.assertEqual(result, expected)

    def test_one_kind(self) -> None:
        """
        The same holds where all criteria are of one kind, for which one question is asked.
        """
        yes, no, other = (
            {"email": "alice@example.com"},
            {"email": "bob@example.com"},
            {"email": {"starts_with": "alice"}},
        )
        for operator, criteria, holds in (
            ("and", [yes, other], True),
            ("and", [yes, no], False),
            ("or", [no, yes], True),
            ("or", [no, no], False),
            ("not", [no, yes], False),
            ("not", [no, no], True),
            ("nor", [yes, other], False),
            ("nor", [yes, no], True),
        ):
            with self.subTest(operator=operator, criteria=criteria):
                decision = decided(policy({"allow": {operator: criteria}}), alice())
                self.assertEqual(decision.allow, holds)
                is_ok = holds if operator in ("and", "or") else not holds
                self.assertEqual(decision.reasons, ("email-ok",) if is_ok else ("email-unauthorized",))

    def test_alternatives(self) -> None:
        """
        Several operators of one action, and several mappings, are alternatives.
        """
        for written in (
            {"allow": {"and": [FALSE], "or": [TRUE]}},
            [{"allow": {"and": [FALSE]}}, {"allow": {"or": [TRUE]}}],
            [{"allow": {"nor": [TRUE]}}, {"allow": {"not": [FALSE]}}],
        ):
            with self.subTest(written=written):
                self.assertTrue(decided(policy(written), None).admits)
        neither = decided(policy([{"allow": {"and": [FALSE]}}, {"allow": {"not": [TRUE]}}]), None)
        self.assertEqual((neither.allow, neither.reasons), (False, (OK, UNAUTHORIZED)))

    def test_nothing(self) -> None:
        """
        What says nothing admits nobody and refuses nobody, and nobody is sent to sign in for it.
        """
        for written in ({}, [], {"allow": {}}, [{"deny": {}}], {"allow": {"and": []}, "deny": {"not": [], "nor": []}}):
            with self.subTest(written=written):
                decision = decided(policy(written), None)
                self.assertEqual((decision.allow, decision.deny, decision.unauthenticated), (False, False, False))
                self.assertEqual((decision.reasons, decision.deny_reasons), ((), ()))
        # An empty list beside another one does not count either.
        self.assertTrue(decided(policy({"allow": {"and": [], "or": [TRUE]}}), None).admits)

    def test_empty_rule(self) -> None:
        """
        A rule that asks for nothing admits nobody, by whatever operator.
        """
        for operator in ("and", "or", "not", "nor"):
            with self.subTest(operator=operator):
                self.assertFalse(result_of(operator, []).holds)
                self.assertEqual(result_of(operator, []).reasons, frozenset())

    def test_two_about_a_person(self) -> None:
        """
        Of two things that are asked about a person, each counts.
        """
        for operator, expected in (("and", (True, False, False, False)), ("or", (True, True, True, False))):
            both = policy({"allow": {operator: [{"email": alice().email}, {"claim/groups": "staff"}]}})
            found = tuple(
                decided(both, alice(claims={"groups": (group,)}, **email)).admits
                for email, group in (
                    ({}, "staff"),
                    ({"email": "b@b.test"}, "staff"),
                    ({}, "x"),
                    ({"email": "b@b.test"}, "x"),
                )
            )
            with self.subTest(operator=operator):
                self.assertEqual(found, expected)

    def test_deny_wins(self) -> None:
        """
        Whoever some deny rule is about is refused, whatever admits them; the reasons of both are kept.
        """
        decision = decided(policy({"allow": {"or": [{"accept": True}]}, "deny": {"or": [TRUE]}}), None)
        self.assertEqual((decision.allow, decision.deny, decision.admits), (True, True, False))
        self.assertEqual((decision.reasons, decision.deny_reasons), (("accept",), (OK,)))
        passed = decided(policy({"allow": {"or": [{"accept": True}]}, "deny": {"or": [FALSE]}}), None)
        self.assertEqual((passed.admits, passed.deny_reasons), (True, (UNAUTHORIZED,)))


class NobodyTests(SynchronousTestCase):
    """
    Requests without a session.
    """

    def test_sign_in_comes_first(self) -> None:
        """
        Where a rule whose outcome counts asks who somebody is, nobody is sent to sign in, even on a public route.
        """
        someone = {"email": "alice@example.com"}
        for written, unauthenticated in (
            ({"allow": {"or": [{"accept": True}, someone]}}, False),
            ({"allow": {"and": [{"accept": True}, someone]}}, True),
            ({"allow": {"and": [{"reject": True}, someone]}}, True),
            ({"allow": {"not": [someone]}}, True),
            ({"allow": {"nor": [someone, {"accept": True}]}}, True),
            ({"allow": {"or": [{"accept": True}]}, "deny": {"or": [someone]}}, True),
            ({"allow": {"or": [{"accept": True}]}, "deny": {"not": [someone]}}, True),
            ({"allow": {"or": [{"accept": True}]}, "deny": {"and": [FALSE, someone]}}, True),
            ({"allow": {"or": [{"accept": True}]}, "deny": {"or": [TRUE, someone]}}, False),
            ({"allow": {"or": [{"accept": True}]}, "deny": {"or": [FALSE]}}, False),
        ):
            with self.subTest(written=written):
                decision = decided(policy(written), None)
                self.assertEqual(decision.unauthenticated, unauthenticated)
                self.assertFalse(decision.admits and unauthenticated)

    def test_person_later(self) -> None:
        """
        Whoever then signs in is judged by what they are.
        """
        written = {"allow": {"or": [{"accept": True}]}, "deny": {"or": [{"email": "bob@example.com"}]}}
        self.assertTrue(decided(policy(written), alice()).admits)
        self.assertFalse(decided(policy(written), alice(email="bob@example.com")).admits)


class CertificateTests(SynchronousTestCase):
    """
    What comes before all else.
    """

    def test_reasons_of_deny_rules(self) -> None:
        """
        That a certificate is missing is seen among the reasons of deny rules, and nowhere else.
        """
        (allow,) = rules({"allow": {"or": [{"accept": True}]}})
        (deny,) = rules({"deny": {"or": [{"reject": True}]}})
        for reason in ("client-certificate-required", "invalid-client-certificate"):
            missing = result_of("or", [(True, reason)])  # type: ignore[list-item]  # a tuple is what an outcome is
            fine = result_of("or", [(True, "accept")])  # type: ignore[list-item]  # likewise
            denied = decision_of([(allow, fine), (deny, missing)])
            self.assertEqual((denied.without_certificate, denied.admits), (True, False))
            self.assertFalse(decision_of([(allow, missing)]).without_certificate)


class CompiledTests(SynchronousTestCase):
    """
    The function that rules become.
    """

    def test_identity(self) -> None:
        """
        What is decided alike is the same object, for whomever and however often it is asked.
        """
        asked = policy({"allow": {"or": [{"domain": "example.com"}, {"http_path": {"starts_with": "/open"}}]}})
        self.assertIs(decided(asked, alice()), decided(asked, alice(email="bob@example.com")))
        self.assertIs(decided(asked, None), decided(asked, None))
        self.assertIs(
            asked(None, HEAD, for_path("/open/a"), CLIENT), asked(alice(email="x"), HEAD, for_path("/open/b"), CLIENT)
        )

    def test_bounded(self) -> None:
        """
        However many different answers there are, what is kept of them is bounded, and what is decided stays the same.
        """
        rows = [{"allow": {"and": [{"http_path": {"contains": f"-{n}-"}}, {"reject": True}]}} for n in range(12)]
        asked = policy(rows)
        first = asked(None, HEAD, for_path("/"), CLIENT)
        for bits in product((False, True), repeat=12):
            path = "".join(f"-{n}-" for n, bit in enumerate(bits) if bit)
            self.assertIs(asked(None, HEAD, for_path(f"/{path}"), CLIENT).allow, False)
        self.assertIs(asked(None, HEAD, for_path("/"), CLIENT), first)
        kept = getclosurevars(asked).nonlocals["decisions"]
        self.assertLessEqual(len(kept), ANSWERS_KEPT)

    def test_nothing_configured_is_run(self) -> None:
        """
        Text of the configuration is compared with and never becomes a part of the program.
        """
        for text in ("{}", "{0}", "'); import os #", '"', "\\", "\n", "c0", "{session.tokens}"):
            with self.subTest(text=text):
                matched = {"or": [{"email": text}, {"domain": {"contains": text}}, {f"claim/{text}": text}]}
                asked = policy({"allow": matched})
                self.assertFalse(decided(asked, alice()).admits)
                self.assertTrue(decided(asked, alice(claims={text: (text,)})).admits)
                self.assertTrue(decided(asked, alice(email=text)).admits)


STRINGS = st.sampled_from(["alice", "alice@example.com", "example.com", "bob", "GET", "/a/b", "a"])
STRING_MATCHERS = STRINGS | st.dictionaries(
    st.sampled_from(["is", "not", "contains", "starts_with", "ends_with"]), STRINGS, min_size=1, max_size=2
)
LIST_MATCHERS = st.sampled_from(["staff", 1, True, {"is": "staff"}, {"exclude": "readers"}, {"has": 1.0}])
CRITERIA = st.one_of(
    *(st.builds(lambda value, name=name: {name: value}, STRING_MATCHERS) for name in ("user", "email", "domain")),
    *(st.builds(lambda value, name=name: {name: value}, STRING_MATCHERS) for name in ("http_method", "http_path")),
    *(st.builds(lambda value, name=name: {name: value}, LIST_MATCHERS) for name in ("groups", "claim/a/b")),
    st.sampled_from([{"source_ip": "192.0.2.0/24"}, {"source_ip": ["::/0"]}]),
    st.sampled_from(["accept", "reject", "authenticated_user", "cors_preflight"]).map(lambda name: {name: True}),
)
BODIES = st.dictionaries(st.sampled_from(["and", "or", "not", "nor"]), st.lists(CRITERIA, max_size=4), max_size=3)
POLICIES = st.lists(st.dictionaries(st.sampled_from(["allow", "deny"]), BODIES, max_size=2), max_size=3)
PEOPLE: st.SearchStrategy[Session | None] = st.sampled_from(
    [
        None,
        alice(),
        alice(email=""),
        alice(user_id="", claims={}),
        alice(email="a@example.com@b", claims={"groups": (1, "staff"), "a.b": (True,)}),
        alice(claims={"groups": ("staff",), "a/b": (1,)}),
    ]
)
HEADS = st.sampled_from(
    [HEAD, a_head("OPTIONS"), a_head("OPTIONS", origin="null", access_control_request_method="PUT")]
)
PATHS = st.sampled_from(["/", "/a/b", "/%C3%A4", "/a%20b"]).map(for_path)
ADDRESSES = st.sampled_from(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.9", ""])


class SameTests(SynchronousTestCase):
    """
    Two ways to the same decision.
    """

    @settings(max_examples=200, deadline=None)
    @given(POLICIES, PEOPLE, HEADS, PATHS, ADDRESSES)
    def test_compiled_and_explained(
        self, written: Any, session: Session | None, head: Any, canonical: Any, address: str
    ) -> None:
        """
        The compiled policy decides as each criterion taken by itself says, whatever is asked together.
        """
        of_file: Rules = rules(written)
        client = Client(address=address)
        decision = compiled(of_file)(session, head, canonical, client)
        self.assertEqual(explained(of_file, session, head, canonical, client).decision, decision)
        self.assertEqual(decision.admits, decision.allow and not decision.deny and not decision.unauthenticated)

    @settings(max_examples=50, deadline=None)
    @given(POLICIES)
    def test_read_again(self, written: Any) -> None:
        """
        The same text gives equal rules, which can be compared when a configuration is read again.
        """
        self.assertEqual(rules(written), rules(written))
        self.assertEqual(hash(rules(written)), hash(rules(written)))
