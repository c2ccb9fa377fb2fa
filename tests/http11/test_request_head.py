"""
Tests for `pomerium_tx.http11.request_head`.
"""

from __future__ import annotations

from time import thread_time

from httptools import HttpRequestParser
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11 import request_head as request_head_module
from pomerium_tx.http11.grammar import llhttp_accepts
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import forget_heads, request_head
from pomerium_tx.http11.request_head import METHODS

LIMITS = HeadLimits()


def head(
    *lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes | None = b"a", limits: HeadLimits = LIMITS
) -> RequestHead:
    """
    The head of a request with *lines*.
    """
    hosts = [] if host is None else [b"Host: " + host]
    return request_head(b"\r\n".join([line, *hosts, *lines, b"", b""]), limits)


class RequestHeadTests(SynchronousTestCase):
    """
    A head means one thing or is refused.
    """

    def refused(self, status: int, *lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes | None = b"a") -> None:
        """
        Fail unless such a head is refused with *status*.
        """
        with self.subTest(lines=lines, line=line, host=host):
            problem = self.assertRaises(BadRequest, head, *lines, line=line, host=host)
            self.assertEqual(problem.status, status)

    def test_fields(self) -> None:
        """
        Fields keep their order, their case and their value; only whitespace around it is dropped.
        """
        found = head(b"X-Y:  v w\t ", b"x-y:", b"Cookie: \xff")
        self.assertEqual(
            found.fields,
            [
                (b"host", b"Host", b"a"),
                (b"x-y", b"X-Y", b"v w"),
                (b"x-y", b"x-y", b""),
                (b"cookie", b"Cookie", b"\xff"),
            ],
        )

    def test_methods(self) -> None:
        """
        Every method that is carried is one that llhttp accepts; any other is not implemented.
        """
        for method in METHODS:
            with self.subTest(method=method):
                self.assertEqual(head(line=method + b" / HTTP/1.1").method, method)
                self.assertTrue(llhttp_accepts(HttpRequestParser, method + b" / HTTP/1.1\r\nHost: a\r\n\r\n"))
        for method in (b"BREW", b"get", b"GETT", b"GE", b"DESCRIBE", b"X" * 32, b"X" * 33, b"X-Y"):
            self.refused(501, line=method + b" / HTTP/1.1")
        self.refused(405, line=b"CONNECT a:80 HTTP/1.1")
        self.refused(505, line=b"PRI * HTTP/2.0")

    def test_request_line(self) -> None:
        """
        A request line is three words with one space between them.
        """
        for line in (
            b"GET  / HTTP/1.1",
            b"GET /  HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b"GET\t/ HTTP/1.1",
            b" GET / HTTP/1.1",
            b"GET /",
            b"GET",
            b"GET HTTP/1.1",
            b"GET / http/1.1",
            b"GET / HTTP/1",
            b"GET / HTTP/01.1",
            b"GET / HTTP/1.1x",
            b"GET / HTTP/ 1.1",
            b"GET / ICE/1.0",
            b"GET /a b HTTP/1.1",
            b"GE\0T / HTTP/1.1",
            b"GET / HTTP/1.1\r",
            b"",
        ):
            self.refused(400, line=line)
        for line in (b"GET / HTTP/0.9", b"GET / HTTP/1.2", b"GET / HTTP/2.0", b"GET / HTTP/9.9"):
            self.refused(505, line=line)

    def test_target(self) -> None:
        """
        A target has a form that its method may have, in printable ASCII and without a fragment.
        """
        for line in (
            b"GET * HTTP/1.1",
            b"GET a HTTP/1.1",
            b"GET a:80 HTTP/1.1",
            b"GET ?a HTTP/1.1",
            b"GET /a#b HTTP/1.1",
            b"GET /\xc3\xa9 HTTP/1.1",
            b"GET /\x01 HTTP/1.1",
            b"GET /\x7f HTTP/1.1",
            b"GET gopher://a/ HTTP/1.1",
            b"GET http:/a HTTP/1.1",
            b"GET http:///a HTTP/1.1",
            b"GET http://u:p@a/ HTTP/1.1",
            b"GET http://a:bad/ HTTP/1.1",
            b"GET http://a\\b/ HTTP/1.1",
        ):
            self.refused(400, line=line)
        self.assertEqual(head(line=b"OPTIONS * HTTP/1.1").target, b"*")

    def test_target_length(self) -> None:
        """
        A target may be as long as the limit, and no longer.
        """
        limits = HeadLimits(target=10)
        self.assertEqual(head(line=b"GET /123456789 HTTP/1.1", limits=limits).target, b"/123456789")
        for target in (b"/1234567890", b"/1234567890#", b"/" + b"a" * 5_000):
            with self.subTest(target=target):
                problem = self.assertRaises(BadRequest, head, line=b"GET " + target + b" HTTP/1.1", limits=limits)
                self.assertEqual(problem.status, 414)

    def test_host(self) -> None:
        """
        There is exactly one Host, and it is one.
        """
        self.assertEqual(head(host=b"App.example.com:8443").host, b"App.example.com:8443")
        self.refused(400, host=None)
        self.refused(400, b"Host: a")
        self.refused(400, b"host: b")
        for host in (b"", b"a, b", b"a b", b"u@a", b"a/b", b"a:", b"<script>"):
            self.refused(400, host=host)
            self.refused(400, host=host, line=b"GET http://a/ HTTP/1.1")
            self.refused(400, host=host, line=b"GET / HTTP/1.0")

    def test_absolute_form(self) -> None:
        """
        The authority of the target is the request's, and one that Host contradicts is refused: whoever reads Host only
        would see another request.
        """
        for target, host in [(b"http://b/", b"b"), (b"HTTPS://B:1?q", b"B:1"), (b"http://[::1]/a", b"[::1]")]:
            with self.subTest(target=target):
                line = b"GET " + target + b" HTTP/1.1"
                self.assertEqual(head(line=line, host=host.lower()).host, host)
                self.refused(400, line=line)
        self.assertEqual(head(line=b"GET http://b/ HTTP/1.1", host=b"b:80").host, b"b")
        self.refused(400, host=b"b:443", line=b"GET http://b/ HTTP/1.1")
        self.refused(400, host=None, line=b"GET http://b/ HTTP/1.1")

    def test_http_1_0(self) -> None:
        """
        HTTP/1.0 needs no Host, is never kept open, and upgrades nothing.
        """
        found = head(b"Connection: keep-alive, upgrade", b"Upgrade: websocket", line=b"GET / HTTP/1.0", host=None)
        self.assertEqual((found.host, found.minor, found.keep_alive, found.upgrade), (b"", 0, False, None))
        self.refused(400, b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")

    def test_connection(self) -> None:
        """
        ``close`` closes, wherever and however it is said.
        """
        self.assertTrue(head().keep_alive)
        for lines in (
            [b"Connection: close"],
            [b"Connection: keep-alive,Close"],
            [b"Connection: x", b"connection: CLOSE"],
        ):
            with self.subTest(lines=lines):
                self.assertFalse(head(*lines).keep_alive)
        self.assertEqual(
            head(b"Connection: X-A, te", b"Connection: keep-alive").connection, {b"x-a", b"te", b"keep-alive"}
        )
        self.refused(400, b"Connection: a b")

    def test_content_length(self) -> None:
        """
        There is one length, and it is a number.
        """
        self.assertEqual(head(b"Content-Length: 3").content_length, 3)
        self.assertEqual(head(b"content-length:0").content_length, 0)
        for line in (b"Content-Length: 3 ", b"Content-Length:\t3", b"Content-Length:  3", b"Content-Length: 3\t"):
            self.refused(400, line)
        for value in (b"", b"+3", b"-3", b"3,3", b"0x3", b"03", b"3 3", b"1_0", b"9" * 20, b"18446744073709551617"):
            self.refused(400, b"Content-Length: " + value)
        self.refused(400, b"Content-Length: 1", b"Content-Length: 1")

    def test_content_type(self) -> None:
        """
        There is one, since readers disagree on which of two counts.
        """
        self.assertTrue(head(b"Content-Type: text/plain").keep_alive)
        self.refused(400, b"Content-Type: text/plain", b"content-type: text/plain")

    def test_content_of_head(self) -> None:
        """
        HEAD has no content, and its refusal has none either.
        """
        line = b"HEAD / HTTP/1.1"
        self.assertFalse(head(b"Content-Length: 0", line=line).has_content)
        for framing in (b"Content-Length: 1", b"Transfer-Encoding: chunked"):
            with self.subTest(framing=framing):
                problem = self.assertRaises(BadRequest, head, framing, line=line)
                self.assertEqual((problem.status, problem.is_of_head), (400, True))
        self.assertFalse(self.assertRaises(BadRequest, head, b"Content-Length: x").is_of_head)

    def test_transfer_encoding(self) -> None:
        """
        Content is chunked, once and by nothing else, or not encoded at all.
        """
        for value in (b"chunked", b"Chunked", b"\tCHUNKED "):
            with self.subTest(value=value):
                found = head(b"Transfer-Encoding: " + value)
                self.assertEqual((found.chunked, found.content_length), (True, None))
        for value in (b"gzip", b"identity", b"xchunked", b"chunke"):
            self.refused(501, b"Transfer-Encoding: " + value)
        for value in (
            b"",
            b"gzip, chunked",
            b"chunked, chunked",
            b"chunked,",
            b",chunked",
            b"chunked;a=b",
            b'"chunked"',
            b"a b",
        ):
            self.refused(400, b"Transfer-Encoding: " + value)
        self.refused(400, b"Transfer-Encoding: \x0bchunked")
        self.refused(400, b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity")
        self.refused(400, b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked")
        self.refused(400, b"Transfer-Encoding: chunked", b"Content-Length: 0")
        self.refused(400, b"Content-Length: 0", b"Transfer-Encoding: chunked")
        problem = self.assertRaises(BadRequest, head, b"Content-Length: 0", b"Transfer-Encoding: chunked")
        self.assertIn("both", problem.reason)

    def test_field_lines(self) -> None:
        """
        A head with a malformed line is refused whole.
        """
        for line in (
            b"X: a\r\n b",
            b" X: a",
            b"X : a",
            b": a",
            b"X",
            b"X: a\nY: b",
            b"X: a\rb",
            b"X: \0",
            b"X: \x01",
            b"X: \x7f",
            b"X\xa0: a",
            b"X\t: a",
            b"X[]: a",
            b"Transfer-\r\nEncoding: chunked",
        ):
            self.refused(400, line)

    def test_underscores(self) -> None:
        """
        A name that an application may take for another one is refused, and the reason says so.
        """
        for line in (b"Content_Length: 3", b"X_Pomerium_Jwt_Assertion: x", b"_: x"):
            with self.subTest(line=line):
                self.assertIn("underscore", self.assertRaises(BadRequest, head, line).reason)
        self.assertEqual(head(b"X-Y: a_b").get(b"x-y"), b"a_b")

    def test_underscores_dropped(self) -> None:
        """
        Where that is wanted, such a field is as if it had not come, and all others are as strict as ever.
        """
        limits = HeadLimits(underscores="drop")
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\nContent_Length: 9\r\nA: b\r\nContent-Length: 3\r\n_: 2\r\n\r\n"
        found = request_head(raw, limits)
        self.assertEqual([field[1] for field in found.fields], [b"Host", b"A", b"Content-Length"])
        self.assertEqual(found.content_length, 3)
        for line in (b"X_Y : 1", b"X_Y", b"X_Y: \0", b" X_Y: 1", b"X_Y: a\nZ: b"):
            with self.subTest(line=line):
                self.assertRaises(
                    BadRequest, request_head, b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n", limits
                )

    def test_underscores_allowed(self) -> None:
        """
        Where they are allowed, no field passes that an application could take for the message's own framing.
        """
        limits = HeadLimits(underscores="allow")
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\n\r\n"
        self.assertEqual(request_head(raw, limits).get(b"x_y"), b"1")
        for name in (b"Content_Length", b"transfer_encoding", b"Content_Type", b"KEEP_ALIVE", b"Proxy_Connection"):
            with self.subTest(name=name):
                raw = b"GET / HTTP/1.1\r\nHost: a\r\n" + name + b": 3\r\n\r\n"
                self.assertIn("underscore", self.assertRaises(BadRequest, request_head, raw, limits).reason)

    def test_time_is_linear(self) -> None:
        """
        The longest head that may come is refused as fast as it is read, whatever fills it.
        """
        for filling in (
            b"_",
            b"a",
            b" ",
            b":",
            b"a_",
            b"\t",
            b"a:",
            b"\r\n",
            b"\n",
            b"\r",
            b",",
            b"X: y\r\n",
            b"X_: y\r\n",
            b"\r\n ",
        ):
            for name in (
                b"",
                b"X: ",
                b"Host: ",
                b"Connection: ",
                b"Content-Length: ",
                b"Transfer-Encoding: ",
                b"Upgrade: ",
            ):
                with self.subTest(filling=filling, name=name):
                    begun = thread_time()
                    try:
                        head(name + filling * (65_000 // len(filling)) + b"\0", host=None)
                    except BadRequest:
                        pass
                    try:
                        head(name + filling * (65_000 // len(filling)) + b"!")
                    except BadRequest:
                        pass
                    self.assertLess(thread_time() - begun, 1)

    def test_number_of_fields(self) -> None:
        """
        There may be as many fields as the limit says, and no more.
        """
        limits = HeadLimits(fields=3)
        self.assertEqual(len(head(b"X: y", b"X: y", limits=limits).fields), 3)
        problem = self.assertRaises(BadRequest, head, b"X: y", b"X: y", b"X: y", limits=limits)
        self.assertEqual(problem.status, 431)

    def test_expect(self) -> None:
        """
        ``100-continue`` is the only expectation, and only where there is content to wait for.
        """
        self.assertTrue(head(b"Expect: 100-Continue", b"Content-Length: 5").expect_continue)
        self.assertFalse(head(b"Expect: 100-continue").expect_continue)
        self.assertFalse(head(b"Expect: 100-continue", b"Content-Length: 5", line=b"GET / HTTP/1.0").expect_continue)
        for lines in ([b"Expect: 200-ok"], [b"Expect:"], [b"Expect: 100-continue, x"], [b"Expect: 100-continue"] * 2):
            self.refused(417, *lines)

    def test_websocket(self) -> None:
        """
        A WebSocket handshake is a GET without content that says so twice.
        """
        lines = (b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket")
        self.assertEqual(head(*lines).upgrade, b"websocket")
        self.assertEqual(head(*lines, b"Content-Length: 0").upgrade, b"websocket")
        self.assertIsNone(head(lines[0]).upgrade)
        self.assertIsNone(head(lines[1]).upgrade)
        self.assertIsNone(head(lines[0], b"Upgrade: websocket, x").upgrade)
        self.assertIsNone(head(*lines, lines[1]).upgrade)
        self.refused(400, *lines, line=b"POST / HTTP/1.1")
        self.refused(400, *lines, b"Content-Length: 1")
        self.refused(400, *lines, b"Transfer-Encoding: chunked")

    def test_other_upgrades(self) -> None:
        """
        Whatever else is asked for is ignored, however near it comes: there are rules for WebSockets alone.
        """
        for name in (b"h2c", b"websocket/13", b"websocket, h2c", b"websocket,", b"websockets", b"TLS/1.0"):
            with self.subTest(name=name):
                lines = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + name)
                self.assertIsNone(head(*lines).upgrade)
                found = head(*lines, b"Content-Length: 3", line=b"POST / HTTP/1.1")
                self.assertEqual((found.upgrade, found.content_length), (None, 3))
        self.assertIsNone(head(b"Connection: upgrade", b"Upgrade: h2c", b"Upgrade: websocket").upgrade)


class OurOwnJudgementTests(RequestHeadTests):
    """
    What llhttp would notice is noticed without it.
    """

    def setUp(self) -> None:
        self.patch(request_head_module, "llhttp_accepts", lambda *_: True)


class LlhttpJudgementTests(SynchronousTestCase):
    """
    What llhttp refuses is refused, even if we know nothing against it.
    """

    def test_refused(self) -> None:
        """
        Both judges have to accept a head.
        """
        self.patch(request_head_module, "llhttp_accepts", lambda *_: False)
        forget_heads()
        self.assertRaises(BadRequest, head)
