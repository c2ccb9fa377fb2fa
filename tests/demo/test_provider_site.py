"""
Tests for `pomerium_tx.demo.provider_site`.
"""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo import provider_site
from pomerium_tx.demo.messages import Answer, Fault, Received
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource
from tests.demo.support import ISSUER, Browser, make_provider


class SiteTests(SynchronousTestCase):
    """
    The OP over HTTP.
    """

    def setUp(self) -> None:
        """
        An OP and somebody who asks it.
        """
        self.clock = Clock()
        self.provider = make_provider(self.clock)
        self.browser = Browser(self, self.provider)

    def test_fault(self) -> None:
        """
        An endpoint misbehaves as it is told to, the others do not, and the request is remembered all the same.
        """
        self.provider.faults["jwks"] = Fault(status=503, body=b"down")
        seen = self.browser.get(f"{ISSUER}/jwks")
        self.assertEqual((seen.status, seen.body), (503, b"down"))
        self.assertEqual(len(self.provider.received_at("jwks")), 1)
        self.assertEqual(self.browser.get(f"{ISSUER}/.well-known/openid-configuration").status, 200)

    def test_fault_by_request(self) -> None:
        """
        A callable decides for each request; once the fault is gone, so is the misbehaviour.
        """

        def fails_twice(received: Received) -> Fault | None:
            return Fault() if len(self.provider.received_at(received.endpoint)) <= 2 else None

        self.provider.faults["jwks"] = fails_twice
        self.assertEqual([self.browser.get(f"{ISSUER}/jwks").status for _ in range(3)], [500, 500, 200])
        del self.provider.faults["jwks"]
        self.assertEqual(self.browser.get(f"{ISSUER}/jwks").status, 200)

    def test_silence(self) -> None:
        """
        An endpoint can be made never to answer.
        """
        self.provider.faults["jwks"] = Fault(silent=True)
        waiting = self.browser.treq.get(f"{ISSUER}/jwks")
        self.browser.treq.flush()
        self.assertNoResult(waiting)
        waiting.addErrback(lambda _: None)

    def test_broken(self) -> None:
        """
        A page that fails while it is waited for is heard of, and answered.
        """
        failing: Deferred[Answer] = Deferred()
        endpoint = replace(provider_site._ENDPOINTS["/style.css"], answer=lambda provider, received: failing)
        self.patch(provider_site, "_ENDPOINTS", {"/style.css": endpoint})
        waiting = self.browser.treq.get(f"{ISSUER}/style.css")
        self.browser.treq.flush()
        self.assertNoResult(waiting)
        failing.errback(ZeroDivisionError())
        self.browser.treq.flush()
        self.assertEqual(self.successResultOf(waiting).code, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_methods(self) -> None:
        """
        An endpoint answers the methods that it is for, and names them otherwise.
        """
        table = [
            ("POST", "/jwks", "GET"),
            ("HEAD", "/jwks", "GET"),
            ("GET", "/token", "POST"),
            ("GET", "/revoke", "POST"),
            ("GET", "/sign-in", "POST"),
            ("GET", "/sign-out", "POST"),
            ("DELETE", "/userinfo", "GET, POST"),
        ]
        for method, path, allowed in table:
            with self.subTest(method=method, path=path):
                seen = self.browser.send(method, ISSUER + path, None, {})
                self.assertEqual((seen.status, seen.headers["allow"]), (405, allowed))

    def test_unknown_path(self) -> None:
        """
        What is not there is not there.
        """
        self.assertEqual(self.browser.get(f"{ISSUER}/admin").status, 404)

    def test_other_host(self) -> None:
        """
        Under another name than its issuer's the OP does nothing.
        """
        seen = self.browser.get("http://evil.test:8002/")
        self.assertEqual(seen.status, 421)
        self.assertEqual(self.provider.requests, [])

    def test_forms(self) -> None:
        """
        A form that is too long, or of another type, is not read.
        """
        long = self.browser.post(f"{ISSUER}/token", {"grant_type": "x" * 70000})
        self.assertEqual(long.status, 413)
        many = self.browser.post(f"{ISSUER}/token", "a=b&" * 101, Content_Type="application/x-www-form-urlencoded")
        self.assertEqual(json.loads(many.body)["error"], "invalid_request")
        other = self.browser.post(f"{ISSUER}/token", "grant_type=x", Content_Type="text/plain")
        self.assertEqual(other.status, 401)
        self.assertEqual(self.provider.requests[-1].parameters, ())

    def test_nothing_is_logged(self) -> None:
        """
        No URL and no token gets into the log.
        """
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        site = UnloggedSite(provider_resource(self.provider), reactor=self.clock)
        site.doStart()
        self.addCleanup(site.doStop)
        protocol, transport = site.buildProtocol(None), StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(b"GET /end-session?state=hush HTTP/1.1\r\nHost: op.localhost:8002\r\n\r\n")
        self.assertIn(b"200 OK", transport.value())
        self.assertNotIn("hush", repr(events))
