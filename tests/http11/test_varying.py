"""
Tests of `pomerium_tx.http11.varying`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.request_head import read_head
from pomerium_tx.http11.varying import VARYING, without_varying
from tests.http11.test_request_head import LIMITS

APART = [
    # What came, what stays, and what is told apart.
    (b"", b"", []),
    (b"Accept: */*\r\n", b"Accept: */*\r\n", []),
    (b"Referer: https://a/b?c=d e\r\n", b"", [(b"referer", b"Referer", b"https://a/b?c=d e")]),
    (
        b'A: 1\r\nRange: bytes=0-\r\nB: 2\r\nIf-Range: "x"\r\n',
        b"A: 1\r\nB: 2\r\n",
        [(b"if-range", b"If-Range", b'"x"'), (b"range", b"Range", b"bytes=0-")],
    ),
    (
        b'If-None-Match: W/"a", "b"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n',
        b"",
        [
            (b"if-none-match", b"If-None-Match", b'W/"a", "b"'),
            (b"if-modified-since", b"If-Modified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT"),
        ],
    ),
    (
        b"traceparent: 00-a-b-01\r\ntracestate: a=b\r\n",
        b"",
        [(b"traceparent", b"traceparent", b"00-a-b-01"), (b"tracestate", b"tracestate", b"a=b")],
    ),
    # One of two stays: whoever reads it with the other one in mind sees that.
    (b"Range: a\r\nRange: b\r\n", b"Range: b\r\n", [(b"range", b"Range", b"a")]),
    (b"range: a\r\nRange: b\r\n", b"range: a\r\n", [(b"range", b"Range", b"b")]),
]
AS_THEY_ARE = [
    # Other spellings, and whatever is not plain.
    b"referer: a\r\n",
    b"REFERER: a\r\n",
    b"Referer:a\r\n",
    b"Referer:  a\r\n",
    b"Referer:\ta\r\n",
    b"Referer: a \r\n",
    b"Referer: a\t\r\n",
    b"Referer: \r\n",
    b"Referer:\r\n",
    b"Referer: a\tb\r\n",
    b"Referer: a\nb\r\n",
    b"Referer: a\rb\r\n",
    b"Referer: a\0b\r\n",
    b"Referer: a\x7fb\r\n",
    b"Referer: \xc3\xa4\r\n",
    b"Referer : a\r\n",
    b" Referer: a\r\n",
    b"X-Referer: a\r\n",
    b"X: 1\nReferer: a\r\n",
    b"X: 1\rReferer: a\r\n",
    b"X: Referer: a\r\n",
    b"If-Match: a\r\n",
]


class WithoutVaryingTests(SynchronousTestCase):
    """
    The fields that vary are told apart from the others.
    """

    def test_apart(self) -> None:
        """
        Such a field is taken out with its whole line, wherever it stands behind another one; what is left is a block.
        """
        for came, stays, fields in APART:
            with self.subTest(came):
                before = b"Host: a\r\n"
                self.assertEqual(without_varying(before + came + b"\r\n"), (before + stays + b"\r\n", fields))

    def test_as_they_are(self) -> None:
        """
        A line that is written in any other way, or is none, stays where it is.
        """
        for came in AS_THEY_ARE:
            with self.subTest(came):
                block = b"Host: a\r\n" + came + b"\r\n"
                self.assertEqual(without_varying(block), (block, []))
        self.assertEqual(without_varying(b"Referer: a\r\n\r\n"), (b"Referer: a\r\n\r\n", []))
        self.assertEqual(without_varying(b"\r\n"), (b"\r\n", []))

    def test_no_part_in_reading(self) -> None:
        """
        None of them has a part in how a message is read, and what is told apart would be read so.
        """
        plain = read_head(b"GET", b"/", b"1", b"Host: a\r\n\r\n", LIMITS)
        told = {field[0] for _, _, fields in APART for field in fields}
        self.assertEqual(told, VARYING)
        for _, _, fields in APART:
            for field in fields:
                with self.subTest(field):
                    read = read_head(b"GET", b"/", b"1", b"Host: a\r\n%b: %b\r\n\r\n" % field[1:], LIMITS)
                    self.assertEqual(read.fields, [*plain.fields, field])
                    read.fields = plain.fields
                    self.assertEqual(read, plain)
