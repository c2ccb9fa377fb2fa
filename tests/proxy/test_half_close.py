"""
One direction closed, the other open: nothing that can still arrive is lost, and nothing waits for ever.
"""

from __future__ import annotations

import re

from twisted.internet.error import ConnectionDone, ConnectionLost

from pomerium_tx.proxy.exchanges.tunnel import DRAIN_SECONDS
from pomerium_tx.proxy.exchanges.websocket import accept_value
from pomerium_tx.sessions.session import Session
from tests.doubles.peers import PatientAgent, PatientPeer, PeerFactory, request
from tests.doubles.sessions import a_session
from tests.proxy.exchanges.test_tunnel import CLOSE_4401, GRANTED, HANDSHAKE, KEY
from tests.proxy.harness import PROXY, UPSTREAM, ProxyTestCase

ALICE = "Who: alice"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
LARGE = 3_000_000


class HalfCloseTestCase(ProxyTestCase):
    """
    A user agent and an application that both go on when the other has closed its direction.
    """

    agent: PatientAgent

    def setUp(self) -> None:
        super().setUp()
        self.upstreams = PeerFactory(PatientPeer)
        self.network.listen(*UPSTREAM, self.upstreams)
        self.factory.abort_all()
        self.settle()
        self.agent = self.patient()

    def patient(self) -> PatientAgent:
        """
        Another user agent of that kind.
        """
        agent = PatientAgent.connect(self.network, *PROXY)
        assert isinstance(agent, PatientAgent)
        return agent

    def ask_and_close(self, *requests: bytes) -> None:
        """
        Say *requests* and close that direction.
        """
        self.agent.say(b"".join(requests))
        self.agent.transport.loseWriteConnection()
        self.settle()

    def assert_ended(self) -> None:
        """
        The user agent's connection has ended in good order, and nothing of it is left.
        """
        assert self.agent.heard_out
        self.agent.transport.loseConnection()
        self.settle()
        self.assertEqual(self.factory.open_connections, 0)
        self.assertEqual(self.registry.exchanges(self.session.id), ())


