"""
Tests for `pomerium_tx.http11.authority`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.authority import InvalidAuthority, authority

GOOD = [
    (b"app.example.com", "app.example.com", None, b"app.example.com"),
    (b"APP.Example.COM:8443", "app.example.com", 8443, b"app.example.com:8443"),
    (b"app.example.com.", "app.example.com", None, b"app.example.com"),
    (b"app.example.com.:443", "app.example.com", 443, b"app.example.com:443"),
    (b"my_host", "my_host", None, b"my_host"),
    (b"127.0.0.1:1", "127.0.0.1", 1, b"127.0.0.1:1"),
    (b"[::1]", "[::1]", None, b"[::1]"),
    (b"[0:0:0:0:0:0:0:ABCD]:65535", "[::abcd]", 65535, b"[::abcd]:65535"),
    (b"a" * 63 + b".b", "a" * 63 + ".b", None, b"a" * 63 + b".b"),
]

BAD = [
    b"",
    b".",
    b".a",
    b"a..b",
    b"a..",
    b"-a.b",
    b"a b",
    b"a,b",
    b"a/b",
    b"a\\b",
    b"u@a",
    b"a@",
    b"a:",
    b"a:0",
    b"a:080",
    b"a:65536",
    b"a:8a",
    b"a:80:80",
    b"::1",
    b"[::1",
    b"[::1]x",
    b"[::g]",
    b"[1.2.3.4]",
    b"[fe80::1%25eth0]",
    b"%61.b",
    b"a%00",
    b"\xffa",
    b"a\n",
    b"<script>",
    b"http://a",
    b"a" * 64,
    b"a." * 130,
]


class AuthorityTests(SynchronousTestCase):
    """
    A host has one spelling.
    """

    def test_good(self) -> None:
        """
        What browsers send is understood, in its canonical form.
        """
        for text, host, port, canonical in GOOD:
            with self.subTest(text=text):
                self.assertEqual(authority(text), (host, port, canonical))

    def test_canonical_form_is_stable(self) -> None:
        """
        The canonical form is its own canonical form.
        """
        for text, *_ in GOOD:
            with self.subTest(text=text):
                self.assertEqual(authority(authority(text).text), authority(text))

    def test_bad(self) -> None:
        """
        Everything else names nobody.
        """
        for text in BAD:
            with self.subTest(text=text):
                self.assertRaises(InvalidAuthority, authority, text)

    @given(st.binary(max_size=40) | st.text("ab.:[]0123456789-_%@", max_size=40).map(str.encode))
    def test_any_bytes(self, text: bytes) -> None:
        """
        Any bytes are an authority or are refused, and what is accepted is plain ASCII without anything to misread.
        """
        try:
            found = authority(text)
        except InvalidAuthority:
            return
        self.assertRegex(found.host, r"\A(?:[a-z0-9_][a-z0-9._-]*|\[[0-9a-f:.]+\])\Z")
        self.assertFalse(found.host.endswith("."))
