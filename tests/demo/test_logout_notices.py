"""
Tests for `pomerium_tx.demo.logout_notices`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from treq.testing import RequestTraversalAgent
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo import pages
from pomerium_tx.demo.logout_notices import LogoutNotices
from pomerium_tx.demo.logout_tokens import TYPE, LogoutTokenReader, logout_claims
from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.oidc.fetch import Fetcher, http_client
from tests.demo.keys import PublishedKeys
from tests.demo.wire import Wire

ISSUER, AUDIENCE = "http://app.localhost:8000/", "http://app.localhost:8000/logout_notice"


class ProxyNotices:
    """
    The notices of an application, and the proxy that they come from.
    """

    def __init__(self, clock: Clock) -> None:
        self.keys = PublishedKeys(derived_signer(b"proxy"))
        agent = RequestTraversalAgent(self.keys)
        self.settle = agent.flush
        self._clock = clock
        reader = LogoutTokenReader(
            issuer=ISSUER,
            audience=AUDIENCE,
            jwks_uri=f"{ISSUER}.well-known/pomerium/jwks.json",
            fetcher=Fetcher(http_client(agent), clock, deadline=5.0, max_bytes=10_000),
            clock=clock,
        )
        self.notices = LogoutNotices(reader=reader, clock=clock)

    def token(self, *, sid: str, **changes: Any) -> str:
        """
        What the proxy says about the end of a session, but for *changes*.
        """
        claims = logout_claims(iss=ISSUER, aud=AUDIENCE, sid=sid, sub="alice", now=self._clock.seconds())
        return self.keys.signer.sign(claims | changes, TYPE)

    def request(self, *tokens: str) -> bytes:
        """
        The proxy's request with these tokens.
        """
        form = urlencode([("logout_token", token) for token in tokens]).encode()
        return (
            b"POST /logout_notice HTTP/1.1\r\nHost: 127.0.0.1:8003\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s" % (len(form), form)
        )


class LogoutNoticesTests(SynchronousTestCase):
    """
    The proxy tells an application of ends.
    """

    def setUp(self) -> None:
        """
        Nothing has been told.
        """
        self.clock = Clock()
        self.clock.advance(36_000)
        self.proxy = ProxyNotices(self.clock)
        self.notices = self.proxy.notices

    def tell(self, *tokens: str) -> bytes:
        """
        The answer to a notice.
        """
        wire = Wire(self.notices.answer)
        answer = wire.send(self.proxy.request(*tokens))
        self.proxy.settle()
        return answer + wire.received()

    def test_told(self) -> None:
        """
        A notice that the proxy has signed is remembered, and shown with its time.
        """
        self.assertTrue(self.tell(self.proxy.token(sid="abcdefghij")).startswith(b"HTTP/1.1 200 "))
        self.assertEqual([notice.session for notice in self.notices.latest], ["abcdefghij"])
        markup = pages.document("t", [self.notices.shown()])
        self.assertIn(b"session abcdefgh... ended", markup)
        self.assertIn(b"10:00:00 UTC", markup)

    def test_told_again(self) -> None:
        """
        The proxy tells at least once; what it tells twice counts once, and is answered as well.
        """
        token = self.proxy.token(sid="a")
        for _ in range(2):
            self.assertIn(b" 200 ", self.tell(token))
        self.assertEqual((self.notices.received, len(self.notices.latest)), (1, 1))

    def test_retried(self) -> None:
        """
        Another attempt has a younger token, of the same ``jti``: it is the same notice.
        """
        for _ in range(2):
            self.tell(self.proxy.token(sid="a", jti="same"))
            self.clock.advance(60)
        self.assertEqual(self.notices.received, 1)

    def test_refused(self) -> None:
        """
        What the proxy has not signed for this application is refused, told why, and counted.
        """
        good = self.proxy.token(sid="a")
        table = [(), ("nonsense",), (good, good), (self.proxy.token(sid="a", aud="app.localhost"),)]
        for count, tokens in enumerate(table, 1):
            with self.subTest(count=count):
                answer = self.tell(*tokens)
                self.assertIn(b" 400 ", answer)
                self.assertIn(b'"error": "invalid_request"', answer)
                self.assertEqual((self.notices.received, self.notices.refused), (0, count))

    def test_no_keys(self) -> None:
        """
        As long as the proxy's keys are not to be had the proxy is asked to come again.
        """
        self.proxy.keys.status = 503
        self.assertIn(b" 503 ", self.tell(self.proxy.token(sid="a")))
        self.assertEqual((self.notices.received, self.notices.refused), (0, 0))

    def test_latest(self) -> None:
        """
        The latest twenty are shown, the latest first.
        """
        for number in range(25):
            self.tell(self.proxy.token(sid=f"s{number}"))
        self.assertEqual([len(self.notices.latest), self.notices.received], [20, 25])
        self.assertEqual(self.notices.latest[0].session, "s24")
