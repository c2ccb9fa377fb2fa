"""
Tests of `pomerium_tx.policy.matcher_words`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.matchers import list_matcher, string_matcher
from pomerium_tx.policy.matcher_words import matched, matched_list, shown


class MatcherWordsTests(SynchronousTestCase):
    """
    Matchers in words.
    """

    def test_strings(self) -> None:
        """
        Every operator of a string has its words.
        """
        for written, words in (
            ("a", "it is a"),
            ({"not": "a"}, "it is not a"),
            ({"contains": "a"}, "it contains a"),
            ({"starts_with": "/a", "ends_with": ".js"}, "it begins with /a and ends with .js"),
            ({"in": ["a", "b"]}, "it is one of a, b"),
            ({"in": []}, "it is one of nothing"),
            ({"not_in": ["a", "b c"]}, 'it is none of a, "b c"'),
        ):
            with self.subTest(written=written):
                self.assertEqual(matched("it", string_matcher(written, (), self.fail)), words)

    def test_lists(self) -> None:
        """
        Every operator of a list has its words.
        """
        for written, words in (
            ("a", "it has a"),
            ({"is": True}, "it has true and nothing else"),
            ({"exclude": 1}, "it does not have 1"),
        ):
            with self.subTest(written=written):
                self.assertEqual(matched_list("it", list_matcher(written, (), self.fail)), words)

    def test_told_apart(self) -> None:
        """
        No value can be taken for another, for the words around it, or for a command to the terminal.
        """
        for value, words in (
            ("plain-Value_1.0@example.com", "plain-Value_1.0@example.com"),
            ("X", "X"),
            ("käse", "käse"),
            ("käse, brot", '"käse, brot"'),
            ("", '""'),
            ("a, b", '"a, b"'),
            ("a; b", '"a; b"'),
            ('"a"', '"\\"a\\""'),
            ("1", '"1"'),
            (1, "1"),
            ("true", '"true"'),
            (True, "true"),
            ("null", '"null"'),
            ("a\x1b[31m", '"a\\u001b[31m"'),
            ("a\u202eb", '"a\\u202eb"'),
        ):
            with self.subTest(value=value):
                self.assertEqual(shown(value), words)
