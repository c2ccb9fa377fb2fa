"""
Tests of `pomerium_tx.config.header_forms`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config import header_forms

GOOD = [
    (header_forms.header_text, "", ""),
    (header_forms.header_text, "http://a/", "http://a/"),
    (header_forms.underscores, "reject", "reject"),
    (header_forms.underscores, "REJECT_REQUEST", "reject"),
    (header_forms.underscores, "drop_header", "drop"),
    (header_forms.underscores, "allow", "allow"),
    (header_forms.underscores, "HEADERS_WITH_UNDERSCORES_ACTION_ALLOW", "allow"),
]
BAD = [
    (header_forms.header_text, "a\r\nb", "line break"),
    (header_forms.header_text, 7, "quotes"),
    (header_forms.underscores, "keep", "must be"),
    (header_forms.underscores, True, "string"),
]


class HeaderFormsTests(SynchronousTestCase):
    """
    Values of single keys.
    """

    def test_good(self) -> None:
        """
        What can be used is used.
        """
        for form, value, result in GOOD:
            with self.subTest(form=form.__name__, value=value):
                self.assertEqual(form(value), result)

    def test_bad(self) -> None:
        """
        What cannot is refused, in words.
        """
        for form, value, words in BAD:
            with self.subTest(form=form.__name__, value=value):
                self.assertIn(words, str(self.assertRaises(ValueError, form, value)))
