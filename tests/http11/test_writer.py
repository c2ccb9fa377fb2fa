"""
Tests for `pomerium_tx.http11.writer`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.http11.reader import EndOfMessage, RequestReader
from pomerium_tx.http11.writer import LAST_CHUNK, REASONS, chunk, field_lines, head_of, request_line, status_line

FORBIDDEN = [b"\r", b"\n", b"\r\n", b"\0"]


class WriterTests(SynchronousTestCase):
    """
    What is written says what was meant, and nothing else.
    """

    def test_request_head(self) -> None:
        """
        A request line, the fields in order, an empty line.
        """
        self.assertEqual(
            head_of(request_line(b"GET", b"/a?b"), field_lines([(b"Host", b"a"), (b"X", b"")])),
            b"GET /a?b HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n",
        )

    def test_response_head(self) -> None:
        """
        A status line, the fields in order, an empty line.
        """
        self.assertEqual(
            head_of(status_line(404, REASONS[404]), field_lines([(b"A", b"b")])),
            b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n",
        )
        self.assertEqual(head_of(status_line(599, b"")), b"HTTP/1.1 599 \r\n\r\n")

    def test_no_part_breaks_out(self) -> None:
        """
        CR, LF and NUL are refused wherever they are.
        """
        for bad in FORBIDDEN:
            with self.subTest(bad=bad):
                self.assertRaises(ValueError, request_line, b"G" + bad, b"/")
                self.assertRaises(ValueError, request_line, b"GET", b"/" + bad)
                self.assertRaises(ValueError, status_line, 200, bad)
                self.assertRaises(ValueError, field_lines, [(b"A" + bad, b"b")])
                self.assertRaises(ValueError, field_lines, [(b"A", b"b" + bad + b"c")])
                self.assertRaises(ValueError, field_lines, [(b"A", b"b"), (b"C", bad), (b"E", b"f")])

    def test_request_line_has_three_words(self) -> None:
        """
        A space or nothing in the request line is refused.
        """
        for method, target in [(b"GET X", b"/"), (b"GET", b"/ HTTP/1.1"), (b"", b"/"), (b"GET", b"")]:
            with self.subTest(method=method, target=target):
                self.assertRaises(ValueError, request_line, method, target)

    def test_status_is_a_status(self) -> None:
        """
        A status that no reader would accept is not written.
        """
        for status in (0, 99, 600, -200):
            with self.subTest(status=status):
                self.assertRaises(ValueError, status_line, status, b"")

    def test_nothing_is_no_chunk(self) -> None:
        """
        Empty content does not end the message.
        """
        self.assertEqual(chunk(b""), b"")

    @given(st.lists(st.binary(max_size=300), max_size=6))
    def test_chunks_are_read_back(self, contents: list[bytes]) -> None:
        """
        What is written in chunks is read back as it was.
        """
        fields = field_lines([(b"Host", b"a"), (b"Transfer-Encoding", b"chunked")])
        head = head_of(request_line(b"POST", b"/"), fields)
        events = RequestReader(HeadLimits()).feed(head + b"".join(map(chunk, contents)) + LAST_CHUNK)
        self.assertEqual(b"".join(event for event in events if isinstance(event, bytes)), b"".join(contents))
        self.assertIs(events[-1], EndOfMessage.END)
