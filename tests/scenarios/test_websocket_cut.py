"""
A WebSocket is cut so that its page can know, and so that nothing more passes.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone

from tests.scenarios.traffic import HANDSHAKE, SIGNED_OUT, SWITCHING, TrafficTestCase
from tests.scenarios.world import CHAT


class WebSocketTests(TrafficTestCase):
    """
    A sign-out while a WebSocket is open.
    """

    def test_websocket(self) -> None:
        """
        An idle WebSocket is closed with 4401 and half-closed; the application gets a masked 1001; nothing passes.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        self.sign_out(alice)
        self.assertEqual(agent.take(), SIGNED_OUT)
        self.assertTrue(agent.transport.closed_by_peer)
        self.assertEqual(upstream.received[:2], b"\x88\x82")
        mask = upstream.received[2:6]
        code = bytes(octet ^ mask[place % 4] for place, octet in enumerate(upstream.received[6:8]))
        self.assertEqual((int.from_bytes(code, "big"), upstream.received[8:]), (1001, b""))
        upstream.received = b""
        agent.say(b"\x81\x82\x00\x00\x00\x00hi")
        upstream.say(b"\x81\x02no")
        self.settle()
        self.assertEqual((agent.take(), upstream.received), (b"", b""))

    def test_frames_after_the_close(self) -> None:
        """
        What a page still sends after our Close frame is discarded; its own Close ends the connection.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        agent.transport.pauseProducing()
        self.sign_out(alice)
        heard = upstream.received
        agent.say(b"\x81\x82\x00\x00\x00\x00hi" * 10)
        self.settle()
        self.assertEqual(upstream.received, heard)
        self.assertFalse(agent.transport.peer.lost)
        agent.say(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
        self.settle()
        self.assertTrue(agent.transport.peer.lost)
        agent.transport.resumeProducing()
        self.settle()
        self.assertEqual(agent.take(), SIGNED_OUT)
        self.assertEqual(upstream.received, heard)

    def test_websocket_that_does_not_answer(self) -> None:
        """
        A page that does not answer the Close frame loses the connection after a second.
        """
        alice = self.both()
        agent, _ = self.websocket(alice)
        agent.transport.pauseProducing()
        self.sign_out(alice)
        self.advance(0.5)
        self.assertIsNone(agent.lost)
        self.advance(0.6)
        self.assertIsNotNone(agent.lost)

    def test_websocket_between_fragments(self) -> None:
        """
        Between two fragments of a message is a frame boundary too.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        upstream.say(b"\x01\x02he")
        self.settle()
        agent.take()
        self.sign_out(alice)
        self.assertEqual(agent.take(), SIGNED_OUT)

    def test_websocket_in_the_middle_of_a_frame(self) -> None:
        """
        In the middle of a frame nothing can be said: the connection is aborted.
        """
        for begun in (b"\x81", b"\x81\x05he", b"\x82\x7e\x01"):
            with self.subTest(begun):
                alice = self.both()
                agent, upstream = self.websocket(alice)
                upstream.say(begun)
                self.settle()
                agent.take()
                self.sign_out(alice)
                self.assertEqual(agent.take(), b"")
                self.assert_broken_off(agent)

    def test_page_in_the_middle_of_a_frame(self) -> None:
        """
        A page that is in the middle of its own frame is told all the same; the application sees a reset, no half frame
        that ends with ours.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        agent.say(b"\x81\x85\x00\x00\x00\x00he")
        self.settle()
        upstream.received = b""
        self.sign_out(alice)
        self.assertEqual(agent.take(), SIGNED_OUT)
        self.assertEqual(upstream.received, b"")
        assert upstream.lost is not None
        self.assertFalse(upstream.lost.check(ConnectionDone))

    def test_websocket_with_bytes_unsent(self) -> None:
        """
        Behind bytes that the page has not taken no Close frame waits: they are dropped.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        agent.transport.pauseProducing()
        agent.transport.peer.window = 0
        upstream.say(b"\x82\x02no")
        self.settle()
        self.sign_out(alice)
        agent.transport.peer.window = 1 << 20
        agent.transport.resumeProducing()
        self.settle()
        self.assertEqual(agent.take(), b"")
        self.assert_broken_off(agent)

    def test_handshake_under_way(self) -> None:
        """
        A WebSocket handshake that the application has not answered gets 401; a late 101 reaches nobody.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "GET", CHAT + "/socket", *HANDSHAKE, f"Origin: {CHAT}")
        self.sign_out(alice)
        upstream.say(SWITCHING + b"\x81\x06secret")
        self.settle()
        self.assertNotIn(b"secret", agent.received)
        self.assertNotIn(b" 101 ", agent.received)
        self.assert_answered(agent, 401)

    def test_application_has_closed(self) -> None:
        """
        What the application said before it closed is dropped as well, if the page has not taken it.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        agent.transport.pauseProducing()
        agent.transport.peer.window = 0
        upstream.say(b"\x82\x06secret")
        upstream.transport.loseConnection()
        self.settle()
        self.sign_out(alice)
        agent.transport.peer.window = 1 << 20
        agent.transport.resumeProducing()
        self.settle()
        self.assertEqual(agent.take(), b"")
        self.assert_broken_off(agent)
