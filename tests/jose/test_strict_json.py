"""
Tests for `pomerium_tx.jose.strict_json`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.strict_json import InvalidJSON, compact_json, json_object

REFUSED = [
    (b"", "nothing"),
    (b"[]", "an array"),
    (b'"x"', "a string"),
    (b"7", "a number"),
    (b"null", "null"),
    (b"{} {}", "two objects"),
    (b'\xef\xbb\xbf{"a":1}', "a byte order mark"),
    (b'{"a":"\xff"}', "what is not UTF-8"),
    (b'{"a":"\xed\xa0\x80"}', "a surrogate in UTF-8"),
    ('{"a":1}'.encode("utf-16"), "UTF-16"),
    (b'{"a":1,"a":1}', "a name twice"),
    (b'{"b":{"a":1,"\\u0061":2}}', "a name twice, spelled differently, further down"),
    (b'{"a":NaN}', "NaN"),
    (b'{"a":-Infinity}', "infinity"),
    (b'{"a":1e999}', "infinity, spelled as a number"),
    (b'{"a":' + b"1" * 41 + b"}", "a number of 41 digits"),
    (b'{"a":' + b"1" * 5000 + b"}", "a number of 5000 digits"),
    (b'{"a":"\\ud800"}', "a lone surrogate"),
    (b'{"\\udfff":1}', "a lone surrogate in a name"),
    (b'{"a":"\n"}', "a control character"),
    (b'{"a":' * 40 + b"1" + b"}" * 40, "40 levels"),
    (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "100,000 levels"),
    (b"<html></html>", "HTML"),
]


class JSONObjectTests(SynchronousTestCase):
    """
    Tests for `json_object`.
    """

    def test_read(self) -> None:
        """
        One JSON object is read, whatever names, texts and numbers it holds.
        """
        self.assertEqual(
            json_object(b' {"a": [1, -2.5, null, {"b": true}], "c": "\\u00e9\\ud83d\\ude00"} '),
            {
                "a": [1, -2.5, None, {"b": True}],
                "c": "\u00e9\U0001f600",
            },
        )

    def test_many_brackets(self) -> None:
        """
        Much beside each other is not deep.
        """
        self.assertEqual(len(json_object(b'{"a":[' + b"{}," * 99 + b"{}]}")["a"]), 100)

    def test_refused(self) -> None:
        """
        What is not one object, or could be read in two ways, is refused.
        """
        for raw, name in REFUSED:
            with self.subTest(name):
                self.assertRaises(InvalidJSON, json_object, raw)

    def test_quotes_nothing(self) -> None:
        """
        A refusal does not repeat the text, which may be secret.
        """
        refusal = self.assertRaises(InvalidJSON, json_object, b'{"secret-code"')
        self.assertNotIn("secret-code", str(refusal))

    @given(st.binary(max_size=60))
    def test_only_its_own_refusal(self, raw: bytes) -> None:
        """
        No bytes cause anything but an object or a refusal.
        """
        try:
            self.assertIsInstance(json_object(raw), dict)
        except InvalidJSON:
            pass


class CompactJSONTests(SynchronousTestCase):
    """
    Tests for `compact_json`.
    """

    def test_compact(self) -> None:
        """
        Nothing is written that need not be, and nothing beyond ASCII.
        """
        self.assertEqual(compact_json({"a": [1, "\u00e9"]}), b'{"a":[1,"\\u00e9"]}')

    def test_no_nan(self) -> None:
        """
        What JSON does not have is not written.
        """
        self.assertRaises(ValueError, compact_json, float("nan"))
