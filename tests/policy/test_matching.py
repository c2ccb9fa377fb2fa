"""
Tests of `pomerium_tx.policy.matching`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.matchers import Condition, Conditions, list_matcher, string_matcher
from pomerium_tx.policy.matching import list_test, names, string_test

STRINGS: list[tuple[object, list[str], list[str]]] = [
    # A matcher, what it accepts, and what it does not.
    ("test", ["test"], ["Test", "test ", "", "tes"]),
    ({"is": "test"}, ["test"], ["TEST", "a test"]),
    ({"not": "test"}, ["Test", ""], ["test"]),
    ({"contains": "es"}, ["test", "es"], ["tEst", "", "ets"]),
    ({"starts_with": "te"}, ["test", "te"], ["est", "Test", "t", ""]),
    ({"ends_with": "st"}, ["test", "st"], ["sts", "sT", ""]),
    ({"in": ["a", "b"]}, ["a", "b"], ["c", "", "ab", "A"]),
    ({"in": []}, [], ["a", ""]),
    ({"not_in": ["a", "b"]}, ["c", "", "ab", "A"], ["a", "b"]),
    ({"not_in": []}, ["a", ""], []),
    ({"starts_with": "a", "ends_with": "z"}, ["az", "a-z"], ["a", "z", "za"]),
    ({"starts_with": "a", "not": "ab"}, ["ac"], ["ab", "b"]),
    ({"in": ["a", "b"], "not_in": ["b"]}, ["a"], ["b", "c"]),
    ({"contains": "ä"}, ["käse"], ["kase", "ka\u0308se"]),
]
LISTS: list[tuple[object, list[tuple[object, ...]], list[tuple[object, ...]]]] = [
    ("a", [("a",), ("b", "a"), ("a", "a")], [(), ("b",), ("A",), (("a",),), ("ab",)]),
    ({"has": "a"}, [("a", 1)], [(1,)]),
    ({"is": "a"}, [("a",)], [(), ("a", "b"), ("a", "a"), ("b",)]),
    ({"exclude": "a"}, [(), ("b",), ("A",)], [("a",), ("b", "a")]),
    ({"has": "a", "exclude": "b"}, [("a",), ("a", "c")], [("a", "b"), ()]),
    (1, [(1,), (1.0,), ("x", 1)], [(True,), ("1",), (0,), ()]),
    (1.0, [(1,)], [(True,)]),
    (True, [(True,)], [(1,), ("true",), ("True",), (False,), ()]),
    (False, [(False,)], [(0,), (None,), ("",), ()]),
    ("true", [("true",)], [(True,)]),
    ("1", [("1",)], [(1,)]),
    ("", [("",)], [(), (None,)]),
    ({"exclude": True}, [(1,), ()], [(True,)]),
    ("a", [("a", {"b": ["a"]})], [({"a": "a"},), (["a"],)]),
]


class MatchingTests(SynchronousTestCase):
    """
    What matchers mean.
    """

    def test_strings(self) -> None:
        """
        A string matcher compares exactly, letter by letter, and all of its operators must hold.
        """
        for written, accepted, refused in STRINGS:
            test = string_test(string_matcher(written, (), self.fail))
            for subjects, expected in ((accepted, True), (refused, False)):
                for subject in subjects:
                    with self.subTest(written=written, subject=subject):
                        self.assertIs(test(subject), expected)

    def test_lists(self) -> None:
        """
        A list matcher looks for one value of the very type: true is not 1, and 1 is not "1".
        """
        for written, accepted, refused in LISTS:
            test = list_test(list_matcher(written, (), self.fail))
            for subjects, expected in ((accepted, True), (refused, False)):
                for subject in subjects:
                    with self.subTest(written=written, subject=subject):
                        self.assertIs(test(subject), expected)

    def test_names(self) -> None:
        """
        A matcher that only names strings is known as such.
        """
        for written, found in (
            ("a", {"a"}),
            ({"in": ["a", "b"]}, {"a", "b"}),
            ({"in": []}, set()),
            ({"not": "a"}, None),
            ({"starts_with": "a"}, None),
            ({"is": "a", "in": ["a"]}, None),
        ):
            with self.subTest(written=written):
                self.assertEqual(names(string_matcher(written, (), self.fail)), found)

    def test_unknown_operators(self) -> None:
        """
        An operator that nobody knows is an error of ours, and never a match.
        """
        unknown: Conditions = (Condition(operator="like", value="a"),)
        self.assertRaises(AssertionError, string_test, unknown)
        self.assertRaises(AssertionError, list_test, unknown)
