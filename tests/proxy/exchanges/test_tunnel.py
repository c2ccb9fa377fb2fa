"""
A WebSocket through the data path, and the end of its session.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost

from pomerium_tx.proxy.exchanges import tunnel
from pomerium_tx.proxy.exchanges.websocket import accept_value
from tests.doubles.peers import Peer, UserAgent, request
from tests.proxy.exchanges.test_websocket import frame
from tests.proxy.harness import ProxyTestCase

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    "Who: alice",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)
GRANTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)
CLOSE_4401 = b"\x88\x0c\x11\x31signed out"
CLOSE_1008 = b"\x88\x14\x03\xf0no longer admitted"


class TunnelTestCase(ProxyTestCase):
    """
    Opens a WebSocket.
    """

    def open(self, agent: UserAgent | None = None, first: bytes = b"") -> Peer:
        """
        Open a WebSocket on *agent*; the upstream's end of it.
        """
        agent = agent or self.agent
        agent.ask(request("GET", "/ws", "app.example.com", *HANDSHAKE) + first)
        upstream = self.upstreams.last
        self.handshake = upstream.take()
        upstream.say(GRANTED % accept_value(KEY.encode()))
        self.settle()
        self.answer = agent.take()
        return upstream

    def assert_reset(self, agent: UserAgent) -> None:
        """
        The connection did not end in order.
        """
        assert agent.lost is not None
        agent.lost.trap(ConnectionLost)


class PassTests(TunnelTestCase):
    """
    While the session lives.
    """

    def test_both_ways(self) -> None:
        """
        The handshake is passed on, and then bytes pass in both directions unchanged.
        """
        upstream = self.open(first=frame(1, b"early", mask=b"mask"))
        self.assertIn(b"Connection: Upgrade\r\nUpgrade: websocket\r\n", self.handshake)
        self.assertTrue(self.answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"), self.answer)
        self.assertIn(b"Sec-WebSocket-Accept: ", self.answer)
        self.assertEqual(upstream.take(), frame(1, b"early", mask=b"mask"))
        upstream.say(frame(1, b"hello"))
        self.settle()
        self.assertEqual(self.agent.take(), frame(1, b"hello"))
        self.network.advance(100_000)
        self.agent.ask(b"\x81\x80mask")
        self.assertEqual(upstream.take(), b"\x81\x80mask")

    def test_upstream_closes(self) -> None:
        """
        When the application ends it, what it said arrives first.
        """
        upstream = self.open()
        upstream.say(frame(8, b"\x03\xe8"))
        upstream.transport.loseConnection()
        self.settle()
        self.assertEqual(self.agent.take(), frame(8, b"\x03\xe8"))
        self.assertIsNotNone(self.agent.lost)
        self.assertEqual(self.registry.exchanges(self.session.id), ())

    def test_user_agent_closes(self) -> None:
        """
        When the user agent goes, the application's connection ends.
        """
        upstream = self.open()
        self.agent.transport.loseConnection()
        self.settle()
        self.assertIsNotNone(upstream.lost)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")
        self.assertEqual([record.status for record in self.access], [101])

    def test_not_granted(self) -> None:
        """
        An application that does not switch is answered for in HTTP, and what followed is never read as a request.
        """
        self.agent.ask(
            request("GET", "/ws", "app.example.com", *HANDSHAKE)
            + request("GET", "/next", "app.example.com", "Who: alice")
        )
        upstream = self.upstreams.last
        upstream.take()
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        answer = self.agent.take()
        self.assertTrue(answer.endswith(b"ok"))
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertIsNotNone(self.agent.lost)
        self.assertEqual(self.upstreams.heard, b"")

    def test_false_grant(self) -> None:
        """
        A 101 that does not prove that the handshake was understood is 502 (RFC 6455 section 4.1).
        """
        for accept in (b"x", accept_value(b"another")):
            agent = self.connect()
            agent.ask(request("GET", "/ws", "app.example.com", *HANDSHAKE))
            self.upstreams.last.say(GRANTED % accept)
            self.settle()
            self.assertTrue(agent.take().startswith(b"HTTP/1.1 502 "))

    def test_bad_handshake(self) -> None:
        """
        A handshake that cannot succeed does not reach the application.
        """
        answer = self.agent.ask(request("GET", "/ws", "app.example.com", *HANDSHAKE[:3]))
        self.assertTrue(answer.startswith(b"HTTP/1.1 426 "), answer)
        self.assertIn(b"Sec-WebSocket-Version: 13", answer)
        self.assertEqual(self.upstreams.peers, [])

    def test_back_pressure(self) -> None:
        """
        A side that does not read stops the other, and nothing is lost.
        """
        upstream = self.open()
        big = frame(2, b"x" * 3_000_000)
        self.agent.transport.pauseProducing()
        upstream.say(big)
        self.settle()
        self.assertTrue(upstream.transport.unsent)
        self.agent.transport.resumeProducing()
        self.settle()
        self.assertEqual(self.agent.take(), big)
        upstream.transport.pauseProducing()
        self.agent.say(big)
        self.settle()
        self.assertTrue(self.agent.transport.unsent)
        upstream.transport.resumeProducing()
        self.settle()
        self.assertEqual(upstream.take(), big)


class CutTests(TunnelTestCase):
    """
    When the session ends.
    """

    def test_told(self) -> None:
        """
        Between two frames the page is told by code 4401; its Close ends the connection; the application is told 1001.
        """
        upstream = self.open()
        receipt = self.end_session()
        self.settle()
        self.assertEqual(self.agent.take(), CLOSE_4401)
        self.assertEqual(receipt.exchanges_cut["websocket"], 1)
        heard = upstream.take()
        self.assertEqual(heard[:2], b"\x88\x82")
        self.assertIsNotNone(upstream.lost)
        self.assertIsNotNone(self.agent.lost, "the peer read the end of our direction")

    def test_no_longer_admitted(self) -> None:
        """
        While the session lives the page is not told that it has ended: it is told 1008, at a frame boundary only.
        """
        for begun in (b"", frame(1, b"x" * 100)[:50]):
            with self.subTest(begun=begun):
                agent = self.connect()
                upstream = self.open(agent)
                upstream.say(begun)
                self.settle()
                agent.take()
                [exchange] = self.registry.exchanges(self.session.id)
                exchange.cut(None)
                self.settle()
                self.assertEqual(agent.take(), b"" if begun else CLOSE_1008)
                self.assertIsNotNone(agent.lost)
                self.assertIsNotNone(upstream.lost)

    def test_discards(self) -> None:
        """
        What the page sends after that reaches nobody; its Close frame ends the connection.
        """
        upstream = self.open()
        self.agent.transport.pauseProducing()
        self.end_session()
        self.agent.ask(frame(1, b"late", mask=b"mask"))
        self.assertNotIn(b"late", upstream.take())
        self.assertIsNone(self.agent.lost)
        self.agent.ask(frame(8, b"\x11\x31", mask=b"mask"))
        self.agent.transport.resumeProducing()
        self.settle()
        self.assertEqual(self.agent.take(), CLOSE_4401)
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionDone)

    def test_silent_page(self) -> None:
        """
        A page that does not answer the Close frame is reset after a second.
        """
        self.open()
        self.agent.transport.pauseProducing()
        self.end_session()
        self.network.advance(0.9)
        self.assertIsNone(self.agent.lost)
        self.network.advance(0.2)
        self.assert_reset(self.agent)

    def test_page_that_does_not_let_go(self) -> None:
        """
        Over TLS the page's Close frame is not the end of the connection: if that never comes, it is reset all the same.
        """
        self.open()
        self.patch(tunnel, "can_half_close", lambda transport: False)
        self.agent.transport.peer.loseConnection = lambda: None  # type: ignore[method-assign] # TLS that waits
        self.end_session()
        self.agent.ask(frame(8, b"\x11\x31", mask=b"mask"))
        self.assertIsNone(self.agent.lost)
        self.network.advance(1.1)
        self.assert_reset(self.agent)

    def test_in_a_frame(self) -> None:
        """
        In the middle of a frame there is no place for a Close frame: the connection is reset.
        """
        upstream = self.open()
        upstream.say(frame(1, b"x" * 100)[:50])
        self.settle()
        self.agent.take()
        self.end_session()
        self.settle()
        self.assertEqual(self.agent.take(), b"")
        self.assert_reset(self.agent)

    def test_between_fragments(self) -> None:
        """
        Between two fragments of one message there is a place.
        """
        upstream = self.open()
        upstream.say(frame(1, b"x" * 100, fin=False))
        self.settle()
        self.agent.take()
        self.end_session()
        self.settle()
        self.assertEqual(self.agent.take(), CLOSE_4401)

    def test_unsent(self) -> None:
        """
        With bytes of ours unsent the connection is reset, so that no byte passes after the end.
        """
        upstream = self.open()
        self.agent.transport.pauseProducing()
        self.agent.transport.peer.window = 1_000
        self.agent.transport.window = 1_000
        upstream.say(frame(1, b"x" * 100_000))
        self.settle()
        self.end_session()
        self.agent.transport.resumeProducing()
        self.settle()
        self.assertNotIn(CLOSE_4401, self.agent.take())
        self.assert_reset(self.agent)

    def test_upstream_in_a_frame(self) -> None:
        """
        Towards the application too: in the middle of a frame its connection is reset and hears no Close.
        """
        upstream = self.open()
        self.agent.ask(frame(1, b"x" * 100, mask=b"mask")[:50])
        upstream.take()
        self.end_session()
        self.settle()
        self.assertEqual(upstream.take(), b"")
        assert upstream.lost is not None
        upstream.lost.trap(ConnectionLost)

    def test_others_stay(self) -> None:
        """
        Another session's WebSocket is not touched.
        """
        upstream = self.open()
        other = self.connect()
        other.ask(request("GET", "/public/ws", "app.example.com", *HANDSHAKE[1:]))
        theirs = self.upstreams.last
        theirs.say(GRANTED % accept_value(KEY.encode()))
        self.settle()
        other.take()
        self.end_session()
        self.settle()
        theirs.say(frame(1, b"still here"))
        self.settle()
        self.assertEqual(other.take(), frame(1, b"still here"))
        self.assertIsNotNone(upstream.lost)
