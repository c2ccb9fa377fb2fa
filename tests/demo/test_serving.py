"""
Tests for `pomerium_tx.demo.serving`.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pomerium_tx.demo.serving import ServedExchange
from tests.demo.wire import Wire, responses

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


class ServingCase(SynchronousTestCase):
    """
    An application that keeps its exchanges for the test to answer.
    """

    def setUp(self) -> None:
        """
        A connection on which nothing has happened.
        """
        self.exchanges: list[ServedExchange] = []
        self.wire = Wire(self.exchanges.append)


class ResponseTests(ServingCase):
    """
    How an application answers.
    """

    def test_whole(self) -> None:
        """
        A whole response has its length.
        """
        self.wire.send(GET)
        self.exchanges[0].respond(200, [(b"X", b"y")], b"hello")
        self.assertEqual(self.wire.received(), b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello")
        self.assertTrue(self.exchanges[0].is_finished)

    def test_head(self) -> None:
        """
        HEAD is told the length and nothing else.
        """
        self.wire.send(GET.replace(b"GET", b"HEAD"))
        self.exchanges[0].respond(200, [], b"hello")
        self.assertTrue(self.wire.received().endswith(b"Content-Length: 5\r\n\r\n"))

    def test_streamed(self) -> None:
        """
        A response of unknown length is chunked, and ends with the last chunk.
        """
        self.wire.send(GET)
        exchange = self.exchanges[0]
        exchange.begin(200, [])
        exchange.write(b"one")
        exchange.write(b"")
        exchange.write(b"two")
        self.assertTrue(self.wire.transport.value().endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n"))
        exchange.finish()
        exchange.write(b"too late")
        [(head, content)] = responses(self.wire.received(), b"GET")
        self.assertEqual((head.chunked, content), (True, b"onetwo"))

    def test_http_1_0(self) -> None:
        """
        An HTTP/1.0 client gets no chunks but the end of the connection.
        """
        self.wire.send(b"GET / HTTP/1.0\r\n\r\n")
        self.exchanges[0].begin(200, [])
        self.exchanges[0].write(b"one")
        self.exchanges[0].finish()
        self.assertTrue(self.wire.received().endswith(b"\r\n\r\none"))
        self.assertTrue(self.wire.transport.disconnecting)

    def test_close(self) -> None:
        """
        Who asks for it gets the connection closed after the answer, and no further request is heard.
        """
        self.wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.exchanges[0].respond(200, [])
        self.assertIn(b"Connection: close", self.wire.received())
        self.assertTrue(self.wire.transport.disconnecting)
        self.wire.send(GET)
        self.assertEqual(len(self.exchanges), 1)

    def test_paused(self) -> None:
        """
        A producer is registered while its response lasts.
        """

        @implementer(IPushProducer)
        class Producer:
            """
            Does not produce.
            """

        producer = Producer()
        self.wire.send(GET)
        self.exchanges[0].begin(200, [], producer)  # type: ignore[arg-type]  # its methods are not called
        self.assertIs(self.wire.transport.producer, producer)
        self.exchanges[0].finish()
        self.assertIsNone(self.wire.transport.producer)


class ContentTests(ServingCase):
    """
    How an application sees a request's content.
    """

    def test_streamed(self) -> None:
        """
        Content is seen as it arrives, the end when it is the end; nothing waits for it but who wants to.
        """
        seen: list[bytes] = []
        self.wire.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
        exchange = self.exchanges[0]
        exchange.content_received, exchange.content_ended = seen.append, lambda: seen.append(b"END")
        self.wire.send(b"cd")
        self.assertEqual(seen, [b"cd"])
        self.wire.send(b"ef")
        self.assertEqual(seen, [b"cd", b"ef", b"END"])
        self.assertFalse(exchange.is_finished)

    def test_from_the_head(self) -> None:
        """
        An application that sets its callbacks at the head misses nothing.
        """
        seen: list[bytes] = []

        def application(exchange: ServedExchange) -> None:
            exchange.content_received = seen.append
            exchange.content_ended = lambda: exchange.respond(200, [], b"".join(seen))

        wire = Wire(application)
        post = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        self.assertEqual([content for _, content in responses(wire.send(post), b"POST")], [b"abcde"])

    def test_continue(self) -> None:
        """
        Who waits for permission to send content gets it.
        """
        answer = self.wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        self.assertEqual(answer, b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_cut(self) -> None:
        """
        An application learns that the connection was cut, unless it had answered.
        """
        cuts: list[str] = []
        self.wire.send(GET)
        self.exchanges[0].cut = lambda: cuts.append("answered")
        self.exchanges[0].respond(200, [])
        self.wire.send(GET)
        self.exchanges[1].cut = lambda: cuts.append("open")
        self.wire.lose()
        self.assertEqual(cuts, ["open"])
        self.assertEqual(self.wire.factory.connections, set())


class PipeliningTests(ServingCase):
    """
    Requests on one connection take turns.
    """

    def test_in_turn(self) -> None:
        """
        The next request is seen when the one before it is answered; meanwhile nothing more is read.
        """
        self.wire.send(GET * 2)
        self.assertEqual(len(self.exchanges), 1)
        self.assertEqual(self.wire.transport.producerState, "paused")
        self.exchanges[0].respond(200, [], b"1")
        self.assertEqual(len(self.exchanges), 2)
        self.assertEqual(self.wire.transport.producerState, "producing")
        self.assertTrue(self.wire.received().endswith(b"\r\n\r\n1"))
        self.exchanges[1].respond(200, [], b"2")
        self.assertTrue(self.wire.received().endswith(b"\r\n\r\n2"))

    def test_many_at_once(self) -> None:
        """
        An application that answers at once may be asked a thousand times at once.
        """
        wire = Wire(lambda exchange: exchange.respond(200, []))
        self.assertEqual(wire.send(GET * 1000).count(b"200 OK"), 1000)

    def test_bad_request(self) -> None:
        """
        A request that is none gets its status and the end of the connection.
        """
        self.assertTrue(self.wire.send(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 "))
        self.assertTrue(self.wire.transport.disconnecting)

    def test_bad_content(self) -> None:
        """
        Content that cannot be read ends the connection, without an answer in the middle of another.
        """
        self.wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.exchanges[0].begin(200, [])
        self.wire.received()
        self.assertEqual(self.wire.send(b"zz\r\n"), b"")
        self.assertTrue(self.wire.transport.disconnecting)


class SwitchTests(ServingCase):
    """
    A connection can become something else.
    """

    def test_switched(self) -> None:
        """
        After 101 everything that arrives is the other protocol's, what came with the head included.
        """

        class Recorder(Protocol):
            """
            Remembers what it received.
            """

            received = b""
            lost = False

            def dataReceived(self, data: bytes) -> None:
                """
                More was received.
                """
                self.received += data

            def connectionLost(self, reason: object = None) -> None:
                """
                The connection was lost.
                """
                self.lost = True

        recorder = Recorder()
        wire = Wire(lambda exchange: exchange.switch([(b"Upgrade", b"websocket")], recorder))
        self.assertTrue(wire.send(UPGRADE + b"early").startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        wire.send(b" late")
        self.assertEqual(recorder.received, b"early late")
        wire.lose()
        self.assertTrue(recorder.lost)

    def test_not_switched(self) -> None:
        """
        An upgrade that is not granted is answered, and the next request on the connection is heard.
        """
        self.wire.send(UPGRADE + GET)
        self.exchanges[0].respond(200, [])
        self.assertEqual([exchange.path for exchange in self.exchanges], ["/ws", "/"])


class FactoryTests(SynchronousTestCase):
    """
    All connections of an application.
    """

    def test_cut_all(self) -> None:
        """
        Every connection can be cut at once.
        """
        wire = Wire(lambda exchange: None)
        self.assertIsInstance(wire.transport, StringTransport)
        wire.factory.cut_all()
        self.assertTrue(wire.transport.disconnected or wire.transport.disconnecting)
