"""
One request and its response through the data path.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost

from pomerium_tx.proxy import lingering, unsent
from pomerium_tx.proxy.downstream import TURN
from pomerium_tx.proxy.transports import ALL
from tests.doubles.peers import request
from tests.proxy.harness import UPSTREAM, ProxyTestCase, a_route

ALICE = "Who: alice"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ForwardTests(ProxyTestCase):
    """
    Requests that are let through.
    """

    def test_round_trip(self) -> None:
        """
        A request reaches the application and its answer the user agent; both connections live on.
        """
        self.assertEqual(self.agent.ask(request("GET", "/x", "app.example.com", ALICE)), b"")
        upstream = self.upstreams.last
        self.assertTrue(upstream.take().startswith(b"GET /x HTTP/1.1\r\nHost: upstream.test:8080\r\n"))
        upstream.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"\r\n\r\nok"))
        self.agent.ask(request("GET", "/y", "app.example.com", ALICE))
        self.assertEqual(len(self.upstreams.peers), 1)
        self.assertTrue(upstream.take().startswith(b"GET /y "))
        self.assertEqual([record.status for record in self.access], [200])

    def test_anonymous_reaches_nothing(self) -> None:
        """
        Without a session the application hears nothing, not even a connection, and a body is not read.
        """
        answer = self.agent.ask(request("POST", "/x", content=b"x" * 10))
        self.assertTrue(answer.startswith(b"HTTP/1.1 302 Found\r\n"), answer)
        self.assertIn(b"Connection: close", answer)
        self.assertEqual(self.upstreams.peers, [])

    def test_request_body_streams(self) -> None:
        """
        Content goes up as it comes, with the framing that it came with.
        """
        self.agent.ask(request("POST", "/up", "app.example.com", ALICE, "Content-Length: 10"))
        self.agent.ask(b"12345")
        heard = self.upstreams.last.take()
        self.assertTrue(heard.endswith(b"\r\n\r\n12345"), heard)
        self.assertIn(b"Content-Length: 10", heard)
        self.agent.ask(b"67890")
        self.assertEqual(self.upstreams.last.take(), b"67890")

    def test_chunked_request(self) -> None:
        """
        Chunked content stays chunked, whatever the sizes of the chunks, and ends once.
        """
        self.agent.ask(request("POST", "/up", "app.example.com", ALICE, "Transfer-Encoding: chunked"))
        self.agent.ask(b"3;x=y\r\nabc\r\n")
        self.agent.ask(b"0\r\nX-Trailer: 1\r\n\r\n")
        heard = self.upstreams.last.take()
        self.assertTrue(heard.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), heard)

    def test_response_framings(self) -> None:
        """
        Every framing of an answer arrives whole.
        """
        for said, heard, closes in (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                b"2\r\nok\r\n0\r\n\r\n",
                False,
            ),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b"", False),
            (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\n", b"", False),
            (b"HTTP/1.1 200 OK\r\n\r\nok", b"2\r\nok\r\n0\r\n\r\n", True),
        ):
            with self.subTest(said=said):
                self.agent.ask(request("GET", "/", "app.example.com", ALICE))
                upstream = self.upstreams.last
                upstream.say(said)
                if closes:
                    upstream.transport.loseConnection()
                self.settle()
                head, _, content = self.agent.take().partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(said[:12]), head)
                self.assertEqual(content, heard)
                self.assertIsNone(self.agent.lost)

    def test_head(self) -> None:
        """
        A HEAD answer keeps its Content-Length, has no content, and the connection stays in step.
        """
        self.agent.ask(request("HEAD", "/", "app.example.com", ALICE))
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        self.settle()
        self.assertIn(b"Content-Length: 5000\r\n\r\n", self.agent.take())
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))

    def test_http_1_0(self) -> None:
        """
        A user agent of HTTP/1.0 gets no chunks; the end of the content is the end of the connection.
        """
        self.agent.ask(b"GET / HTTP/1.0\r\nHost: app.example.com\r\nWho: alice\r\n\r\n")
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.endswith(b"\r\n\r\nok"), answer)
        self.assertIn(b"Connection: close", answer)
        self.assertIsNotNone(self.agent.lost)

    def test_interim(self) -> None:
        """
        Interim answers pass, 100 included, before the content is sent.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 2", "Expect: 100-continue"))
        self.upstreams.last.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        self.settle()
        answer = self.agent.take()
        self.assertIn(b"HTTP/1.1 100 Continue\r\n", answer)
        self.assertIn(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n", answer)
        self.agent.ask(b"ab")
        self.upstreams.last.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))

    def test_pipelining(self) -> None:
        """
        Pipelined requests are answered in order, the second asked only when the first is answered.
        """
        self.agent.ask(b"".join(request("GET", f"/{n}", "app.example.com", ALICE) for n in range(3)))
        upstream = self.upstreams.last
        for number in range(3):
            heard = upstream.take()
            self.assertEqual(heard.count(b"HTTP/1.1\r\n"), 1)
            self.assertTrue(heard.startswith(b"GET /%d " % number))
            upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
            self.settle()
            self.assertTrue(self.agent.take().endswith(b"%d" % number))

    def test_pipelining_is_bounded(self) -> None:
        """
        A user agent that pipelines without end is not read without end.
        """
        self.agent.transport.window = 10_000
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.agent.say(request("GET", "/", "app.example.com", ALICE, "X: " + "x" * 900) * 1000)
        self.settle()
        self.assertTrue(self.agent.transport.unsent)

    def test_lost_user_agent(self) -> None:
        """
        When the user agent goes, the application's connection goes too, and nothing is pooled.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.agent.transport.abortConnection()
        self.settle()
        self.assertIsNotNone(self.upstreams.last.lost)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")
        self.assertEqual(self.registry.exchanges(self.session.id), ())


class BackPressureTests(ProxyTestCase):
    """
    Neither side can fill the proxy.
    """

    def test_slow_user_agent(self) -> None:
        """
        A user agent that does not read stops the application; reading goes on where it stopped.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.agent.transport.pauseProducing()
        size = 3_000_000
        upstream = self.upstreams.last
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        self.settle()
        self.assertTrue(upstream.transport.unsent)
        self.agent.transport.resumeProducing()
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"x" * size))
        # The pooled connection is not deaf afterwards.
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.assertEqual(len(self.upstreams.peers), 1)
        upstream.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))

    def test_slow_upstream(self) -> None:
        """
        An application that does not read stops the user agent; nothing is lost.
        """
        size = 3_000_000
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, f"Content-Length: {size}"))
        upstream = self.upstreams.last
        upstream.take()
        upstream.transport.pauseProducing()
        self.agent.say(b"x" * size)
        self.settle()
        self.assertTrue(self.agent.transport.unsent)
        upstream.transport.resumeProducing()
        self.settle()
        self.assertEqual(upstream.take(), b"x" * size)
        upstream.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))
        self.agent.ask(request("GET", "/next", "app.example.com", ALICE))
        self.assertTrue(upstream.take().startswith(b"GET /next "))

    def test_connecting(self) -> None:
        """
        While the application's connection is made, the user agent is not read further than one buffer.
        """
        self.network.hold(*UPSTREAM)
        self.agent.transport.window = 20_000
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 1000000"))
        self.agent.say(b"x" * 1_000_000)
        self.settle()
        self.assertTrue(self.agent.transport.unsent)
        self.network.accept()
        self.settle()
        self.assertTrue(self.upstreams.last.take().endswith(b"x" * 1_000_000))


