"""
What each form of a single key's value must pass: what it makes of the good ones, and which words refuse the bad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

Form = Callable[[Any], object]


class FormsCase(SynchronousTestCase):
    """
    Two tables, of which neither may be empty.
    """

    GOOD: ClassVar[Sequence[tuple[Form, object, object]]]
    """
    A form, a value, what it becomes.
    """
    BAD: ClassVar[Sequence[tuple[Form, object, str]]]
    """
    A form, a value, words of the message that refuses it.
    """

    def test_good(self) -> None:
        """
        What can be used is used.
        """
        self.assertTrue(self.GOOD)
        for form, value, result in self.GOOD:
            with self.subTest(form=form.__name__, value=value):
                self.assertEqual(form(value), result)

    def test_bad(self) -> None:
        """
        What cannot is refused, in words.
        """
        self.assertTrue(self.BAD)
        for form, value, words in self.BAD:
            with self.subTest(form=form.__name__, value=str(value)[:40]):
                self.assertIn(words, str(self.assertRaises(ValueError, form, value)))
