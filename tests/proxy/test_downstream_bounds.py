"""
What one connection may ask of us: how much at a time, and for how long.
"""

from __future__ import annotations

import re
from dataclasses import replace

from twisted.internet.error import ConnectionDone

from pomerium_tx.proxy.connection import Times
from tests.doubles.network import BUFFER
from tests.doubles.peers import request
from tests.proxy.harness import ProxyTestCase

ALICE = "Who: alice"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class PipeliningTests(ProxyTestCase):
    """
    Requests that wait for the answers before theirs.
    """

    def get(self, number: int) -> bytes:
        """
        One of many requests.
        """
        return request("GET", f"/{number}", "app.example.com", ALICE)

    def test_reading_stops(self) -> None:
        """
        Once so many requests wait no more is read, and nothing is refused; it goes on when they are answered.
        """
        self.proxy.max_pipelined = 4
        server = self.agent.transport.peer
        for number in range(5):
            self.assertTrue(server._reading, number)
            self.agent.ask(self.get(number))
        self.assertFalse(server._reading)
        self.agent.say(b"".join(map(self.get, range(5, 50))))
        self.settle()
        self.assertTrue(server._arrived)
        for _ in range(50):
            self.upstreams.last.say(OK)
            self.settle()
        self.assertEqual(self.agent.take().count(b"HTTP/1.1 200 "), 50)
        heard = self.upstreams.heard
        places = [heard.index(b"GET /%d " % number) for number in range(50)]
        self.assertEqual(places, sorted(places))
        self.assertTrue(server._reading)

    def test_in_one_read(self) -> None:
        """
        It makes no difference whether they came one by one or all at once.
        """
        self.proxy.max_pipelined = 4
        server = self.agent.transport.peer
        for count, is_reading in ((4, True), (5, False), (100, False)):
            with self.subTest(count):
                agent = self.connect()
                agent.ask(b"".join(map(self.get, range(count))))
                server = agent.transport.peer
                self.assertEqual(server._reading, is_reading)
                for _ in range(count):
                    self.upstreams.last.say(OK)
                    self.settle()
                self.assertEqual(agent.take().count(b"HTTP/1.1 200 "), count)
                self.assertTrue(server._reading)

    def test_reader_who_does_not_read(self) -> None:
        """
        Whoever asks and asks, in a segment for each request, and reads no answer, is not asked for more before long:
        what waits for them is bounded. Once they read, every request is answered, in order.
        """
        server = self.agent.transport.peer
        server.window = 1_000
        self.agent.transport.pauseProducing()
        count, most = 200, 0
        for number in range(count):
            self.agent.say(request("GET", f"/{number}", "app.example.com"))
            self.settle()
            most = max(most, len(server._buffer))
        self.assertFalse(server._reading)
        self.assertLess(most, 2 * BUFFER)
        self.agent.transport.resumeProducing()
        self.settle()
        places = [int(place) for place in re.findall(rb"app\.example\.com/([0-9]+)\r\n", self.agent.take())]
        self.assertEqual(places, list(range(count)))

    def test_content_goes_on(self) -> None:
        """
        The content of the request that is being answered is read, however much of it there is.
        """
        self.proxy.max_pipelined = 1
        content = b"\r\n\r\n" * 200_000
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, content=content))
        self.assertTrue(self.upstreams.last.take().endswith(content))

    def test_answered_while_it_stands(self) -> None:
        """
        An exchange that ends early, with requests waiting behind it, leaves no connection deaf.
        """
        self.proxy.max_pipelined = 2
        self.agent.ask(b"".join(map(self.get, range(4))))
        self.end_session()
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 401 "))
        self.network.advance(5)
        self.assertIsNotNone(self.agent.lost)


class HeadTimeTests(ProxyTestCase):
    """
    The time of a head.
    """

    def drip(self, octets: bytes, seconds: int) -> int:
        """
        Say a byte a second until something is answered; after how many seconds that was.
        """
        for second in range(seconds):
            self.agent.say(octets[second % len(octets) : second % len(octets) + 1])
            self.network.advance(1)
            if self.agent.received or self.agent.lost is not None:
                return second
        return seconds

    def test_first(self) -> None:
        """
        The first head must be complete so long after the connection, whenever its first byte came.
        """
        self.proxy.times = Times(head=10.0)
        agent = self.agent = self.connect()
        self.network.advance(6)
        self.assertLess(self.drip(request("GET", "/", "app.example.com", "X: " + "x" * 100), 60), 7)
        self.assertTrue(agent.take().startswith(b"HTTP/1.1 408 "))

    def test_later(self) -> None:
        """
        The time of a later head begins with its first byte, however little of the idle time was left.
        """
        self.proxy.times = Times(head=10.0, idle=15.0)
        for number in range(2):
            self.assertIn(b" 302 ", self.agent.ask(request("GET", "/")))
            self.network.advance(14)
            slow = request("GET", f"/{number}", "app.example.com")
            self.agent.say(slow[:5])
            self.network.advance(8)
            self.assertIn(b" 302 ", self.agent.ask(slow[5:]))
        self.network.advance(14)
        self.assertIn(self.drip(request("GET", "/", "app.example.com", "X: " + "x" * 100), 60), range(9, 13))
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 408 "))

    def test_first_byte_with_the_request_before(self) -> None:
        """
        It begins with its first byte also where that came together with the end of the request before it.
        """
        self.proxy.times = Times(head=10.0, idle=300.0)
        for before in (
            request("GET", "/public"),
            request("POST", "/public", "app.example.com", "Content-Length: 1") + b"x",
        ):
            with self.subTest(before=before):
                agent = self.connect()
                agent.say(before + b"G")
                self.settle()
                self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                self.settle()
                self.assertIn(b" 200 ", agent.take())
                self.network.advance(9)
                self.assertEqual(agent.take(), b"")
                self.network.advance(3)
                self.assertTrue(agent.take().startswith(b"HTTP/1.1 408 "))

    def test_silence(self) -> None:
        """
        A connection that never says anything is closed after the time of a head.
        """
        self.proxy.times = Times(head=10.0)
        agent = self.connect()
        self.network.advance(14)
        assert agent.lost is not None
        agent.lost.trap(ConnectionDone)
        self.assertEqual(agent.take(), b"")

    def test_empty_lines(self) -> None:
        """
        Line breaks before a request do not prolong the time that it has.
        """
        self.proxy.times = Times(head=10.0)
        self.agent = self.connect()
        self.assertLess(self.drip(b"\r\n", 60), 14)