class UnreadAnswersTests(ProxyTestCase):
    """
    A user agent that asks and does not read.
    """

    def setUp(self) -> None:
        super().setUp()
        self.agent.transport.pauseProducing()
        self.server = self.agent.transport.peer
        self.server.window = 0

    def test_refusals(self) -> None:
        """
        However many requests are pipelined, the answers that wait for the reader are bounded, and so is what is read.
        """
        for _ in range(5):
            self.agent.say(request("GET", "/") * 2_000)
            self.settle()
        self.assertLess(len(self.server._buffer), 200_000)
        self.assertTrue(self.agent.transport.unsent)

    def test_next_is_not_begun(self) -> None:
        """
        While an answer waits for the reader, the next request is not begun; then it is.
        """
        self.agent.say(request("GET", "/1", "app.example.com", ALICE) + request("GET", "/2", "app.example.com", ALICE))
        self.settle()
        upstream = self.upstreams.last
        upstream.take()
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        self.settle()
        self.assertEqual(self.upstreams.heard, b"")
        self.server.window = 1_000_000
        self.agent.transport.resumeProducing()
        self.settle()
        self.assertIn(b"GET /2 ", self.upstreams.heard)

    def test_full_while_connecting(self) -> None:
        """
        A connection that fills up before the application is reached holds the application back from its first byte.
        """
        self.server.window = 1_000_000
        self.agent.transport.resumeProducing()
        self.network.hold(*UPSTREAM)
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.factory._admission.open[0].pauseProducing()
        self.network.accept()
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        self.settle()
        self.assertEqual(self.agent.take(), b"")

    def test_other_connections_are_served(self) -> None:
        """
        Thousands of pipelined requests of one connection do not keep another waiting for all of them.
        """
        self.server.window = 10_000_000
        self.agent.transport.resumeProducing()
        self.agent.say(request("HEAD", "/") * 300)
        self.agent.transport.move()
        self.server.move()
        self.assertEqual(len(self.access), TURN)
        self.settle()
        self.assertEqual(len(self.access), 300)


