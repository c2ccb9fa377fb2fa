"""
A WebSocket in which nothing passes for too long.
"""

from __future__ import annotations

from tests.proxy.exchanges.test_tunnel import TunnelTestCase
from tests.proxy.exchanges.test_websocket import frame
from tests.proxy.harness import a_route

IDLE = b"\x88\x0e\x03\xe9idle timeout"
"""
A Close frame with code 1001.
"""


class IdleTunnelTests(TunnelTestCase):
    """
    A route that says how long WebSockets may be silent.
    """

    route = a_route(allow_websockets=True, timeout=None, idle_timeout=60.0, tunnel_idle_timeout=60.0)

    def let_pass(self, seconds: int) -> None:
        """
        So many seconds go by.
        """
        for _ in range(seconds):
            self.network.clock.advance(1.0)
            self.settle()

    def test_silence(self) -> None:
        """
        Both sides are told with code 1001, after the time and not before, and the log says why.
        """
        upstream = self.open()
        self.let_pass(58)
        self.assertEqual((self.agent.take(), upstream.take()), (b"", b""))
        self.let_pass(5)
        self.assertEqual(self.agent.take(), IDLE)
        told = upstream.take()
        self.assertEqual((told[0], told[1] & 0x7F), (0x88, 2))
        self.assertEqual([line.details for line in self.access], ["idle_timeout"])
        self.assertEqual(list(self.registry.exchanges(self.session.id)), [])
        self.agent.say(b"\x88\x80\0\0\0\0")
        self.settle()
        self.assertIsNotNone(self.agent.lost)
        self.assertIsNotNone(upstream.lost)

    def test_either_direction(self) -> None:
        """
        A byte of either side is enough to go on.
        """
        upstream = self.open()
        for number in range(4):
            self.let_pass(50)
            if number % 2:
                self.agent.say(frame(1, b"a", mask=b"1234"))
            else:
                upstream.say(frame(1, b"a"))
            self.settle()
        self.let_pass(50)
        self.assertIsNone(self.agent.lost)
        self.let_pass(15)
        self.assertTrue(self.agent.take().endswith(IDLE))

    def test_in_the_middle_of_a_frame(self) -> None:
        """
        Where no Close frame fits, the connection is reset.
        """
        upstream = self.open()
        upstream.say(b"\x81\x05ab")
        self.let_pass(65)
        self.assert_reset(self.agent)

    def test_nothing_said(self) -> None:
        """
        Where the route does not say so, silence may last.
        """
        self.use(a_route(allow_websockets=True, timeout=None, idle_timeout=None))
        self.open()
        self.let_pass(400)
        self.assertIsNone(self.agent.lost)

    def test_end_of_the_session(self) -> None:
        """
        A sign-out is told as ever.
        """
        self.open()
        self.let_pass(30)
        self.end_session()
        self.settle()
        self.assertIn(b"signed out", self.agent.take())
        self.let_pass(100)
        self.assertEqual(len(self.access), 1)
