"""
Tests for `pomerium_tx.http11.response_head`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11 import response_head as response_head_module
from pomerium_tx.http11.heads import BadResponse, HeadLimits, ResponseHead
from pomerium_tx.http11.response_head import response_head

LIMITS = HeadLimits()


def head(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET") -> ResponseHead:
    """
    The head of a response with *lines*.
    """
    return response_head(b"\r\n".join([line, *lines, b"", b""]), method, LIMITS)


class ResponseHeadTests(SynchronousTestCase):
    """
    A head means one thing or is refused.
    """

    def refused(self, *lines: bytes, line: bytes = b"HTTP/1.1 200 OK") -> None:
        """
        Fail unless such a head is refused.
        """
        with self.subTest(lines=lines, line=line):
            self.assertRaises(BadResponse, head, *lines, line=line)

    def test_fields(self) -> None:
        """
        Fields keep their order, their case and their value; an upstream may use underscores.
        """
        found = head(b"Set-Cookie: a=b ", b"set-cookie:c", b"X_Y: \xff", b"Content-Length: 0")
        self.assertEqual(
            found.fields[:3],
            [(b"set-cookie", b"Set-Cookie", b"a=b"), (b"set-cookie", b"set-cookie", b"c"), (b"x_y", b"X_Y", b"\xff")],
        )

    def test_status_line(self) -> None:
        """
        The status is a number from 100 to 599, the version ours, the reason harmless.
        """
        for line, status, reason in [
            (b"HTTP/1.1 200 OK", 200, b"OK"),
            (b"HTTP/1.1 599 ", 599, b""),
            (b"HTTP/1.1 404", 404, b""),
            (b"HTTP/1.0 302 Caf\xe9 \t x", 302, b"Caf\xe9 \t x"),
        ]:
            with self.subTest(line=line):
                found = head(line=line)
                self.assertEqual((found.status, found.reason), (status, reason))
        for line in (
            b"HTTP/1.1 099 X",
            b"HTTP/1.1 99 X",
            b"HTTP/1.1 600 X",
            b"HTTP/1.1 1000 X",
            b"HTTP/1.1 2OO OK",
            b"HTTP/1.1  200 OK",
            b"HTTP/1.1 200 O\rK",
            b"HTTP/1.1 200 O\x01K",
            b"HTTP/1.2 200 OK",
            b"HTTP/2.0 200 OK",
            b"HTTP/2 200",
            b"ICY 200 OK",
            b"BANANA",
            b"",
        ):
            self.refused(line=line)

    def test_content(self) -> None:
        """
        How much content follows is decided by the request, the status, and then the framing.
        """
        length, coding = b"Content-Length: 5", b"Transfer-Encoding: chunked"
        for found, has_content, until_close in [
            (head(length), True, False),
            (head(b"Content-Length: 0"), False, False),
            (head(coding), True, False),
            (head(), True, True),
            (head(length, method=b"HEAD"), False, False),
            (head(coding, method=b"HEAD"), False, False),
            (head(method=b"HEAD"), False, False),
            (head(length, line=b"HTTP/1.1 204 No Content"), False, False),
            (head(length, line=b"HTTP/1.1 304 Not Modified"), False, False),
            (head(line=b"HTTP/1.1 103 Early Hints"), False, False),
            (head(length, method=b"CONNECT"), False, False),
            (head(length, line=b"HTTP/1.1 403 No", method=b"CONNECT"), True, False),
        ]:
            with self.subTest(found=found):
                self.assertEqual((found.has_content, found.close_delimited), (has_content, until_close))

    def test_announced_framing_is_kept(self) -> None:
        """
        What a response to HEAD would have had can be told to the user agent.
        """
        self.assertEqual(head(b"Content-Length: 5", method=b"HEAD").content_length, 5)
        self.assertTrue(head(b"Transfer-Encoding: chunked", method=b"HEAD").chunked)

    def test_where_there_may_be_no_announcement(self) -> None:
        """
        A length that a response may not announce is nobody's to be told; a 304 and an answer to HEAD keep theirs.
        """
        length = b"Content-Length: 5"
        switch = (b"Connection: upgrade", b"Upgrade: websocket")
        for line, lines, expected in (
            (b"HTTP/1.1 204 No Content", (), None),
            (b"HTTP/1.1 103 Early Hints", (), None),
            (b"HTTP/1.1 101 Switching Protocols", switch, None),
            (b"HTTP/1.1 304 Not Modified", (), 5),
        ):
            for method in (b"GET", b"HEAD"):
                with self.subTest(line=line, method=method):
                    found = head(length, *lines, line=line, method=method)
                    self.assertEqual((found.content_length, found.has_content), (expected, False))
        self.refused(length, length, line=b"HTTP/1.1 204 No Content")

    def test_framing(self) -> None:
        """
        A response whose end is in doubt is refused.
        """
        length, coding = b"Content-Length: 5", b"Transfer-Encoding: chunked"
        self.refused(length, coding)
        self.refused(coding, length)
        self.refused(length, b"Content-Length: 6")
        self.refused(length, length)
        self.refused(coding, coding)
        self.refused(coding, line=b"HTTP/1.0 200 OK")
        for value in (b"", b"+5", b"-5", b"5,5", b"0x5", b"9" * 20):
            self.refused(b"Content-Length: " + value)
        for value in (b"", b"gzip", b"identity", b"gzip, chunked", b"chunked, gzip", b"xchunked"):
            self.refused(b"Transfer-Encoding: " + value)

    def test_field_lines(self) -> None:
        """
        A head with a malformed line is refused whole.
        """
        for line in (
            b"X: a\r\n b",
            b"X : a",
            b": a",
            b"X",
            b"X: a\nY: b",
            b"X: a\rSet-Cookie: b",
            b"X: \0",
            b"X: \x7f",
        ):
            self.refused(line)

    def test_number_of_fields(self) -> None:
        """
        There may be as many fields as the limit says, and no more.
        """
        raw = b"HTTP/1.1 200 OK\r\nX: y\r\nX: y\r\n\r\n"
        self.assertEqual(len(response_head(raw, b"GET", HeadLimits(fields=2)).fields), 2)
        self.assertRaises(BadResponse, response_head, raw, b"GET", HeadLimits(fields=1))

    def test_keep_alive(self) -> None:
        """
        A connection is kept where both the version and the fields allow it, and the content does not need its end.
        """
        length = b"Content-Length: 0"
        for found, expected in [
            (head(length), True),
            (head(length, b"Connection: Close"), False),
            (head(length, b"Connection: keep-alive, close"), False),
            (head(length, line=b"HTTP/1.0 200 OK"), False),
            (head(length, b"Connection: Keep-Alive", line=b"HTTP/1.0 200 OK"), True),
            (head(b"Connection: keep-alive"), False),
            (head(method=b"CONNECT"), False),
        ]:
            with self.subTest(found=found):
                self.assertEqual(found.keep_alive, expected)
        self.refused(length, b"Connection: a b")
        self.assertEqual(head(b"Connection: X-A", b"Connection: te").connection, {b"x-a", b"te"})

    def test_switching_protocols(self) -> None:
        """
        A 101 names the one protocol that it switches to; no other status switches.
        """
        line = b"HTTP/1.1 101 Switching Protocols"
        lines = (b"Connection: Upgrade", b"Upgrade: WebSocket")
        self.assertEqual(head(*lines, line=line).upgrade, b"websocket")
        self.assertIsNone(head(*lines).upgrade)
        self.refused(line=line)
        self.refused(lines[0], line=line)
        self.refused(lines[1], line=line)
        self.refused(lines[0], b"Upgrade: a, b", line=line)
        self.refused(*lines, line=b"HTTP/1.0 101 Switching Protocols")


class OurOwnJudgementTests(ResponseHeadTests):
    """
    What llhttp would notice is noticed without it.
    """

    def setUp(self) -> None:
        self.patch(response_head_module, "llhttp_accepts", lambda *_: True)


class LlhttpJudgementTests(SynchronousTestCase):
    """
    What llhttp refuses is refused, even if we know nothing against it.
    """

    def test_refused(self) -> None:
        """
        Both judges have to accept a head.
        """
        self.patch(response_head_module, "llhttp_accepts", lambda *_: False)
        response_head_module._remembered.cache_clear()
        self.assertRaises(BadResponse, head)


class RememberedTests(SynchronousTestCase):
    """
    A head that has been read before is not read again, which changes nothing.
    """

    def test_by_method(self) -> None:
        """
        The same bytes mean something else as the answer to another method.
        """
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        limits = HeadLimits()
        for _ in range(2):
            contents = [
                response_head_module.response_head(raw, method, limits).has_content for method in (b"GET", b"HEAD")
            ]
            self.assertEqual(contents, [True, False])

    def test_limits_of_the_day(self) -> None:
        """
        A head that was accepted under other limits is refused under these.
        """
        raw = b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 5\r\n\r\n"
        response_head_module.response_head(raw, b"GET", HeadLimits())
        self.assertRaises(BadResponse, response_head_module.response_head, raw, b"GET", HeadLimits(fields=1))

    def test_bounded(self) -> None:
        """
        What is remembered is bounded in number and in size.
        """
        remembered = response_head_module._remembered
        remembered.cache_clear()
        limits = HeadLimits()
        for number in range(1_500):
            response_head_module.response_head(b"HTTP/1.1 200 OK\r\nX: %d\r\n\r\n" % number, b"GET", limits)
        self.assertEqual(remembered.cache_info().currsize, 1_024)
        remembered.cache_clear()
        response_head_module.response_head(b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n" % (b"x" * 3_000), b"GET", limits)
        self.assertEqual(remembered.cache_info().currsize, 0)
