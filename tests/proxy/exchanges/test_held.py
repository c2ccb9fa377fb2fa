"""
Tests of `pomerium_tx.proxy.exchanges.held`: a request that waits for what is known of its bearer token.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from pomerium_tx.authorize.bearer import TokenUnknown
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.exchanges.held import HELD_SECONDS
from pomerium_tx.proxy.heads.forwarding import MOST_PASSES
from tests.doubles.peers import request
from tests.proxy.harness import ProxyTestCase

PUBLIC = "/public"


class HeldTests(ProxyTestCase):
    """
    A proxy to which no request's token is known until a test says so.
    """

    def setUp(self) -> None:
        self.is_known = False
        self.waiting: list[Deferred[None]] = []
        self.cancelled = 0
        super().setUp()

    def check(self, head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
        verdict = super().check(head, canonical, client, request_id)
        if self.is_known:
            return verdict
        return replace(verdict, action=Action.HOLD, status=503, allow=False, session=None, live=(), settle=self.settled)

    async def settled(self, address: str, user_agent: str) -> None:
        waiting: Deferred[None] = Deferred(self.gave_up)
        self.waiting.append(waiting)
        await waiting

    def gave_up(self, waiting: Deferred[None]) -> None:
        self.cancelled += 1

    def answer(self, problem: Exception | None = None) -> None:
        waiting = self.waiting.pop(0)
        if problem is None:
            self.is_known = True
            waiting.callback(None)
        else:
            waiting.errback(problem)
        self.network.clock.advance(0)
        self.network.settle()

    def test_goes_on(self) -> None:
        """
        Nothing is sent on before; then the request goes its way, with its content.
        """
        self.agent.ask(request("POST", PUBLIC, content=b"hello"))
        self.assertEqual(self.upstreams.heard, b"")
        self.answer()
        self.assertIn(b"hello", self.upstreams.heard)

    def test_content_in_pieces(self) -> None:
        """
        What comes of the content meanwhile is not read, and not lost.
        """
        self.agent.ask(b"POST /public HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 10\r\n\r\nhello")
        self.agent.ask(b"there")
        self.answer()
        self.assertTrue(self.upstreams.heard.endswith(b"hellothere"), self.upstreams.heard)

    def test_unknown(self) -> None:
        """
        What cannot be known: 503 and a Retry-After; the connection ends, since the content was never read.
        """
        self.agent.ask(request("POST", PUBLIC, content=b"hello"))
        self.answer(TokenUnknown())
        answer = self.agent.take()
        self.assertIn(b"HTTP/1.1 503", answer)
        self.assertIn(b"Retry-After: 2\r\n", answer)
        self.assertEqual(self.upstreams.heard, b"")

    def test_too_long(self) -> None:
        """
        Nobody waits for ever; what is waited for is given up.
        """
        self.agent.ask(request(target=PUBLIC))
        for _ in range(int(HELD_SECONDS) + 2):
            self.network.clock.advance(1)
            self.network.settle()
        self.assertIn(b"HTTP/1.1 503", self.agent.take())
        self.assertEqual(self.cancelled, 1)

    def test_leaves(self) -> None:
        """
        Who leaves waits no more, and nothing of theirs is sent on.
        """
        self.agent.ask(request(target=PUBLIC))
        self.agent.transport.abortConnection()
        self.network.settle()
        self.assertEqual(self.cancelled, 1)
        self.is_known = True
        self.network.clock.advance(1)
        self.network.settle()
        self.assertEqual(self.upstreams.heard, b"")
        self.assertEqual(self.access[-1].details, "downstream_closed")

    def test_pipelined(self) -> None:
        """
        What stands behind a request that waits is decided after it.
        """
        self.agent.ask(request(target=PUBLIC) * 2)
        self.assertEqual(len(self.waiting), 1)
        self.answer()
        self.assertEqual(self.upstreams.heard.count(b"GET "), 1)

    def test_answered_at_once_then(self) -> None:
        """
        One that waited, and is then answered by us before its turn is over, leaves the connection to what stands
        behind it, as one that has not waited does.
        """
        passed = "Via: " + ", ".join(["1.1 pomerium_tx"] * MOST_PASSES)
        half = b"POST /public HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 10\r\n\r\nhello"
        self.agent.ask(request("GET", PUBLIC, "app.example.com", passed) + half)
        self.answer()
        answer = self.agent.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 508 "), answer)
        self.assertNotIn(b"Connection: close", answer)
        self.assertTrue(self.upstreams.heard.endswith(b"\r\n\r\nhello"), self.upstreams.heard)
        self.agent.ask(b"there")
        self.assertTrue(self.upstreams.heard.endswith(b"hellothere"), self.upstreams.heard)
        self.assertIsNone(self.agent.lost)

    def test_refused_then(self) -> None:
        """
        A request that may not proceed once it is decided is answered like any other.
        """
        self.agent.ask(request() + request())
        self.answer()
        self.assertEqual(self.agent.take().count(b"HTTP/1.1 302"), 2)
