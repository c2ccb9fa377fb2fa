"""
Tests of `pomerium_tx.config.forms.expressions`.
"""

from __future__ import annotations

import os
import pickle
import time

import re2
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.expressions import Expression, InvalidExpression, Rewrite, parts_of_substitution

REWRITTEN = [
    # Envoy's documented examples, which Pomerium refers to.
    (r"^/service/([^/]+)(/.*)$", r"\2/instance/\1", b"/service/foo/v1/api", b"/v1/api/instance/foo"),
    ("one", "two", b"/xxx/one/yyy/one/zzz", b"/xxx/two/yyy/two/zzz"),
    ("^(.*?)one(.*)$", r"\1two\2", b"/xxx/one/yyy/one/zzz", b"/xxx/two/yyy/one/zzz"),
    ("(?i)/xxx/", "/yyy/", b"/aaa/XxX/bbb", b"/aaa/yyy/bbb"),
    # RE2's own rules.
    ("x*", "-", b"abxc", b"-a-b-c-"),
    ("(a)|(b)", r"<\1\2>", b"ab", b"<a><b>"),
    ("b", r"\0\0", b"abc", b"abbc"),
    ("b", r"\\", b"abc", b"a\\c"),
    ("nowhere", "x", b"/abc", b"/abc"),
    ("^/old", "", b"/old/x", b"/x"),
]
REFUSED = [
    ("(", "missing )"),
    ("(?=x)", "(?="),
    (r"(a)\1", r"\1"),
    ("(?P<a", "RE2"),
    ("a" * 4_097, "longer than 4096 bytes"),
    ("ä" * 2_049, "longer than 4096 bytes"),
    ("((a{1,1000}){1,1000})", "RE2"),
    ("a{1000}" * 94, "too large"),
    ("(ä", "missing ): (ä"),
]


class ExpressionTests(SynchronousTestCase):
    """
    Regular expressions.
    """

    def test_whole_text(self) -> None:
        """
        An expression matches the whole of a text, or not at all.
        """
        expression = Expression("/a/[0-9]+")
        for text, matches in ((b"/a/12", True), (b"/a/12/", False), (b"x/a/12", False), (b"/a/12\n", False)):
            with self.subTest(text=text):
                self.assertEqual(expression.matches(text), matches)

    def test_either_branch(self) -> None:
        """
        Whole means whole for each branch of an alternative, and for what is anchored already.
        """
        expression = Expression("/a|/b")
        self.assertEqual(
            [expression.matches(text) for text in (b"/a", b"/b", b"/ab", b"/a/b")], [True, True] + [False] * 2
        )
        self.assertTrue(Expression("^/a$").matches(b"/a"))

    def test_refused(self) -> None:
        """
        What RE2 cannot do, or only at a cost without bound, is refused in words for the operator.
        """
        for pattern, words in REFUSED:
            with self.subTest(pattern=pattern[:30]):
                wrong = self.assertRaises(InvalidExpression, Expression, pattern)
                self.assertIn(words, str(wrong))

    def test_longest(self) -> None:
        """
        What is as long as may be, or as much as may be kept of one expression, is good.
        """
        self.assertTrue(Expression("a" * 4_096).matches(b"a" * 4_096))
        self.assertTrue(Expression("ä" * 2_048).matches("ä".encode() * 2_048))
        self.assertTrue(Expression("a{1000}" * 80).matches(b"a" * 80_000))

    def test_said_once(self) -> None:
        """
        Of what is wrong the operator hears by us: RE2 writes nothing to standard error itself.
        """
        path = self.mktemp()
        kept = os.dup(2)
        with open(path, "wb") as instead:
            os.dup2(instead.fileno(), 2)
        try:
            self.assertRaises(InvalidExpression, Expression, "(said once")
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        with open(path, "rb") as written:
            self.assertEqual(written.read(), b"")

    def test_no_explosion(self) -> None:
        """
        No text makes an expression take for ever, not even one that keeps Python's busy until the end of days.
        """
        expression = Expression("(/?(a+)+)+b")
        began = time.process_time()
        self.assertFalse(expression.matches(b"/" + b"a" * 8_000))
        self.assertLess(time.process_time() - began, 1.0)

    def test_values(self) -> None:
        """
        Expressions are alike if their patterns are, are shown by them, and are carried to other processes.
        """
        one = Expression("/a")
        re2.purge()
        self.assertEqual((one, hash(one)), (Expression("/a"), hash(Expression("/a"))))
        self.assertEqual(repr(one), "Expression(pattern='/a')")
        self.assertNotEqual(Expression("/a"), Expression("/b"))
        rewrite = Rewrite("/(.)", r"/x\1")
        self.assertEqual(rewrite, Rewrite("/(.)", r"/x\1"))
        self.assertNotEqual(rewrite, Rewrite("/(.)", r"/y\1"))
        self.assertNotEqual(rewrite, Rewrite("/(..)", r"/x\1"))
        self.assertEqual(repr(rewrite), r"Rewrite(pattern='/(.)', substitution='/x\\1')")
        self.assertEqual(pickle.loads(pickle.dumps(rewrite)).of(b"/a"), b"/xa")


class RewriteTests(SynchronousTestCase):
    """
    What takes the place of matches.
    """

    def test_rewritten(self) -> None:
        """
        Every match is replaced, as RE2 replaces it.
        """
        for pattern, substitution, text, result in REWRITTEN:
            with self.subTest(pattern=pattern, text=text):
                self.assertEqual(Rewrite(pattern, substitution).of(text), result)

    def test_refused(self) -> None:
        """
        A substitution that names no group of its pattern is refused.
        """
        for pattern, substitution, words in (
            ("a", r"\1", "group 1"),
            ("(a)", r"\2", "group 2"),
            ("(a)", r"\x", "backslash"),
            ("(a)", "\\", "backslash"),
            ("(a)", "\\\n", "backslash"),
            ("(a)", "\\²", "backslash"),
            ("(a)", "\\\u0661", "backslash"),
            ("(", "x", "RE2"),
        ):
            with self.subTest(substitution=substitution):
                wrong = self.assertRaises(InvalidExpression, Rewrite, pattern, substitution)
                self.assertIn(words, str(wrong))

    def test_parts(self) -> None:
        """
        A substitution is taken apart into what is the same for every match and what is not.
        """
        for substitution, parts, literals in (
            (r"/x\1y\\", (b"/x", 1, b"y", b"\\"), b"/xy\\"),
            (r"\2\0\1", (2, 0, 1), b""),
            ("/ä", ("/ä".encode(),), "/ä".encode()),
            ("", (), b""),
        ):
            with self.subTest(substitution=substitution):
                self.assertEqual(parts_of_substitution(substitution, 2), parts)
                self.assertEqual(Rewrite("(a)(b)", substitution).literals, literals)
