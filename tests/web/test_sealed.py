"""
Tests for `pomerium_tx.web.sealed`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.sealed import Sealer, from_base64url, purpose_key, to_base64url


class SealerTests(SynchronousTestCase):
    """
    Tests for `Sealer`.
    """

    def setUp(self) -> None:
        """
        One sealer and one value of it.
        """
        self.sealer = Sealer(b"k" * 32)
        self.value = self.sealer.seal("state", b"what we know", associated=b"prefix")

    def test_round_trip(self) -> None:
        """
        What was sealed is opened again, by whoever has the key.
        """
        self.assertEqual(Sealer(b"k" * 32).open("state", self.value, associated=b"prefix"), b"what we know")

    def test_empty_plaintext(self) -> None:
        """
        Nothing can be sealed as well, and is not mistaken for a failure.
        """
        self.assertEqual(self.sealer.open("state", self.sealer.seal("state", b"")), b"")

    def test_is_unreadable(self) -> None:
        """
        A value shows nothing of what is in it, looks different each time, and fits into a cookie or URL.
        """
        self.assertNotIn(b"what we know", from_base64url(self.value) or b"")
        self.assertNotEqual(self.value, self.sealer.seal("state", b"what we know", associated=b"prefix"))
        self.assertRegex(self.value, r"\A[A-Za-z0-9_-]+\Z")

    def test_purpose_key_and_association_bind(self) -> None:
        """
        A value opens for its purpose, its key and its associated octets only.
        """
        self.assertIsNone(self.sealer.open("session", self.value, associated=b"prefix"))
        self.assertIsNone(self.sealer.open("state", self.value, associated=b"other"))
        self.assertIsNone(self.sealer.open("state", self.value))
        self.assertIsNone(Sealer(b"x" * 32).open("state", self.value, associated=b"prefix"))

    def test_every_change_is_noticed(self) -> None:
        """
        A value that was cut, lengthened or altered anywhere is not opened, and raises nothing.
        """
        altered = ["A" if character != "A" else "B" for character in self.value]
        for place in range(len(self.value)):
            with self.subTest(place=place):
                changed = self.value[:place] + altered[place] + self.value[place + 1 :]
                self.assertIsNone(self.sealer.open("state", changed, associated=b"prefix"))
                self.assertIsNone(self.sealer.open("state", self.value[:place], associated=b"prefix"))
        for strange in ("", "=", "é", self.value + "=", self.value + "A", "\udcff", " " + self.value):
            with self.subTest(strange=strange):
                self.assertIsNone(self.sealer.open("state", strange, associated=b"prefix"))

    def test_empty_key(self) -> None:
        """
        Nothing is sealed with an empty key.
        """
        self.assertRaises(ValueError, Sealer, b"")
        self.assertRaises(ValueError, purpose_key, b"", "x")


class Base64UrlTests(SynchronousTestCase):
    """
    Tests for `to_base64url` and `from_base64url`.
    """

    def test_one_spelling(self) -> None:
        """
        Octets have one spelling; a second one is refused.
        """
        for octets in (b"", b"\xff", b"\xfb\xff", b"abc"):
            self.assertEqual(from_base64url(to_base64url(octets)), octets)
        for text in ("_x", "A", "__8=", "+/8", "_w=="):
            with self.subTest(text=text):
                self.assertIsNone(from_base64url(text))
