"""
Tests for `pomerium_tx.http11.content`.
"""

from __future__ import annotations

from httptools import HttpParserError, HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.content import ChunkedContent, ContentOfLength, ContentUntilClose, MalformedContent
from pomerium_tx.http11.heads import HeadLimits

LIMITS = HeadLimits(head_bytes=300, fields=4)


def decoded(wire: bytes, *, request: bool = True) -> tuple[bytes, int]:
    """
    The content of a chunked message, and where it ends.
    """
    content = ChunkedContent(LIMITS, request=request)
    pieces: list[bytes] = []
    end = content.feed(wire, 0, pieces)
    assert content.done
    return b"".join(pieces), end


class LlhttpContent:
    """
    What llhttp makes of the same bytes.
    """

    def __init__(self) -> None:
        self.content = b""
        self.done = False

    def on_body(self, piece: bytes) -> None:
        """
        Called by httptools.
        """
        self.content += piece

    def on_message_complete(self) -> None:
        """
        Called by httptools.
        """
        self.done = True


class ChunkedContentTests(SynchronousTestCase):
    """
    Chunks have one reading or none.
    """

    def test_good(self) -> None:
        """
        Sizes in either case, extensions and trailers are understood; only the content is kept, and what follows is
        left.
        """
        for wire, expected in [
            (b"0\r\n\r\n", b""),
            (b"000\r\n\r\n", b""),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
            (b"00a\r\n0123456789\r\n1\r\n\n\r\n0\r\n\r\n", b"0123456789\n"),
            (b'A;x;y=z;q="a;\\"\r b"\r\n0123456789\r\n0;last\r\n\r\n'.replace(b"\r b", b"\t b"), b"0123456789"),
            (b"1\r\na\r\n0\r\nX: y\r\nETag: evil\r\n\r\n", b"a"),
        ]:
            with self.subTest(wire=wire):
                self.assertEqual(decoded(wire), (expected, len(wire)))
                self.assertEqual(decoded(wire + b"GET /"), (expected, len(wire)))

    def test_bad(self) -> None:
        """
        Every other way to write a chunk is refused.
        """
        for size in (
            b"",
            b" 5",
            b"5 ",
            b"+5",
            b"-5",
            b"0x5",
            b"5_0",
            b"5g",
            b"5;",
            b"5;a b",
            b"5;a=",
            b"5; a",
            b"5 ;a",
            b"5;a=b c",
            b'5;a="b',
            b'5;a="\x01"',
            b"5;a\rb",
            b"5;\na",
            b"5\n",
            b"5\r",
            b"F" * 16,
            b"5;[",
            b"5,5",
            b"\xb2",
        ):
            with self.subTest(size=size):
                self.assertRaises(MalformedContent, decoded, size + b"\r\nhello\r\n0\r\n\r\n")
        for end in (b"", b"\n", b"\r", b"!\r\n", b"\r\r\n", b"XX"):
            with self.subTest(end=end):
                self.assertRaises(MalformedContent, decoded, b"5\r\nhello" + end + b"0\r\n\r\n")
        for tail in (
            b"0\n\r\n",
            b"0\r\n\n",
            b"0\r\nX\r\n\r\n",
            b"0\r\n X: y\r\n\r\n",
            b"0\r\nX: \0\r\n\r\n",
            b"0\r\nX_Y: z\r\n\r\n",
        ):
            with self.subTest(tail=tail):
                self.assertRaises(MalformedContent, decoded, tail)

    def test_forbidden_trailers(self) -> None:
        """
        A request with a trailer that could change how it is read, routed or believed is refused (RFC 9110 section
        6.5.1); what an upstream says there is dropped with the rest.
        """
        for name in (b"Content-Length", b"TRANSFER-ENCODING", b"Host", b"Authorization", b"cookie", b"Content-Type"):
            for trailer in (name, b"X-Forwarded-For", b"x-pomerium-claim-email"):
                with self.subTest(trailer=trailer):
                    wire = b"1\r\na\r\n0\r\nX: y\r\n" + trailer + b": 1\r\n\r\n"
                    self.assertRaises(MalformedContent, decoded, wire)
                    self.assertEqual(decoded(wire, request=False)[0], b"a")

    def test_responses_may_have_underscores(self) -> None:
        """
        An upstream's trailers are as free as its fields.
        """
        self.assertEqual(decoded(b"0\r\nX_Y: z\r\n\r\n", request=False)[0], b"")

    def test_limits(self) -> None:
        """
        Extensions and trailers are bounded, also while they are incomplete.
        """
        for wire in (
            b"1;" + b"a" * 600 + b"\r\na\r\n",
            b"1;" + b"a" * 600,
            b"0\r\n" + b"X: y\r\n" * 5 + b"\r\n",
            b"0\r\n" + b"X: " + b"y" * 300 + b"\r\n\r\n",
            b"0\r\n" + b"X: " + b"y" * 300,
            b"0\r\n" + (b"X: " + b"y" * 90 + b"\r\n") * 4,
        ):
            with self.subTest(wire=wire):
                self.assertRaises(MalformedContent, decoded, wire)
        self.assertEqual(decoded(b"0\r\n" + b"X: y\r\n" * 4 + b"\r\n")[0], b"")

    def test_spilling_is_noticed_at_once(self) -> None:
        """
        What follows a chunk is judged when its two bytes are there, not at the end of some line.
        """
        self.assertRaises(MalformedContent, decoded, b"5\r\nhelloXX")

    def test_content_before_the_fault_is_told(self) -> None:
        """
        Chunks that came well are content, whatever follows.
        """
        pieces: list[bytes] = []
        content = ChunkedContent(LIMITS, request=True)
        self.assertRaises(MalformedContent, content.feed, b"2\r\nok\r\nx\r\n", 0, pieces)
        self.assertEqual(pieces, [b"ok"])

    @settings(deadline=None, max_examples=500)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"0",
                    b"1",
                    b"5",
                    b"a",
                    b"\r\n",
                    b"\r",
                    b"\n",
                    b"hello",
                    b";",
                    b"=",
                    b'"',
                    b" ",
                    b"x",
                    b"X: y",
                    b"0\r\n\r\n",
                ]
            ),
            max_size=14,
        ).map(b"".join)
    )
    def test_llhttp_agrees(self, wire: bytes) -> None:
        """
        What is accepted here, llhttp accepts too, with the same content.
        """
        pieces: list[bytes] = []
        content = ChunkedContent(LIMITS, request=True)
        try:
            end = content.feed(wire, 0, pieces)
        except MalformedContent:
            return
        other = LlhttpContent()
        try:
            HttpRequestParser(other).feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + wire[:end])
        except HttpParserError:
            # An incomplete line is judged here when it is complete.
            self.assertFalse(content.done)
        self.assertEqual(other.done, content.done)
        if content.done:
            self.assertEqual(other.content, b"".join(pieces))


class PlainContentTests(SynchronousTestCase):
    """
    Content without framing of its own.
    """

    def test_of_length(self) -> None:
        """
        Exactly as many bytes as were announced belong to the message.
        """
        content, pieces = ContentOfLength(5), list[bytes]()
        self.assertEqual(content.feed(b"..hel", 2, pieces), 5)
        self.assertFalse(content.done)
        self.assertEqual(content.feed(b"loGET", 0, pieces), 2)
        self.assertTrue(content.done)
        self.assertEqual(pieces, [b"hel", b"lo"])
        self.assertTrue(ContentOfLength(0).done)

    def test_until_close(self) -> None:
        """
        Everything belongs to the message, which never ends by itself.
        """
        content, pieces = ContentUntilClose(), list[bytes]()
        self.assertEqual(content.feed(b"..a", 2, pieces), 3)
        self.assertEqual(content.feed(b"bc", 0, pieces), 2)
        self.assertEqual(pieces, [b"a", b"bc"])
        self.assertFalse(content.done)
