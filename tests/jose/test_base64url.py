"""
Tests for `pomerium_tx.jose.base64url`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose import base64url


class Base64urlTests(SynchronousTestCase):
    """
    Tests for `encode` and `decode`.
    """

    @given(st.binary(max_size=40))
    def test_there_and_back(self, raw: bytes) -> None:
        """
        Bytes come back as they were, from text that fits into a URL.
        """
        text = base64url.encode(raw)
        self.assertRegex(text, r"^[A-Za-z0-9_-]*$")
        self.assertEqual(base64url.decode(text), raw)

    def test_one_spelling(self) -> None:
        """
        Each other spelling of the same bytes is refused.
        """
        for text in ("Zg==", "Zh", "Z", "Z g", "Zg\n", "+/+/", "Zg=", "\u00e9\u00e9", "Z.g", "Zm9\u200b"):
            with self.subTest(text):
                self.assertRaises(ValueError, base64url.decode, text)

    @given(st.text(max_size=12))
    def test_only_one_refusal(self, text: str) -> None:
        """
        No text causes anything but bytes or a ValueError, and the bytes spell that text.
        """
        try:
            raw = base64url.decode(text)
        except ValueError:
            return
        self.assertEqual(base64url.encode(raw), text)
