"""
Tests of `pomerium_tx.config.policy.rules`.
"""

from __future__ import annotations

import pickle

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.document import KeyPath, dotted
from pomerium_tx.config.loader import load
from pomerium_tx.config.policy.matchers import Condition
from pomerium_tx.config.policy.rules import Criterion, Rule, read_rules, rules
from pomerium_tx.config.problems import InvalidConfig
from tests.config.material import SMALLEST, written
from tests.config.policies import GOOD, PROBLEMS

ROUTE = """
  - from: https://app.example.com
    to: http://127.0.0.1:3000
    policy:
"""


def is_(value: str) -> tuple[Condition, ...]:
    """
    The matcher that a string by itself is.
    """
    return (Condition(operator="is", value=value),)


class GrammarTests(SynchronousTestCase):
    """
    From what is written to rules.
    """

    def test_good(self) -> None:
        """
        Whatever the grammar has is read without a complaint.
        """
        for value in GOOD:
            with self.subTest(value=value):
                rules(value)

    def test_rules(self) -> None:
        """
        Every operator with criteria is a rule, in the order of the file, and knows where it stands.
        """
        found = rules(
            [
                {"deny": {"nor": [{"user": "b"}]}, "allow": {"or": [], "and": [{"user": "a"}, {"claim/x/y.z": 1}]}},
                {"allow": {"not": [{"reject": True}], "action": "deny"}},
            ]
        )
        has = (Condition(operator="has", value=1),)
        self.assertEqual(
            found,
            (
                Rule(
                    action="allow",
                    operator="and",
                    criteria=(
                        Criterion(name="user", value=is_("a")),
                        Criterion(name="claim", path="x/y.z", value=has),
                    ),
                ),
                Rule(action="deny", operator="nor", criteria=(Criterion(name="user", value=is_("b")),)),
                Rule(action="allow", operator="not", criteria=(Criterion(name="reject"),)),
            ),
        )
        self.assertEqual(dotted(found[0].at), "[0].allow.and")
        self.assertEqual(dotted(found[0].criteria[1].at), "[0].allow.and[1].claim/x/y.z")
        self.assertEqual(pickle.loads(pickle.dumps(found)), found)
        self.assertIs(rules(found), found)

    def test_string(self) -> None:
        """
        A string of YAML or JSON is read as what it says.
        """
        expected = rules({"allow": {"or": [{"user": "a"}]}})
        for text in (
            '{"allow": {"or": [{"user": "a"}]}}',
            "allow: {or: [{user: a}]}",
            "- allow:\n    or:\n    - user: a",
        ):
            with self.subTest(text=text):
                self.assertEqual(rules(text), expected)

    def test_problems(self) -> None:
        """
        Everything that is wrong is said, with where it stands and what to write instead.
        """
        for value, expected in PROBLEMS:
            found: list[tuple[str, str]] = []
            read_rules(value, (), lambda at, message, found=found: found.append((dotted(at), message)))  # type: ignore[misc]  # a lambda's default is no argument
            with self.subTest(value=value):
                self.assertEqual([at for at, _ in found], [at for at, _ in expected])
                for (_, message), (_, words) in zip(found, expected, strict=True):
                    self.assertIn(words, message)
                with self.assertRaises(ValueError) as caught:
                    rules(value)
                self.assertIn(expected[-1][1], str(caught.exception))

    @settings(max_examples=200, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["allow", "deny", "or", "not", "email", "claim/x", "source_ip", "is", "in", "has"])
                    | st.text(max_size=3),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=12,
        )
    )
    def test_anything(self, value: object) -> None:
        """
        Whatever stands there, it is rules or there are complaints.
        """
        found: list[KeyPath] = []
        read = read_rules(value, (), lambda at, message: found.append(at))
        if not found:
            self.assertEqual(rules(value), read)


class InAFileTests(SynchronousTestCase):
    """
    Policies of a configuration file.
    """

    def problems(self, policy: str) -> list[tuple[int | None, str, str]]:
        """
        Line, key and words of all that is wrong with a file that ends with *policy*.
        """
        smallest = {name: value for name, value in SMALLEST.items() if name != "routes"}
        self.head = yaml.safe_dump(smallest, sort_keys=False) + "routes:" + ROUTE
        path = written(self.mktemp(), self.head + policy)
        try:
            load(path, {})
        except InvalidConfig as invalid:
            return [(problem.line, problem.key, problem.message) for problem in invalid.problems]
        return []

    def test_lines(self) -> None:
        """
        All problems come at once, each with its line and its key, those of the policy among those of the rest.
        """
        found = self.problems(
            "    - allow:\n"
            "        and:\n"
            "        - domain: example.com\n"
            "        - claim/groups: [a]\n"
            "      deny:\n"
            "        or:\n"
            "        - emial: a@b\n"
            "    - permit: {}\n"
            "    timeout: soon\n"
        )
        first = self.head.count("\n") + 1
        self.assertEqual(
            [(line, key) for line, key, _ in found],
            [
                (first + 3, "routes[0].policy[0].allow.and[1].claim/groups"),
                (first + 6, "routes[0].policy[0].deny.or[0].emial"),
                (first + 7, "routes[0].policy[1].permit"),
                (first + 8, "routes[0].timeout"),
            ],
        )
        self.assertIn("did you mean email?", found[1][2])

    def test_string_in_a_file(self) -> None:
        """
        What is wrong inside of a string is said at the key that the string stands at.
        """
        found = self.problems("      |\n      allow:\n        or:\n        - emial: x\n")
        policy_line = self.head.count("\n")
        self.assertEqual([(line, key) for line, key, _ in found], [(policy_line, "routes[0].policy.allow.or[0].emial")])

    def test_without_value(self) -> None:
        """
        A policy that was begun and not written is not taken for none.
        """
        ((_, key, message),) = self.problems("")
        self.assertEqual(key, "routes[0].policy")
        self.assertIn("has no value", message)
