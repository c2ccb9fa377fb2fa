"""
Tests for `pomerium_tx.http11.grammar`.
"""

from __future__ import annotations

from time import perf_counter

from httptools import HttpRequestParser, HttpResponseParser
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.grammar import (
    REQUEST_FIELD,
    RESPONSE_FIELD,
    connection_options,
    decimal,
    ends_loosely,
    llhttp_accepts,
    protocol,
)


class FieldTests(SynchronousTestCase):
    """
    A field line is a name, a colon and a value without control characters.
    """

    def test_good(self) -> None:
        """
        Whitespace before a value is not part of it; bytes beyond ASCII are.
        """
        for line, pair in [
            (b"Host:a\r\n", (b"Host", b"a")),
            (b"X-Y: \t v w \r\n", (b"X-Y", b"v w ")),
            (b"X:\r\n", (b"X", b"")),
            (b"X: \xc3\xa9\t\xff\r\n", (b"X", b"\xc3\xa9\t\xff")),
        ]:
            with self.subTest(line=line):
                self.assertEqual(REQUEST_FIELD.findall(line), [pair])
                self.assertEqual(RESPONSE_FIELD.findall(line), [pair])

    def test_bad(self) -> None:
        """
        Anything else is no field line.
        """
        lines = [b" X: y\r\n", b"X : y\r\n", b": y\r\n", b"X\r\n", b"X[: y\r\n", b"X: y\n", b"X: y\r", b"X: a\rb\r\n"]
        lines += [b"X: a%cb\r\n" % octet for octet in (*range(9), *range(11, 13), *range(14, 32), 127)]
        lines += [
            b"X%cY: z\r\n" % octet for octet in (*range(10), *range(11, 33), 127, 128, 160, 255, *b'"(),/;<=>?@[\\]{}')
        ]
        for line in lines:
            with self.subTest(line=line):
                self.assertEqual(REQUEST_FIELD.findall(line), [])
                self.assertEqual(RESPONSE_FIELD.findall(line), [])

    def test_underscores(self) -> None:
        """
        A user agent may not send underscores in names; an upstream may.
        """
        self.assertEqual(REQUEST_FIELD.findall(b"X_Y: z\r\n"), [])
        self.assertEqual(RESPONSE_FIELD.findall(b"X_Y: z\r\n"), [(b"X_Y", b"z")])

    def test_time_is_linear(self) -> None:
        """
        A long malformed line takes no longer than a long good one.
        """
        line = b"X:" + b" " * 60_000 + b"\0\r\n"
        begun = perf_counter()
        self.assertEqual(REQUEST_FIELD.findall(line), [])
        self.assertLess(perf_counter() - begun, 0.5)


class LlhttpTests(SynchronousTestCase):
    """
    llhttp is asked too, about whole heads only.
    """

    def test_accepts(self) -> None:
        """
        A whole good head is accepted, also one that asks for an upgrade or announces content.
        """
        start = b"GET / HTTP/1.1\r\nHost: a\r\n"
        for rest in (b"\r\n", b"Content-Length: 5\r\n\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n\r\n"):
            with self.subTest(rest=rest):
                self.assertTrue(llhttp_accepts(HttpRequestParser, start + rest))
        self.assertTrue(llhttp_accepts(HttpResponseParser, b"HTTP/1.1 200 OK\r\n\r\n"))

    def test_refuses(self) -> None:
        """
        Half a head, and a bad one, are not.
        """
        for raw in (
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            b"BREW / HTTP/1.1\r\n\r\n",
        ):
            with self.subTest(raw=raw):
                self.assertFalse(llhttp_accepts(HttpRequestParser, raw))


class ValueTests(SynchronousTestCase):
    """
    Values that decide framing have one reading or none.
    """

    def test_decimal(self) -> None:
        """
        A length is plain decimal digits, without sign, zeros before it, or more of it than there is.
        """
        self.assertEqual([decimal(b"0"), decimal(b"10"), decimal(b"9" * 18)], [0, 10, 10**18 - 1])
        for value in (
            b"",
            b"00",
            b"010",
            b"+1",
            b"-1",
            b"1_0",
            b"0x1",
            b"1 0",
            b"1,1",
            b"1.0",
            b'"1"',
            b"9" * 19,
            b"\xd9\xa1",
        ):
            with self.subTest(value=value):
                self.assertIsNone(decimal(value))

    def test_connection_options(self) -> None:
        """
        Options are a comma-separated list, in any case.
        """
        for value, options in [
            (b"close", {b"close"}),
            (b"Keep-Alive,\tUPGRADE ,, ", {b"keep-alive", b"upgrade"}),
            (b"", set()),
        ]:
            with self.subTest(value=value):
                self.assertEqual(connection_options(value), options)
        for value in (b"close;q", b"a b", b'"close"', b"\xa0close", b"\x0bclose", b"close\r"):
            with self.subTest(value=value):
                self.assertIsNone(connection_options(value))

    def test_protocol(self) -> None:
        """
        An upgrade names one protocol; a list is as good as none.
        """
        self.assertEqual([protocol(b"WebSocket"), protocol(b"HTTP/2.0")], [b"websocket", b"http/2.0"])
        for value in (b"", b"a, b", b"a/", b"a/b/c", b"a b"):
            with self.subTest(value=value):
                self.assertIsNone(protocol(value))

    def test_loose_ends(self) -> None:
        """
        An empty line ends a head however it is written.
        """
        for raw, expected in [(b"a\n\nb", True), (b"a\r\n\nb", True), (b"a\n\r\nb", True), (b"a\r\nb\n", False)]:
            with self.subTest(raw=raw):
                self.assertEqual(ends_loosely(raw, 0, len(raw)), expected)
        for start, end, expected in ((0, 3, True), (0, 2, False), (1, 3, True), (2, 4, False)):
            with self.subTest(start=start, end=end):
                self.assertEqual(ends_loosely(b"a\n\nb", start, end), expected)
