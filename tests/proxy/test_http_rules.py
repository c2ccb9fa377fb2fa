"""
RFC 9110 and 9112, rule by rule, through the whole data path in memory.
"""

from __future__ import annotations

import re

from pomerium_tx.proxy.heads.forwarding import MOST_PASSES, one_less
from tests.doubles.peers import Peer, request
from tests.proxy.harness import ProxyTestCase

ALICE = "Who: alice"
HOST = "app.example.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STATUS = re.compile(rb"HTTP/1\.1 (\d+)")


class RulesTestCase(ProxyTestCase):
    """
    What the application hears and what the user agent gets.
    """

    def heard(
        self, *fields: str, method: str = "GET", version: str = "1.1", content: bytes = b""
    ) -> dict[str, list[str]]:
        """
        The fields that the application hears of a request with *fields*, by lower-case name.
        """
        asked = request(method, "/", HOST, ALICE, *fields, content=content).replace(
            b"HTTP/1.1", f"HTTP/{version}".encode()
        )
        agent = self.connect()
        agent.ask(asked)
        upstream = self.upstreams.last
        fields_heard: dict[str, list[str]] = {}
        for line in upstream.take().partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            fields_heard.setdefault(name.lower(), []).append(value)
        upstream.say(OK)
        self.settle()
        agent.transport.abortConnection()
        self.settle()
        return fields_heard

    def answered(self, answer: bytes, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
        """
        What the user agent gets when the application says *answer*.
        """
        asked = request(method, "/", HOST, ALICE, *fields).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
        self.agent = self.connect()
        self.agent.ask(asked)
        self.upstreams.last.say(answer)
        self.settle()
        return self.agent.take()


class IntermediaryTests(RulesTestCase):
    """
    What is added and what ends at us (RFC 9110 section 7.6).
    """

    def test_via(self) -> None:
        """
        Each hop is told once, in order, with the version in which it got the request.
        """
        self.assertEqual(self.heard()["via"], ["1.1 pomerium_tx"])
        self.assertEqual(self.heard(version="1.0")["via"], ["1.0 pomerium_tx"])
        self.assertEqual(
            self.heard("Via: 1.0 fred, 1.1 p.example.net", "X: 1", "Via: 1.1 last (comment)")["via"],
            ["1.0 fred, 1.1 p.example.net, 1.1 last (comment), 1.1 pomerium_tx"],
        )
        self.assertEqual(self.heard("Via: 1.1 a", "Connection: via")["via"], ["1.1 a, 1.1 pomerium_tx"])

    def test_loop(self) -> None:
        """
        A request that comes back again and again is not passed on for ever.
        """
        few = ", ".join(["1.1 pomerium_tx"] * (MOST_PASSES - 1))
        self.assertEqual(self.heard(f"Via: {few}")["via"], [few + ", 1.1 pomerium_tx"])
        upstreams = len(self.upstreams.peers)
        answer = self.agent.ask(request("GET", "/", HOST, ALICE, f"Via: {few}", "Via: 1.1 pomerium_tx"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 508 "), answer)
        self.assertEqual(len(self.upstreams.peers), upstreams)

    def test_forwarded(self) -> None:
        """
        The peer is appended to what came in any number of fields; what else is told of the connection is ours alone.
        """
        heard = self.heard(
            "X-Forwarded-For: 198.51.100.1, 198.51.100.2",
            "x-forwarded-for: unknown",
            "X-Forwarded-Proto: ftp",
            "X-Forwarded-Proto: gopher",
            "X-Forwarded-Host: evil.example.com",
            "X-Request-Id: mine",
        )
        self.assertEqual(heard["x-forwarded-for"], ["198.51.100.1, 198.51.100.2, unknown, 192.0.2.1"])
        self.assertEqual(heard["x-forwarded-proto"], ["http"])
        self.assertEqual(heard["x-forwarded-host"], [HOST])
        self.assertNotEqual(heard["x-request-id"], ["mine"])

    def test_cannot_be_named_away(self) -> None:
        """
        What we add arrives whatever Connection names, in any spelling.
        """
        self.identity = [(b"X-Pomerium-Jwt-Assertion", b"a.b.c")]
        named = (
            "X-Forwarded-For, x-forwarded-proto, X-FORWARDED-HOST, Via, Host, X-Request-Id, X-Pomerium-Jwt-Assertion"
        )
        heard = self.heard(f"Connection: close, {named}", "Connection: content-length", content=b"x", method="POST")
        for name in (*named.lower().split(", "), "content-length"):
            self.assertEqual(len(heard[name]), 1, name)
        self.assertNotIn("connection", heard)

    def test_ends_here(self) -> None:
        """
        What is about the connection ends with it, also what only Connection says so of.
        """
        fields = {
            "Keep-Alive": "timeout=9",
            "Proxy-Connection": "keep-alive",
            "Proxy-Authorization": "Basic x",
            "TE": "trailers, gzip",
            "Trailer": "X-Sum",
            "Upgrade": "h2c",
            "HTTP2-Settings": "AAMAAABkAAQAAP__",
            "X-Hop": "1",
        }
        heard = self.heard("Connection: x-HOP, HTTP2-Settings, upgrade", *(f"{k}: {v}" for k, v in fields.items()))
        self.assertEqual([name for name in fields if name.lower() in heard], [])

    def test_max_forwards(self) -> None:
        """
        OPTIONS is passed on as often as it allows, and then answered by us; other methods do not count.
        """
        self.assertEqual(self.heard("Max-Forwards: 5", method="OPTIONS")["max-forwards"], ["4"])
        self.assertEqual(self.heard("Max-Forwards: 5")["max-forwards"], ["5"])
        self.assertEqual(self.heard("Max-Forwards: 0")["max-forwards"], ["0"])
        upstreams = len(self.upstreams.peers)
        answer = self.agent.ask(request("OPTIONS", "/", HOST, ALICE, "Max-Forwards: 0"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertIn(b"\r\nAllow: GET, HEAD, ", answer)
        self.assertIn(b"\r\nContent-Length: 0\r\n", answer)
        self.assertEqual(len(self.upstreams.peers), upstreams)

    def test_no_number(self) -> None:
        """
        Whoever counts in another way gets no further than the next hop.
        """
        self.assertEqual(
            [one_less(value) for value in (b"10", b"1", b"0", b"x", b"", b"-1")], [b"9", b"0"] + [b"0"] * 4
        )

    def test_server_wide_options(self) -> None:
        """
        What OPTIONS asks of the server as a whole is answered by us, to everybody (RFC 9110 section 9.3.7).
        """
        for target in ("*", f"http://{HOST}"):
            answer = self.agent.ask(request("OPTIONS", target))
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
            self.assertIn(b"\r\nAllow: ", answer)
        self.assertEqual(self.upstreams.peers, [])


class AnswerTests(RulesTestCase):
    """
    Answers that pass.
    """

    def test_date(self) -> None:
        """
        An answer without a date gets one (RFC 9110 section 6.6.1), and one that has it keeps it.
        """
        imf = rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n"
        self.assertEqual(len(re.findall(imf, self.answered(OK))), 1)
        own = self.answered(b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(re.findall(rb"\r\n(?i:date): (.*?)\r\n", own), [b"today"])

    def test_interim(self) -> None:
        """
        Interim answers pass in order, to who may get them (RFC 9110 section 15.2).
        """
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: 1\r\n\r\n"
        said = b"HTTP/1.1 100 Continue\r\n\r\n" + hints * 2 + OK
        answer = self.answered(said)
        self.assertEqual(STATUS.findall(answer), [b"100", b"103", b"103", b"200"])
        self.assertEqual(answer.count(b"\r\nLink: </a.css>; rel=preload\r\n"), 2)
        self.assertNotIn(b"\r\nX: 1\r\n", answer)
        self.assertEqual(STATUS.findall(self.answered(said, version="1.0")), [b"200"])

    def test_trailers(self) -> None:
        """
        Trailers are dropped in both directions, and the framing holds.
        """
        self.agent.ask(
            request("POST", "/", HOST, ALICE, "Transfer-Encoding: chunked", "Trailer: X-Sum")
            + b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
        )
        upstream = self.upstreams.last
        self.assertTrue(upstream.take().endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
        upstream.say(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
        )
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"), answer)
        self.assertNotIn(b"X-Sum", answer)
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")

    def test_no_content(self) -> None:
        """
        What has no content is not framed as if it had, and the connection serves on.
        """
        for method, said, length in (
            ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"9"),
            ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
            ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", None),
            ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"9"),
            ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", None),
            ("POST", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"0"),
        ):
            with self.subTest(method=method, said=said):
                answer = self.answered(said, method=method)
                self.assertTrue(answer.endswith(b"\r\n\r\n"))
                self.assertNotIn(b"Transfer-Encoding", answer)
                self.assertEqual(re.findall(rb"Content-Length: (\d+)", answer), [] if length is None else [length])
                self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")
                self.agent.ask(request("GET", "/next", HOST, ALICE))
                self.upstreams.last.say(OK)
                self.settle()
                self.assertTrue(self.agent.take().endswith(b"ok"))

    def test_refused_head(self) -> None:
        """
        Nor has the refusal of a HEAD that is malformed.
        """
        answer = self.agent.ask(request("HEAD", "/", HOST, ALICE, "Content-Length: 5") + b"hello")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"), answer)
        answer = self.connect().ask(request("GET", "/", HOST, ALICE, "Content-Length: x"))
        self.assertTrue(answer.endswith(b"</html>\n"), answer)

    def test_http_1_0(self) -> None:
        """
        A client of HTTP/1.0 gets no chunks, and the end of the connection where nothing else shows the end.
        """
        for said, content, length in (
            (OK, b"ok", b"2"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok", None),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b"", None),
        ):
            with self.subTest(said=said):
                answer = self.answered(said, "Connection: keep-alive", version="1.0")
                head, _, received = answer.partition(b"\r\n\r\n")
                self.assertEqual(received, content)
                self.assertNotIn(b"Transfer-Encoding", head)
                self.assertIn(b"\r\nConnection: close", head)
                self.assertEqual(re.findall(rb"Content-Length: (\d+)", head), [] if length is None else [length])
                assert self.agent.lost is not None
        answer = self.answered(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertNotIn(b"Connection: close", answer)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_byte_by_byte(self) -> None:
        """
        An application that sends its head in single bytes is understood.
        """
        self.agent.ask(request("GET", "/", HOST, ALICE))
        for octet in OK:
            self.upstreams.last.say(bytes((octet,)))
            self.settle()
        self.assertTrue(self.agent.take().endswith(b"\r\n\r\nok"))

    def test_tiny_chunks(self) -> None:
        """
        Ten thousand chunks of one byte are content like any other, either way.
        """
        chunks = b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
        self.agent.ask(request("POST", "/", HOST, ALICE, "Transfer-Encoding: chunked") + chunks)
        upstream = self.upstreams.last
        self.assertEqual(_unchunked(upstream.take()), b"x" * 10_000)
        upstream.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        self.settle()
        self.assertEqual(_unchunked(self.agent.take()), b"x" * 10_000)
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")


class OrderTests(RulesTestCase):
    """
    Several requests on one connection.
    """

    def test_all_kinds(self) -> None:
        """
        Requests that are proxied, refused, for our pages and malformed are answered in their order, and what follows
        the malformed one is not read.
        """
        self.agent.say(
            request("GET", "/1", HOST, ALICE)
            + request("GET", "/2")
            + request("GET", "/.pomerium/none")
            + request("POST", "/4", HOST, ALICE, content=b"hello")
            + request("OPTIONS", "*")
            + b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"
            + request("GET", "/7", HOST, ALICE)
        )
        self.settle()
        self.assertEqual(self.agent.take(), b"")
        self._answer(b"/1")
        # Our pages wait until what was answered before is sent.
        self.network.advance(0.1)
        self.assertEqual(STATUS.findall(self.agent.take()), [b"200", b"302", b"404"])
        self._answer(b"/4")
        self.assertEqual(STATUS.findall(self.agent.take()), [b"200", b"200", b"400"])
        self.assertIsNotNone(self.agent.lost)
        self.assertEqual(self.upstreams.heard, b"")

    def _answer(self, target: bytes) -> Peer:
        upstream = self.upstreams.last
        self.assertEqual(upstream.take().split(b" ")[1], target)
        upstream.say(OK)
        self.settle()
        return upstream


def _unchunked(message: bytes) -> bytes:
    rest = message.partition(b"\r\n\r\n")[2]
    content = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if size == b"0":
            assert rest == b"\r\n", rest
            return content
        content, rest = content + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
