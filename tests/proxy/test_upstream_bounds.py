"""
What an application may do to us, and how much of it we use at a time.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.error import ConnectionDone

from pomerium_tx.proxy.upstreams.places import PlaceLimits
from tests.doubles.peers import request
from tests.proxy.harness import UPSTREAM, ProxyTestCase

ALICE = "Who: alice"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class BusyTests(ProxyTestCase):
    """
    An application with as many connections as it may have.
    """

    def setUp(self) -> None:
        super().setUp()
        self.pool.places.limit(PlaceLimits(connections=1, waiting=1, patience=10.0))
        self.first = self.connect()
        self.first.ask(request("GET", "/first", "app.example.com", ALICE))

    def test_served_in_turn(self) -> None:
        """
        A request waits for the one before it, and is answered then.
        """
        self.assertEqual(self.agent.ask(request("GET", "/second", "app.example.com", ALICE)), b"")
        self.upstreams.last.say(OK)
        self.settle()
        self.assertIn(b"GET /second ", self.upstreams.heard)
        self.upstreams.last.say(OK)
        self.settle()
        self.assertIn(b" 200 OK", self.agent.take())
        self.assertEqual(len(self.upstreams.peers), 1)

    def test_too_many(self) -> None:
        """
        One more than may wait is told at once to come back in a second; the connection lives on.
        """
        self.agent.ask(request("GET", "/second", "app.example.com", ALICE))
        third = self.connect()
        answer = third.ask(request("GET", "/third", "app.example.com", ALICE))
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"\r\nRetry-After: 1\r\n", answer)
        self.assertIsNone(third.lost)
        self.assertEqual([line.status for line in self.access], [503])
        self.assertNotIn(b"/third", self.upstreams.heard)
        self.assertEqual(len(self.registry.exchanges(self.session.id)), 2)

    def test_too_long(self) -> None:
        """
        So is one that has waited for too long, and the application never hears of it.
        """
        self.agent.ask(request("GET", "/second", "app.example.com", ALICE))
        self.network.advance(12)
        answer = self.agent.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"\r\nRetry-After: 1\r\n", answer)
        self.upstreams.last.say(OK)
        self.settle()
        self.assertNotIn(b"/second", self.upstreams.heard)

    def test_signed_out_while_waiting(self) -> None:
        """
        A request whose session ends while it waits is answered like anybody's, and is not sent when its turn comes.
        """
        self.agent.ask(request("POST", "/pay", "app.example.com", ALICE, content=b"money"))
        self.assertEqual(sum(self.end_session().exchanges_cut.values()), 2)
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 401 "))
        self.network.advance(20)
        self.assertNotIn(b"/pay", self.upstreams.heard)
        self.assertEqual(self.pool.places.taken, 0)

    def test_gone_while_waiting(self) -> None:
        """
        A user agent that goes leaves its place in the line to others.
        """
        self.agent.ask(request("GET", "/second", "app.example.com", ALICE))
        self.agent.transport.abortConnection()
        self.settle()
        third = self.connect()
        self.assertEqual(third.ask(request("GET", "/third", "app.example.com", ALICE)), b"")
        self.upstreams.last.say(OK)
        self.settle()
        self.assertIn(b"GET /third ", self.upstreams.heard)
        self.assertNotIn(b"/second", self.upstreams.heard)

    def test_upload_waits(self) -> None:
        """
        While a request waits its content is not read further than one buffer, and all of it arrives in the end.
        """
        self.agent.transport.window = 20_000
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 1000000"))
        self.agent.say(b"x" * 1_000_000)
        self.settle()
        self.assertTrue(self.agent.transport.unsent)
        self.upstreams.last.say(OK)
        self.settle()
        self.assertTrue(self.upstreams.last.take().endswith(b"x" * 1_000_000))

    def test_sent_once_more(self) -> None:
        """
        A request that met a connection that was just closed is sent once more, although every connection is in use.
        """
        self.agent.ask(request("GET", "/second", "app.example.com", ALICE))
        third = self.connect()
        self.pool.places.limit(PlaceLimits(connections=1, waiting=2, patience=10.0))
        third.ask(request("GET", "/third", "app.example.com", ALICE))
        first = self.upstreams.last
        first.say(OK)
        self.settle()
        self.assertIn(b"GET /second ", first.received)
        first.transport.loseConnection()
        self.settle()
        for _ in range(2):
            self.upstreams.last.say(OK)
            self.settle()
        self.assertEqual(self.upstreams.heard.count(b"GET /second "), 2)
        self.assertEqual(self.upstreams.heard.count(b"GET /third "), 1)
        self.assertIn(b" 200 OK", self.agent.take())
        self.assertIn(b" 200 OK", third.take())

    def test_unreachable(self) -> None:
        """
        When the application goes away, whoever waits is told, and not left waiting.
        """
        self.agent.ask(request("GET", "/second", "app.example.com", ALICE))
        self.network.close(*UPSTREAM)
        self.upstreams.last.transport.abortConnection()
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 503 "))
        self.assertTrue(self.first.take().startswith(b"HTTP/1.1 50"))


class DrippingApplicationTests(ProxyTestCase):
    """
    Applications that say a byte a second.
    """

    def drip(self, octets: bytes, most: int = 1000) -> int:
        """
        Say them until something is answered; after how many seconds that was.
        """
        for second in range(most):
            self.upstreams.last.say(octets[second : second + 1] if second < len(octets) else octets[-1:])
            self.network.advance(1)
            if self.agent.received or self.agent.lost is not None:
                return second
        return most

    def test_head(self) -> None:
        """
        However regularly a head goes on, it must be complete within the route's time.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.assertIn(self.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100), range(28, 33))
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 504 "))

    def test_interim_answers(self) -> None:
        """
        An interim answer is none, and prolongs nothing.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        for _ in range(25):
            self.upstreams.last.say(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            self.network.advance(1)
        self.agent.take()
        self.assertLess(self.drip(b""), 8)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 504 "))

    def test_framing(self) -> None:
        """
        In the middle of an answer framing is no content, and does not prolong the pause that the route allows.
        """
        self.use(replace(self.resource.route, idle_timeout=20.0))
        for begun, drips in ((b"1;a=", b"b" * 400), (b"0\r\nX: ", b"y" * 400)):
            with self.subTest(begun):
                self.agent = self.connect()
                self.agent.ask(request("GET", "/", "app.example.com", ALICE))
                self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" + begun)
                self.settle()
                self.agent.take()
                self.assertIn(self.drip(drips), range(18, 24))
                assert self.agent.lost is not None
                self.assertFalse(self.agent.lost.check(ConnectionDone))