class UserAgentTests(HalfCloseTestCase):
    """
    Who has asked everything and closes its direction.
    """

    def test_whole_answer(self) -> None:
        """
        It gets all of its answer, however late and large, and then the end.
        """
        self.ask_and_close(request("POST", "/", "app.example.com", ALICE, content=b"hello"))
        self.network.advance(20)
        upstream = self.upstreams.last
        self.assertTrue(upstream.take().endswith(b"hello"))
        self.assertFalse(self.agent.heard_out)
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE)
        self.settle()
        self.assertEqual(len(self.agent.take().partition(b"\r\n\r\n")[2]), LARGE)
        self.assert_ended()
        self.assertEqual(repr(self.pool), "<Pool idle=1 in_use=0>")

    def test_pipeline(self) -> None:
        """
        It gets the answers to everything that it asked, in order.
        """
        self.ask_and_close(
            request("GET", "/1", "app.example.com", ALICE),
            request("GET", "/2"),
            request("GET", "/3", "app.example.com", ALICE),
        )
        for number in (b"1", b"3"):
            self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + number)
            self.settle()
        answers = self.agent.take()
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+)", answers), [b"200", b"302", b"200"])
        self.assertTrue(answers.endswith(b"3"))
        self.assert_ended()

    def test_while_connecting(self) -> None:
        """
        So does who closes before there is a connection to the application.
        """
        self.network.hold(*UPSTREAM)
        self.ask_and_close(request("POST", "/", "app.example.com", ALICE, content=b"hello"))
        self.network.accept()
        self.settle()
        self.upstreams.last.say(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 204 "))
        self.assert_ended()

    def test_nothing_asked(self) -> None:
        """
        Who closes between requests, or without any, is let go.
        """
        self.ask_and_close()
        self.assertEqual(self.agent.take(), b"")
        self.assert_ended()

    def test_incomplete(self) -> None:
        """
        A request that can never be complete is refused, and the application does not take it for a complete one.
        """
        for asked in (
            request("POST", "/", "app.example.com", ALICE, "Content-Length: 9") + b"hello",
            request("POST", "/", "app.example.com", ALICE, "Transfer-Encoding: chunked") + b"5\r\nhel",
            b"GET / HTTP/1.1\r\nHost: app.exam",
        ):
            with self.subTest(asked=asked):
                self.factory.abort_all()
                self.agent = self.patient()
                self.ask_and_close(asked)
                answer = self.agent.take()
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
                self.assertIn(b"\r\nConnection: close\r\n", answer)
                self.assert_ended()
        for peer in self.upstreams.peers:
            assert peer.lost is not None
            peer.lost.trap(ConnectionLost)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_answered_before_the_rest(self) -> None:
        """
        Who stops sending because the answer has come gets all of it.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 9") + b"hello")
        self.upstreams.last.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nno")
        self.settle()
        self.ask_and_close()
        self.upstreams.last.say(b"no")
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"nono"))
        self.assert_ended()
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_event_stream(self) -> None:
        """
        Of a stream without end nobody waits for the rest: the application is let go at once.
        """
        for closes_first in (True, False):
            with self.subTest(closes_first=closes_first):
                self.agent = self.patient()
                self.agent.ask(request("GET", "/", "app.example.com", ALICE))
                if closes_first:
                    self.ask_and_close()
                self.upstreams.last.say(EVENTS)
                self.settle()
                self.ask_and_close()
                self.assertIsNotNone(self.upstreams.last.lost)
                self.assertEqual(self.registry.exchanges(self.session.id), ())

    def test_gone(self) -> None:
        """
        Who has closed both directions is noticed with the first byte for it.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.agent.transport.loseConnection()
        self.settle()
        self.assertEqual(len(self.registry.exchanges(self.session.id)), 1)
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
        self.settle()
        self.assertIsNotNone(self.upstreams.last.lost)
        self.assertEqual(self.registry.exchanges(self.session.id), ())
        self.assertEqual([record.details for record in self.access], ["downstream_closed"])

    def test_time_goes_on(self) -> None:
        """
        An application that never answers is waited for as long as for anybody, and whoever waits is told.
        """
        self.ask_and_close(request("GET", "/", "app.example.com", ALICE))
        self.network.advance(32)
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 504 "))
        self.assert_ended()


class UpstreamTests(HalfCloseTestCase):
    """
    An application that has answered and closes its direction.
    """

    def test_answer_until_close(self) -> None:
        """
        That is the end of an answer without a length, and of the connection.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        upstream = self.upstreams.last
        upstream.say(b"HTTP/1.1 200 OK\r\n\r\nhello")
        upstream.transport.loseWriteConnection()
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"5\r\nhello\r\n0\r\n\r\n"))
        assert upstream.lost is None and isinstance(upstream, PatientPeer)
        self.assertTrue(upstream.heard_out)
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")

    def test_in_the_middle(self) -> None:
        """
        An answer that can never be complete is broken off, and one that never began is 502.
        """
        for said, began in ((b"", False), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", True)):
            with self.subTest(said=said):
                agent = self.patient()
                agent.ask(request("POST", "/", "app.example.com", ALICE, content=b"x"))
                self.upstreams.last.say(said)
                self.upstreams.last.transport.loseWriteConnection()
                self.settle()
                if began:
                    assert agent.lost is not None
                    agent.lost.trap(ConnectionLost)
                else:
                    self.assertTrue(agent.take().startswith(b"HTTP/1.1 502 "))

    def test_before_the_request_is_complete(self) -> None:
        """
        An upload is not poured into an application that will not answer it any more.
        """
        self.agent.ask(request("POST", "/", "app.example.com", ALICE, "Content-Length: 9000000") + b"x" * LARGE)
        upstream = self.upstreams.last
        upstream.transport.pauseProducing()
        self.agent.say(b"x" * LARGE)
        self.settle()
        upstream.transport.loseWriteConnection()
        self.settle()
        self.assertTrue(self.agent.take().startswith(b"HTTP/1.1 502 "))
        upstream.transport.resumeProducing()
        self.settle()
        assert upstream.lost is not None
        upstream.lost.trap(ConnectionLost)

    def test_idle(self) -> None:
        """
        A connection that the application closes while nobody uses it is used no more.
        """
        self.agent.ask(request("GET", "/", "app.example.com", ALICE))
        self.upstreams.last.say(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.settle()
        self.upstreams.last.transport.loseWriteConnection()
        self.settle()
        self.assertEqual(repr(self.pool), "<Pool idle=0 in_use=0>")


class TunnelTests(HalfCloseTestCase):
    """
    A WebSocket of which one direction is closed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.agent.ask(request("GET", "/ws", "app.example.com", *HANDSHAKE))
        self.upstream = self.upstreams.last
        self.upstream.say(GRANTED % accept_value(KEY.encode()))
        self.settle()
        self.agent.take()
        self.upstream.take()

    def test_user_agent(self) -> None:
        """
        What the application still says arrives, and its own end ends both.
        """
        self.ask_and_close(b"\x88\x80abcd")
        assert isinstance(self.upstream, PatientPeer)
        self.assertEqual(self.upstream.take(), b"\x88\x80abcd")
        self.assertTrue(self.upstream.heard_out)
        self.upstream.say(b"\x81\x05hello\x88\x00")
        self.settle()
        self.assertEqual(self.agent.take(), b"\x81\x05hello\x88\x00")
        self.upstream.transport.loseConnection()
        self.settle()
        self.assert_ended()

    def test_upstream(self) -> None:
        """
        What the user agent still says arrives, and its own end ends both.
        """
        self.upstream.say(b"\x88\x00")
        self.upstream.transport.loseWriteConnection()
        self.settle()
        self.assertEqual(self.agent.take(), b"\x88\x00")
        self.assertTrue(self.agent.heard_out)
        self.agent.say(b"\x88\x80abcd")
        self.agent.transport.loseConnection()
        self.settle()
        self.assertEqual(self.upstream.take(), b"\x88\x80abcd")
        assert isinstance(self.upstream, PatientPeer)
        self.assertTrue(self.upstream.heard_out)
        self.assertEqual(self.registry.exchanges(self.session.id), ())

    def test_slow_reader(self) -> None:
        """
        Who takes the last bytes slowly gets all of them, and nothing ends twice.
        """
        self.agent.transport.pauseProducing()
        self.upstream.say(b"x" * LARGE)
        self.settle()
        self.upstream.transport.loseWriteConnection()
        self.settle()
        self.agent.transport.resumeProducing()
        self.settle()
        self.assertEqual(len(self.agent.take()), LARGE)
        # Full and ready once more, after the end.
        connection = self.agent.transport.peer.protocol
        connection.pauseProducing()
        connection.resumeProducing()
        self.settle()
        self.ask_and_close()
        self.assert_ended()
        soon = self.network.clock.seconds() + DRAIN_SECONDS
        waiting = [call for call in self.network.clock.getDelayedCalls() if call.getTime() <= soon]
        self.assertEqual(len(waiting), 1, f"more than the sweep over all connections: {waiting}")

    def test_closed_before_the_grant(self) -> None:
        """
        A user agent that has closed its direction before the WebSocket is open is known to have done so.
        """
        self.agent = self.patient()
        self.ask_and_close(request("GET", "/ws", "app.example.com", *HANDSHAKE))
        upstream = self.upstreams.last
        upstream.say(GRANTED % accept_value(KEY.encode()) + b"\x81\x05hello")
        self.settle()
        self.assertTrue(self.agent.take().endswith(b"\x81\x05hello"))
        assert isinstance(upstream, PatientPeer)
        self.assertTrue(upstream.heard_out)

    def test_not_for_ever(self) -> None:
        """
        A side that goes on is cut off after a while.
        """
        for closes in ("user agent", "application"):
            with self.subTest(closes=closes):
                self.agent = self.patient()
                self.agent.ask(request("GET", "/ws", "app.example.com", *HANDSHAKE))
                upstream = self.upstreams.last
                upstream.say(GRANTED % accept_value(KEY.encode()))
                self.settle()
                (self.agent if closes == "user agent" else upstream).transport.loseWriteConnection()
                self.network.advance(DRAIN_SECONDS - 1)
                self.assertEqual(len(self.registry.exchanges(self.session.id)), 2)
                self.network.advance(10)
                self.assertEqual(len(self.registry.exchanges(self.session.id)), 1)
                assert isinstance(upstream, PatientPeer)
                self.assertTrue(upstream.heard_out)
                self.assertTrue(self.agent.heard_out)

    def test_cut(self) -> None:
        """
        The end of the session ends it all the same: who has closed is told, who would not hear it is reset.
        """
        self.agent.transport.loseWriteConnection()
        self.settle()
        self.end_session(self._other())
        self.assertEqual(self.agent.take(), b"")
        self.end_session()
        self.settle()
        self.assertEqual(self.agent.take(), CLOSE_4401)
        assert self.upstream.lost is not None
        self.upstream.lost.trap(ConnectionLost)
        self.agent.transport.loseConnection()
        self.settle()
        self.assertEqual(self.factory.open_connections, 0)

    def test_cut_after_the_application(self) -> None:
        """
        A user agent to which everything has been said already cannot be told any more.
        """
        self.upstream.transport.loseWriteConnection()
        self.settle()
        self.end_session()
        self.settle()
        assert self.agent.lost is not None
        self.agent.lost.trap(ConnectionLost)
        assert self.upstream.lost is None or self.upstream.lost.check(ConnectionDone)

    def _other(self) -> Session:
        now = self.network.clock.seconds()
        other = a_session(id="another", began=now, expires=now + 50_000)
        self.successResultOf(self.registry.begin(other, state_issued=now))
        return other