class FailureTests(ProxyTestCase):
    """
    An application that is not well.
    """

    def test_down(self) -> None:
        """
        Nobody listens: 503, as a page or as JSON, and the connection lives on.
        """
        self.network.close(*UPSTREAM)
        self.assertTrue(self.agent.ask(request("GET", "/", "app.example.com", ALICE)).startswith(b"HTTP/1.1 503 "))
        answer = self.agent.ask(request("GET", "/", "app.example.com", ALICE, "Accept: application/json"))
        self.assertIn(b'"request_id":', answer)
        self.assertIsNone(self.agent.lost)
        self.assertEqual(self.registry.exchanges(self.session.id), ())

    def test_slow(self) -> None:
        """
        No answer in the route's time: 504, and the application's connection is not used again.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.network.advance(32)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 504 "))
        self.assertIsNotNone(self.upstreams.last.lost)

    def test_silent_in_the_middle(self) -> None:
        """
        An answer that stops for longer than the idle time is broken off, never ended cleanly.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        self.network.advance(302)
        self.assertNotIn(b"0\r\n\r\n", self.agent.take())
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionLost)

    def test_bad_answers(self) -> None:
        """
        What is no valid answer is 502, and its connection is not used again.
        """
        for said in (
            b"garbage\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        ):
            with self.subTest(said=said):
                agent = self.connect()
                agent.ask(request("GET", "/", "app.example.com", ALICE))
                self.upstreams.last.say(said)
                self.settle()
                self.assertTrue(agent.take().startswith(b"HTTP/1.1 502 "))
                self.assertIsNotNone(self.upstreams.last.lost)

    def test_truncated(self) -> None:
        """
        An answer that ends early never looks complete, in every framing.
        """
        for head in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
            for clean in (True, False):
                with self.subTest(head=head, clean=clean):
                    agent = self.connect()
                    agent.ask(request("GET", "/", "app.example.com", ALICE))
                    self.upstreams.last.say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n2\r\nok\r\n" % head)
                    self.settle()
                    transport = self.upstreams.last.transport
                    (transport.loseConnection if clean else transport.abortConnection)()
                    self.settle()
                    assert agent.lost is not None
                    agent.lost.trap(ConnectionLost)

    def test_surplus(self) -> None:
        """
        Bytes beyond the answer reach nobody: the next request gets another connection.
        """
        self.agent.ask(request("GET", "/1", "app.example.com", ALICE))
        self.upstreams.last.say(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))
        self.agent.ask(request("GET", "/2", "app.example.com", ALICE))
        self.assertEqual(len(self.upstreams.peers), 2)
        self.assertEqual(self.agent.take(), b"")

    def test_talking_while_idle(self) -> None:
        """
        A pooled connection that says something unasked is closed.
        """
        self.agent.ask(request("GET", "/1", "app.example.com", ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.settle()
        self.assertIsNotNone(self.upstreams.last.lost)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_upstream_that_does_not_let_go(self) -> None:
        """
        An application whose part in the closing of an idle connection never comes, as over TLS, is not waited for.
        """
        self.agent.ask(request("GET", "/1", "app.example.com", ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        self.upstreams.last.transport.peer.loseConnection = lambda: None
        self.network.advance(57)
        self.assertIsNone(self.upstreams.last.lost)
        self.network.advance(4)
        assert self.upstreams.last.lost is not None
        self.upstreams.last.lost.trap(ConnectionLost)

    def test_aborting_connection_is_not_given_out(self) -> None:
        """
        In the very turn in which a pooled connection says something unasked, it is no longer in the pool.
        """
        self.agent.ask(request("GET", "/1", "app.example.com", ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        transport = self.upstreams.last.transport.peer
        transport.protocol.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_slow_application_is_not_the_user_agents_fault(self) -> None:
        """
        An application that takes no more of an upload is what is waited for, by its own limit, not the user agent's.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 3000000"))
        self.upstreams.last.transport.pauseProducing()
        self.agent.say(b"x" * 2_000_000)
        self.network.advance(100)
        self.assertEqual(self.agent.take(), b"")
        self.network.advance(250)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 504 "))

    def test_stale_connection(self) -> None:
        """
        A safe request on a connection that turns out to be closed is sent again, once; an unsafe one is not.
        """
        for method, again in (("GET", True), ("POST", False)):
            with self.subTest(method=method):
                agent = self.connect()
                agent.ask(request("GET", "/warm", "app.example.com", ALICE))
                warm = self.upstreams.last
                warm.say(OK)
                self.settle()
                agent.take()
                made = len(self.upstreams.peers)
                agent.say(request(method, "/again", "app.example.com", ALICE))
                warm.transport.loseConnection()
                self.settle()
                self.assertEqual(len(self.upstreams.peers), made + again)
                if not again:
                    self.assertTrue(agent.take().startswith(b"HTTP/1.1 502 "))

    def test_early_answer(self) -> None:
        """
        An answer before the request's content has come whole arrives; neither connection is used again.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 100"))
        self.upstreams.last.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.endswith(b"no"))
        self.assertIn(b"Connection: close", answer)
        self.assertIsNotNone(self.upstreams.last.lost)

    def test_idle_upstream_is_closed(self) -> None:
        """
        A pooled connection is closed before the application would.
        """
        self.agent.ask(request("GET", "/1", "app.example.com", ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")
        self.network.advance(57)
        assert self.upstreams.last.lost is not None
        self.upstreams.last.lost.trap(ConnectionDone)


class CutTests(ProxyTestCase):
    """
    The end of a session, seen from its open exchanges.
    """

    def test_download(self) -> None:
        """
        A download breaks off with a reset: what the proxy still held is dropped, and the application's side is closed.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        upstream = self.upstreams.last
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        self.settle()
        self.agent.take()
        receipt = self.end_session()
        upstream.say(b"secret")
        self.settle()
        self.assertEqual(self.agent.take(), b"")
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionLost)
        self.assertIsNotNone(upstream.lost)
        self.assertEqual(receipt.exchanges_cut["download"], 1)
        self.assertEqual(receipt.in_doubt, {"GET route-1": 1})
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_paused_reader(self) -> None:
        """
        A reader that paused gets what its own kernel held and then an error, in every framing.
        """
        for framing, content in (
            (b"Content-Length: 10000000", b"x" * 10_000_000),
            (b"Transfer-Encoding: chunked", b"989680\r\n" + b"x" * 10_000_000 + b"\r\n0\r\n\r\n"),
            (b"X-Until: close", b"x" * 10_000_000),
        ):
            with self.subTest(framing=framing):
                self.setUp()
                self.agent.transport.window = 20_000
                self.agent.ask(request("GET", "/", "app.example.com", ALICE))
                self.agent.transport.pauseProducing()
                self.upstreams.last.say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing + content)
                self.settle()
                self.end_session()
                self.agent.transport.resumeProducing()
                self.settle()
                self.assertLess(len(self.agent.take()), 400_000)
                assert self.agent.lost is not None
                self.agent.lost.trap(ConnectionLost)

    def test_event_stream(self) -> None:
        """
        An event stream is cut and counted as one.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        self.settle()
        receipt = self.end_session()
        self.settle()
        self.assertEqual(receipt.exchanges_cut["sse"], 1)
        self.assertNotIn(b"0\r\n\r\n", self.agent.take())
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionLost)

    def test_upload(self) -> None:
        """
        An upload is cut: the application hears no further byte, and the user agent is told as anyone without a session
        is.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 1000"))
        self.agent.ask(b"begun")
        upstream = self.upstreams.last
        upstream.take()
        receipt = self.end_session()
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
        self.assertIn(b"Connection: close", answer)
        self.assertEqual(receipt.exchanges_cut["upload"], 1)
        self.agent.ask(b"more")
        self.assertEqual(upstream.take(), b"")
        self.assertIsNotNone(upstream.lost)

    def test_waiting_for_an_answer(self) -> None:
        """
        A request whose answer has not begun is answered without a session; the late answer reaches nobody.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        upstream = self.upstreams.last
        self.end_session()
        upstream.say(OK)
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
        self.assertNotIn(b"ok", answer.partition(b"\r\n\r\n")[0])
        self.assertIsNotNone(upstream.lost)

    def test_while_connecting(self) -> None:
        """
        A session that ends while the application's connection is being made: the application never hears of the
        request.
        """
        self.network.hold(*UPSTREAM)
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.end_session()
        self.network.accept()
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 401 "))
        self.assertEqual(self.upstreams.heard, b"")

    def test_connection_that_comes_too_late(self) -> None:
        """
        A connection that is made although it was given up sends nothing of a cut request.
        """
        self.network.hold(*UPSTREAM)
        self.agent.ask(request("POST", "/pay", "app.example.com", ALICE, content=b"hi"))
        (exchange,) = self.registry.exchanges(self.session.id)
        self.end_session()
        self.network.accept()
        late = self.network.connect(UPSTREAM, self.pool._factory)
        self.settle()
        exchange.upstream_ready(self.successResultOf(late))  # type: ignore[attr-defined] # a proxied exchange has it
        self.settle()
        self.assertEqual(self.upstreams.heard, b"")

    def test_pipelined_behind(self) -> None:
        """
        What is pipelined behind a cut exchange on the same connection is never executed.
        """
        self.agent.ask(request("GET", "/1", "app.example.com", ALICE) + request("GET", "/2", "app.example.com", ALICE))
        self.end_session()
        self.settle()
        self.assertNotIn(b"/2", self.upstreams.heard)

    def test_public_route(self) -> None:
        """
        Also on a public route, an exchange that presented the session is cut; one that did not is left alone.
        """
        stranger = self.connect()
        for agent, fields in ((self.agent, (ALICE,)), (stranger, ())):
            agent.ask(request("GET", "/public", "app.example.com", *fields))
            self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
            self.settle()
            agent.take()
        self.end_session()
        self.settle()
        self.assertIsNotNone(self.agent.lost)
        self.assertIsNone(stranger.lost)
        self.upstreams.last.say(b"x" * 95)
        self.settle()
        self.assertEqual(stranger.take(), b"x" * 95)

    def test_finished_is_not_counted(self) -> None:
        """
        What was over before the end is not counted, and a kept-alive connection is just refused its next request.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.upstreams.last.say(OK)
        self.settle()
        self.agent.take()
        receipt = self.end_session()
        self.assertEqual(sum(receipt.exchanges_cut.values()), 0)
        heard = self.upstreams.heard
        self.assertTrue(self.agent.ask(request("GET", "/", "app.example.com", ALICE)).startswith(b"HTTP/1.1 302 "))
        self.assertEqual(self.upstreams.heard, heard)


class LimitTests(ProxyTestCase):
    """
    What a user agent cannot do.
    """

    def test_slow_head(self) -> None:
        """
        A head that drips is cut off after its time, however many bytes arrive.
        """
        agent = self.agent
        for octet in request("GET", "/", "app.example.com", "X: " + "x" * 40)[:50]:
            agent.say(bytes((octet,)))
            self.network.advance(1)
            if agent.received:
                break
        self.assertTrue(agent.take().startswith(b"HTTP/1.1 408 "))
        self.network.advance(4)
        self.assertIsNotNone(agent.lost)

    def test_slow_content(self) -> None:
        """
        A request whose content stops coming is refused, and its application's connection is closed.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 10"))
        self.network.advance(33)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 408 "))
        self.assertIsNotNone(self.upstreams.last.lost)

    def test_idle(self) -> None:
        """
        A connection without a request is closed in the end, in order.
        """
        self.agent.ask(request("GET", "/"))
        self.agent.take()
        self.network.advance(290)
        self.assertIsNone(self.agent.lost)
        self.network.advance(20)
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionDone)
        self.assertEqual(self.agent.take(), b"")

    def test_bad_request_closes(self) -> None:
        """
        After bytes that cannot be believed nothing is executed.
        """
        answer = self.agent.ask(
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + request("GET", "/", "app.example.com", ALICE)
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
        self.assertEqual(self.upstreams.peers, [])

    def test_bad_chunk(self) -> None:
        """
        Content that cannot be believed ends the request on both sides.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Transfer-Encoding: chunked"))
        answer = self.agent.ask(b"zz\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIsNotNone(self.upstreams.last.lost)

    def test_lingering_close(self) -> None:
        """
        A refused upload gets its answer although it goes on sending, and is not read for ever.
        """
        answer = self.agent.ask(request("POST", "/", "app.example.com", "Content-Length: 100000000"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 302 "), answer)
        self.agent.say(b"x" * 3_000_000)
        self.settle()
        self.assertIsNotNone(self.agent.lost)

    def test_closing_while_only_the_kernel_has_bytes(self) -> None:
        """
        The last answer of a connection, which its reader has not taken, can be cut for as long as it is on its way.
        """
        owed = True
        self.patch(unsent, "bytes_owed", lambda transport: ALL if owed else 0)
        self.patch(lingering, "owes_bytes", lambda transport: owed)
        self.agent.ask(request("GET", "/", "app.example.com", ALICE, "Connection: close"))
        self.agent.transport.pauseProducing()
        self.upstreams.last.say(OK)
        self.settle()
        self.network.advance(20)
        self.assertEqual(len(self.registry.exchanges(self.session.id)), 1)
        self.assertEqual(self.factory.open_connections, 1)
        self.assertEqual(self.end_session().exchanges_cut["download"], 1)
        self.settle()
        self.assertEqual(self.factory.open_connections, 0)

    def test_closed_once_the_kernel_has_sent_all(self) -> None:
        """
        It is closed in order as soon as nothing of it is on its way, and is not waited for without end.
        """
        owed = True
        self.patch(unsent, "bytes_owed", lambda transport: ALL if owed else 0)
        self.patch(lingering, "owes_bytes", lambda transport: owed)
        for seconds, others in ((5.0, 1), (0.0, 0)):
            with self.subTest(sent_after=seconds):
                owed = True
                agent = self.connect()
                agent.ask(request("GET", "/", "app.example.com", ALICE, "Connection: close"))
                agent.transport.pauseProducing()
                self.upstreams.last.say(OK)
                self.settle()
                if seconds:
                    self.network.advance(seconds)
                    owed = False
                    self.network.advance(5.0)
                else:
                    self.network.advance(self.proxy.times.idle + 5.0)
                self.assertEqual(self.registry.exchanges(self.session.id), ())
                self.assertEqual(self.factory.open_connections, others)
                owed = False

    def test_user_agent_that_does_not_let_go(self) -> None:
        """
        Over TLS, which is closed by both or not at all, a user agent that never does its part is not waited for.
        """
        self.patch(lingering, "can_half_close", lambda transport: False)
        self.agent.transport.peer.loseConnection = lambda: None  # type: ignore[method-assign] # TLS that waits
        answer = self.agent.ask(request("POST", "/", content=b"x"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 302 "), answer)
        self.assertIsNone(self.agent.lost)
        self.network.advance(4)
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionLost)


class TimesTests(ProxyTestCase):
    """
    Routes without limits.
    """

    route = a_route(timeout=None, idle_timeout=None)

    def test_no_limit(self) -> None:
        """
        Where the configuration says so, an application may take its time.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.network.advance(1000)
        self.upstreams.last.say(OK)
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"ok"))