class ContentTimeTests(ProxyTestCase):
    """
    The time of content, and of the whole request.
    """

    def setUp(self) -> None:
        super().setUp()
        self.proxy.times = Times(body=10.0, request=25.0)

    def drip(self, *pieces: bytes, most: int = 60) -> int:
        """
        Say one of *pieces* a second until something is answered; after how many seconds that was.
        """
        for second in range(most):
            self.agent.say(pieces[second % len(pieces)])
            self.network.advance(1)
            if self.agent.received or self.agent.lost is not None:
                return second
        return most

    def test_whole_request(self) -> None:
        """
        Content that goes on coming, a byte a second, has the time of the whole request and no more.
        """
        for framing, pieces in (
            ("Content-Length: 100", (b"x",)),
            ("Transfer-Encoding: chunked", (b"1", b"\r", b"\n", b"x", b"\r", b"\n")),
        ):
            with self.subTest(framing):
                self.agent = self.connect()
                self.agent.ask(request("POST", "/", "app.example.com", ALICE, framing))
                self.assertIn(self.drip(*pieces), range(24, 28))
                self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 408 "))
                self.assertIsNotNone(self.upstreams.last.lost)

    def test_from_the_first_byte(self) -> None:
        """
        What the head took is part of it.
        """
        head = request("POST", "/", "app.example.com", ALICE, "Content-Length: 100")
        self.assertIn(b" 302 ", self.agent.ask(request("GET", "/")))
        self.agent.say(head[:5])
        self.network.advance(20)
        self.agent.say(head[5:])
        self.assertIn(self.drip(b"x"), range(4, 8))

    def test_framing_is_no_content(self) -> None:
        """
        Chunk extensions and trailers that drip bring no content, and prolong nothing.
        """
        self.proxy.times = Times(body=10.0)
        for begun, drips in ((b"1;a=", b"b"), (b"0\r\nX: ", b"y"), (b"1\r\nx\r\n000", b"0")):
            with self.subTest(begun):
                self.agent = self.connect()
                self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Transfer-Encoding: chunked"))
                self.agent.say(begun)
                self.assertIn(self.drip(drips), range(8, 14))
                self.assertIn(self.agent.take()[:13], (b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))

    def test_answer_has_begun(self) -> None:
        """
        Where the answer has begun it is broken off: never a clean end.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 1000"))
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
        self.settle()
        self.agent.take()
        self.drip(b"x")
        assert self.agent.lost is not None
        self.assertFalse(self.agent.lost.check(ConnectionDone))

    def test_slow_upstream(self) -> None:
        """
        Also where the application hardly takes the content, the whole request has its time.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 100000000"))
        self.upstreams.last.transport.pauseProducing()
        self.agent.say(b"x" * 1_000_000)
        self.network.advance(15)
        self.assertEqual(self.agent.take(), b"")
        self.network.advance(13)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 408 "))

    def test_answer_may_take_longer(self) -> None:
        """
        It is the time of the request, and not of the answer; nor of requests without content.
        """
        self.use(replace(self.resource.route, timeout=100.0))
        for content in (b"", b"x"):
            self.agent.ask(request("POST", "/", "app.example.com", ALICE, content=content))
            self.network.advance(60)
            self.assertEqual(self.agent.take(), b"")
            self.upstreams.last.say(OK)
            self.settle()
            self.assertIn(b" 200 ", self.agent.take())


class SlowReaderTests(ProxyTestCase):
    """
    User agents that do not read their answers, or hardly.
    """

    def setUp(self) -> None:
        super().setUp()
        self.agent.transport.pauseProducing()
        self.server = self.agent.transport.peer
        self.agent.say(request("GET", "/", "app.example.com", ALICE))
        self.settle()

    def drip(self, most: int) -> int:
        """
        Take ten bytes a second; after how many seconds the connection was lost.
        """
        for second in range(most):
            # The kernel's own business: the test does not read.
            self.agent.transport._arrived = self.agent.transport._arrived[10:]
            self.network.advance(1)
            if self.agent.lost is not None:
                return second
        return most

    def test_in_the_middle(self) -> None:
        """
        An answer of which nothing moves on for the route's time is broken off, however regularly a little is taken.
        """
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        self.assertIn(self.drip(1000), range(298, 320))
        self.assertIsNotNone(self.upstreams.last.lost)

    def test_whole_answer(self) -> None:
        """
        An answer that is complete here has the time of an idle connection to be read, and its application none to wait.
        """
        self.server.window = 10_000
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
        self.settle()
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")
        self.assertIn(self.drip(2000), range(590, 2 * int(self.proxy.times.idle) + 10))
        self.assertEqual(self.factory.open_connections, 0)
