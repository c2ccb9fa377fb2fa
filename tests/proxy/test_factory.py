"""
Tests of `pomerium_tx.proxy.factory`; what it does at the end of the service is in `tests.proxy.exchanges.test_local`.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.logger import capturedLogs

from pomerium_tx.proxy import factory
from pomerium_tx.proxy.admission import ConnectionLimits
from tests.doubles.peers import UserAgent, request
from tests.proxy.harness import PROXY, ProxyTestCase

ALICE = "Who: alice"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class PeerTests(ProxyTestCase):
    """
    Who a connection comes from.
    """

    def test_one_spelling(self) -> None:
        """
        An IPv4 address is the same one, whether the socket that accepted it is for IPv4 or for both families.
        """
        for address, peer in (
            (IPv4Address("TCP", "192.0.2.7", 1), "192.0.2.7"),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 1), "192.0.2.7"),
            (IPv6Address("TCP", "2001:db8::1", 1), "2001:db8::1"),
        ):
            with self.subTest(address):
                built = self.factory.buildProtocol(address)
                assert built is not None
                self.assertEqual(built.peer, peer)


class LimitTests(ProxyTestCase):
    """
    As many connections as there may be.
    """

    def setUp(self) -> None:
        super().setUp()
        self.agent.transport.loseConnection()
        self.settle()
        self.proxy.connection_limits = ConnectionLimits(connections=3, per_address=2)

    def agents(self, *numbers: int) -> list[UserAgent]:
        """
        A connection from each of these addresses.
        """
        return [UserAgent.connect(self.network, *PROXY, peer=f"192.0.2.{number}") for number in numbers]

    def begin(self, agent: UserAgent) -> None:
        """
        An answer is under way on this connection.
        """
        agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        self.settle()
        agent.take()

    def test_one_too_many(self) -> None:
        """
        It is closed before anything is read from it, and those that there are go on.
        """
        agents = self.agents(1, 2, 3)
        for agent in agents:
            self.begin(agent)
        with capturedLogs() as logged:
            (refused,) = self.agents(4)
            refused.say(request("GET", "/public", "app.example.com"))
            self.settle()
        self.assertIsNotNone(refused.lost)
        self.assertEqual((refused.take(), len(self.access)), (b"", 0))
        self.assertEqual([(event["count"], event["most"]) for event in logged], [(1, 3)])
        for agent, upstream in zip(agents, self.upstreams.peers, strict=True):
            upstream.say(b"x" * 95)
            self.settle()
            self.assertEqual((agent.take(), agent.lost), (b"x" * 95, None))

    def test_one_address(self) -> None:
        """
        An address has its share; others are let in, and so is it again once a connection of it has gone.
        """
        agents = self.agents(1, 1, 1, 2)
        self.assertEqual([agent.lost is None for agent in agents], [True, True, False, True])
        agents[0].transport.loseConnection()
        self.settle()
        self.assertIsNone(self.agents(1)[0].lost)

    def test_idle_gives_way(self) -> None:
        """
        The connection that has been idle for longest is closed, in order, for a new one; what is under way is not.
        """
        busy, older, newer = self.agents(1, 2, 3)
        self.begin(busy)
        for agent in (newer, older, newer):
            self.network.advance(2)
            self.assertIn(b" 302 ", agent.ask(request("GET", "/")))
        (one,) = self.agents(4)
        self.assertEqual([agent.lost is None for agent in (busy, older, newer, one)], [True, False, True, True])
        assert older.lost is not None
        older.lost.trap(ConnectionDone)
        self.assertIn(b" 302 ", one.ask(request("GET", "/")))
        self.assertEqual(self.factory.open_connections, 3)

    def test_what_is_not_idle(self) -> None:
        """
        Neither part of a head, nor a request that is answered or waits, nor a tunnel, nor an answer that was not read
        is idleness.
        """
        self.proxy.connection_limits = ConnectionLimits(connections=4, per_address=4)
        partly, answered, tunnel, unread = self.agents(1, 2, 3, 4)
        partly.ask(b"GET / HT")
        self.begin(answered)
        self.assert_tunnel(tunnel)
        unread.transport.pauseProducing()
        unread.transport.peer.window = 0
        unread.ask(request("GET", "/"))
        self.patch(factory, "owes_bytes", lambda transport: transport is unread.transport.peer)
        self.assertIsNotNone(self.agents(5)[0].lost)
        self.assertEqual([agent.lost for agent in (partly, answered, tunnel, unread)], [None] * 4)
        unread.transport.peer.window = 100_000
        self.patch(factory, "owes_bytes", lambda transport: False)
        self.settle()
        self.assertIsNone(self.agents(6)[0].lost)

    def assert_tunnel(self, agent: UserAgent) -> None:
        """
        *agent* has a WebSocket.
        """
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key)
        agent.ask(request("GET", "/", "app.example.com", ALICE, *upgrade))
        self.upstreams.last.say(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        self.settle()
        self.assertIn(b" 101 ", agent.take())

    def test_reload(self) -> None:
        """
        Other limits hold for the next connection.
        """
        agents = self.agents(1, 2, 3)
        for agent in agents:
            self.begin(agent)
        self.proxy.connection_limits = ConnectionLimits(connections=4, per_address=2)
        self.assertIsNone(self.agents(4)[0].lost)
