"""
Tests for `pomerium_tx.tls.downstream`.
"""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx.tls.certificates import UnusableCertificate
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.upstream import client_options
from tests.tls.authorities import Authority
from tests.tls.handshakes import AnyClient, handshake


class DownstreamContextsTests(SynchronousTestCase):
    """
    A user agent is shown the certificate for the name that it asked for.
    """

    def setUp(self) -> None:
        self.authority = Authority("root")
        self.contexts = DownstreamContexts(
            [
                self.authority.issue("first.example.com", common="first"),
                self.authority.issue("*.example.com", common="wild"),
                self.authority.issue("app.example.com", "B.test", common="exact"),
                self.authority.issue("app.example.com", common="too late"),
            ]
        )

    def test_interface(self) -> None:
        """
        Twisted can make server connections with it.
        """
        self.assertTrue(verifyObject(IOpenSSLServerConnectionCreator, self.contexts))

    def test_selection(self) -> None:
        """
        The exact name wins, then the wildcard for one label, then the first certificate.
        """
        for name, shown in [
            (b"app.example.com", "exact"),
            (b"APP.Example.com", "exact"),
            (b"b.test", "exact"),
            (b"other.example.com", "wild"),
            (b"first.example.com", "first"),
            (b"a.b.example.com", "first"),
            (b"example.com", "first"),
            (b"elsewhere.test", "first"),
            (None, "first"),
        ]:
            with self.subTest(name=name):
                outcome = handshake(self.contexts, AnyClient(name))
                self.assertEqual((outcome.shown, outcome.succeeded), (shown, True))

    def test_names(self) -> None:
        """
        It tells which names there is a certificate for.
        """
        self.assertEqual(self.contexts.names(), {"first.example.com", "*.example.com", "app.example.com", "b.test"})

    def test_only_http_1_1(self) -> None:
        """
        HTTP/1.1 is agreed where it is offered; nothing else ever is, whichever certificate is shown.
        """
        for name in (None, b"app.example.com"):
            for offers, agreed in [([b"h2", b"http/1.1"], b"http/1.1"), ([b"h2"], b""), (None, b"")]:
                with self.subTest(name=name, offers=offers):
                    outcome = handshake(self.contexts, AnyClient(name, offers))
                    self.assertEqual((outcome.protocol, outcome.succeeded), (agreed, True))

    def test_old_versions(self) -> None:
        """
        Nothing older than TLS 1.2 is spoken.
        """
        for newest, expected in [(SSL.TLS1_1_VERSION, False), (SSL.TLS1_2_VERSION, True), (SSL.TLS1_3_VERSION, True)]:
            with self.subTest(newest=newest):
                self.assertEqual(handshake(self.contexts, AnyClient(newest=newest)).succeeded, expected)

    def test_chain_is_sent(self) -> None:
        """
        A client that knows only the root believes a certificate with an authority between.
        """
        middle = Authority("middle", self.authority)
        certificate, key = middle.issue("app.example.com")
        client = client_options(
            "app.example.com", ca_pem=self.authority.pem, skip_verify=False, client_certificate=None
        )
        self.assertTrue(handshake(DownstreamContexts([(certificate + middle.pem, key)]), client).succeeded)
        self.assertFalse(handshake(DownstreamContexts([(certificate, key)]), client).succeeded)

    def test_unusable(self) -> None:
        """
        No certificate, or a bad one among good ones, is refused.
        """
        certificate, key = self.authority.issue("a")
        for pairs in ([], [(certificate, key), (certificate, self.authority.issue("a")[1])]):
            with self.subTest(count=len(pairs)):
                self.assertRaises(UnusableCertificate, DownstreamContexts, pairs)
