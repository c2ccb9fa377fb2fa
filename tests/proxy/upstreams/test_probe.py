"""
Tests of `pomerium_tx.proxy.upstreams.probe`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import DNSLookupError
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.upstreams.probe import Outcome, Probe
from pomerium_tx.routing.balancing import HttpCheck, TcpCheck
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.upstream import client_options
from tests.doubles.network import Network
from tests.doubles.peers import PeerFactory
from tests.proxy.upstreams.test_pool import Failing, TlsEndpoint
from tests.tls.authorities import Authority

ADDRESS = ("app.test", 3000)
HTTP = HttpCheck(
    path=b"/healthz?deep=1", host=None, expected=(range(200, 300), range(404, 405)), retriable=(range(429, 430),)
)
WELL = Outcome(is_well=True)
ANSWERS = [
    (b"HTTP/1.1 200 OK\r\n\r\n", WELL),
    (b"HTTP/1.1 299 Fine\r\nContent-Length: 1000\r\n\r\n", WELL),
    (b"HTTP/1.0 204 No Content\r\n\r\n", WELL),
    (b"HTTP/1.1 404 Not Found\r\n\r\n", WELL),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", WELL),
    (b"HTTP/1.1 300 Choices\r\n\r\n", Outcome(is_well=False, reason="answered 300", is_final=True)),
    (b"HTTP/1.1 500 Oops\r\n\r\n", Outcome(is_well=False, reason="answered 500", is_final=True)),
    (b"HTTP/1.1 429 Busy\r\n\r\n", Outcome(is_well=False, reason="answered 429")),
    (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        Outcome(is_well=False, reason="answered 101", is_final=True),
    ),
]
"""
What is said to a request, and what that comes to.
"""


class ProbeTests(SynchronousTestCase):
    """
    One check.
    """

    def setUp(self) -> None:
        self.network = Network(Clock())
        self.clock = self.network.clock
        self.upstream = PeerFactory()
        self.network.listen(*ADDRESS, self.upstream)
        self.outcomes: list[Outcome] = []

    def probe(self, what: HttpCheck | TcpCheck = HTTP, endpoint: Any = None) -> Probe:
        """
        A check that has begun.
        """
        probe = Probe(
            endpoint or self.network.endpoint(*ADDRESS),
            what,
            host=b"app.test:3000",
            limits=HeadLimits(),
            clock=self.clock,
            timeout=2.0,
            done=self.outcomes.append,
        )
        self.network.settle()
        return probe

    def say(self, answer: bytes) -> list[Outcome]:
        """
        The upstream says this: what has come of it.
        """
        self.upstream.last.say(answer)
        self.network.settle()
        return self.outcomes

    def assertOver(self) -> None:
        """
        The connection is closed, and no timer is left.
        """
        self.network.settle()
        self.assertTrue(all(peer.lost is not None for peer in self.upstream.peers))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.outcomes), 1)

    def test_request(self) -> None:
        """
        A request is recognisable, names the host, and asks for no connection to stay.
        """
        self.probe()
        self.assertEqual(
            self.upstream.heard,
            b"GET /healthz?deep=1 HTTP/1.1\r\nHost: app.test:3000\r\nUser-Agent: pomerium_tx health check\r\n"
            b"Connection: close\r\n\r\n",
        )
        self.probe(HttpCheck(path=b"/", host=b"other.test", expected=(), retriable=()))
        self.assertIn(b"Host: other.test\r\n", self.upstream.last.received)

    def test_answers(self) -> None:
        """
        The status decides, as soon as the head has come.
        """
        for answer, expected in ANSWERS:
            with self.subTest(answer):
                self.outcomes.clear()
                self.probe()
                self.assertEqual(self.say(answer), [expected])
                self.assertOver()

    def test_no_answer(self) -> None:
        """
        Nothing that is an answer, or none in time, is as bad as a bad one; in every case nothing is left.
        """

        def silence() -> None:
            self.clock.advance(2)

        def half_an_answer() -> None:
            self.say(b"HTTP/1.1 200 O")
            self.clock.advance(2)

        def end() -> None:
            self.upstream.last.transport.loseConnection()

        def reset() -> None:
            self.upstream.last.transport.abortConnection()

        def nonsense() -> None:
            self.say(b"220 smtp.test ESMTP\r\n")

        for fails, words in (
            (silence, "did not answer in time"),
            (half_an_answer, "did not answer in time"),
            (end, "closed the connection without an answer"),
            (reset, "closed the connection without an answer"),
            (nonsense, ""),
        ):
            with self.subTest(fails.__name__):
                self.outcomes.clear()
                self.probe()
                fails()
                self.network.settle()
                (outcome,) = self.outcomes
                self.assertFalse(outcome.is_well or outcome.is_final)
                self.assertIn(words, outcome.reason)
                self.assertOver()

    def test_no_connection(self) -> None:
        """
        Who cannot be connected to is not well: at once, later, or when the time is over.
        """
        self.probe(endpoint=Failing(DNSLookupError()))
        self.assertEqual(self.outcomes, [Outcome(is_well=False, reason="has a name that cannot be resolved")])
        self.assertOver()
        for end, words in (
            (self.network.refuse, "refused the connection"),
            (lambda: self.clock.advance(2), "did not answer in time"),
        ):
            self.outcomes.clear()
            self.network.hold(*ADDRESS)
            self.probe()
            self.assertEqual(self.outcomes, [])
            end()
            self.assertEqual([outcome.reason for outcome in self.outcomes], [words])
            self.assertOver()
            self.network.accept()

    def test_tcp(self) -> None:
        """
        Without HTTP it is enough to be connected, or what is expected must come, in its order, among other bytes.
        """
        self.probe(TcpCheck(send=b"", receive=()))
        self.assertEqual(self.outcomes, [WELL])
        self.assertOver()
        self.outcomes.clear()
        self.probe(TcpCheck(send=b"PING\r\n", receive=(b"PO", b"NG")))
        self.assertEqual(self.upstream.last.received, b"PING\r\n")
        for said in (b"hello NG P", b"O", b"...N"):
            self.assertEqual(self.say(said), [])
        self.assertEqual(self.say(b"G and more"), [WELL])
        self.assertOver()

    def test_tcp_fails(self) -> None:
        """
        An end, silence, or a flood without what is expected is not well.
        """
        for fails, words in (
            (lambda: self.upstream.last.transport.loseConnection(), "closed the connection"),
            (lambda: self.clock.advance(2), "did not answer in time"),
            (lambda: self.say(b"x" * 70_000), "did not answer what was expected"),
        ):
            with self.subTest(words):
                self.outcomes.clear()
                self.probe(TcpCheck(send=b"", receive=(b"PONG",)))
                fails()
                self.network.settle()
                self.assertEqual([outcome.reason for outcome in self.outcomes], [words])
                self.assertOver()

    def test_cancel(self) -> None:
        """
        A check that is not wanted any more ends without a word, wherever it stands.
        """
        self.probe().cancel()
        self.network.hold(*ADDRESS)
        connecting = self.probe()
        connecting.cancel()
        connecting.cancel()
        self.network.accept()
        self.network.settle()
        self.assertEqual(self.outcomes, [])
        self.assertTrue(all(peer.lost is not None for peer in self.upstream.peers))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_tls(self) -> None:
        """
        Over TLS the question is asked of who has the right certificate, and nobody else.
        """
        authority = Authority("A test authority")
        for name, expected in (("app.test", WELL), ("other.test", None)):
            with self.subTest(name):
                self.outcomes.clear()
                contexts = DownstreamContexts([authority.issue(name)])
                self.network.listen(*ADDRESS, TLSMemoryBIOFactory(contexts, False, self.upstream, self.clock))
                options = client_options("app.test", ca_pem=authority.pem, skip_verify=False, client_certificate=None)
                made = len(self.upstream.peers)
                self.probe(endpoint=TlsEndpoint(self.network.endpoint(*ADDRESS), options, self.clock))
                if expected is None:
                    (outcome,) = self.outcomes
                    self.assertIn("cannot be trusted with TLS", outcome.reason)
                    self.assertEqual(b"".join(peer.received for peer in self.upstream.peers[made:]), b"")
                else:
                    self.assertEqual(self.say(b"HTTP/1.1 200 OK\r\n\r\n"), [expected])
