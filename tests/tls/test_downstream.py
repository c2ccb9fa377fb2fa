"""
Tests for `pomerium_tx.tls.downstream`.
"""

from __future__ import annotations

import socket

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx.tls.certificates import UnusableCertificate
from pomerium_tx.tls.downstream import KEY_SECONDS, TICKET_SECONDS, DownstreamContexts
from pomerium_tx.tls.upstream import client_options
from tests.tls.authorities import Authority, altered
from tests.tls.handshakes import AnyClient, handshake
from tests.tls.resumption import Client, server_of


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

    def test_shortest_strong_cipher(self) -> None:
        """
        Of what a client can do it is AES-128 that is used, in each version, and nothing weaker is there to choose.
        """
        for newest, cipher in (
            (SSL.TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"),
            (SSL.TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ):
            with self.subTest(cipher):
                server = server_of(self.contexts)
                Client(newest).greet(server, b"app.example.com")
                self.assertEqual(server.get_cipher_name(), cipher)
        for cipher in server_of(self.contexts).get_cipher_list():
            self.assertRegex(cipher, "^TLS_|^ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM|CHACHA20-POLY1305)")

    def test_one_certificate(self) -> None:
        """
        Where there is only one it is shown to everybody, whatever name they ask for.
        """
        contexts = DownstreamContexts([self.authority.issue("app.example.com", common="only")])
        for name in (b"app.example.com", b"elsewhere.test", None):
            self.assertEqual(handshake(contexts, AnyClient(name)).shown, "only")

    def test_unusable(self) -> None:
        """
        No certificate, or a bad one among good ones, is refused.
        """
        certificate, key = self.authority.issue("a")
        odd, odd_key = self.authority.issue("a", common="abcd")
        refused = altered(odd, b"\x0c\x04abcd", b"\x04\x04abcd")
        for pairs in ([], [(certificate, key), (certificate, self.authority.issue("a")[1])], [(refused, odd_key)]):
            with self.subTest(count=len(pairs)):
                self.assertRaises(UnusableCertificate, DownstreamContexts, pairs)
                self.assertRaises(UnusableCertificate, self.contexts.replace, pairs)
                self.assertEqual(handshake(self.contexts, AnyClient(b"app.example.com")).shown, "exact")

    def test_replaced(self) -> None:
        """
        A replaced certificate is shown to nobody any more, also not in a handshake that is under way.
        """
        under_way = server_of(self.contexts)
        self.contexts.replace(
            [self.authority.issue("a.test", common="new"), self.authority.issue("app.example.com", common="newer")]
        )
        self.assertEqual(self.contexts.names(), {"a.test", "app.example.com"})
        for server in (under_way, server_of(self.contexts)):
            self.assertEqual(Client(SSL.TLS1_3_VERSION).greet(server, b"app.example.com").shown, "newer")


class ResumptionTests(SynchronousTestCase):
    """
    Who comes again need not begin again.
    """

    def setUp(self) -> None:
        authority = Authority("root")
        self.pairs = [authority.issue("a.test", common="a"), authority.issue("b.test", common="b")]
        self.contexts = DownstreamContexts(self.pairs)
        self.clients = [Client(SSL.TLS1_3_VERSION), Client(SSL.TLS1_2_VERSION)]

    def accepted(self, now: float) -> SSL.Connection:
        """
        A connection that was accepted at a time, over memory after all.
        """
        end, other = socket.socketpair()
        self.addCleanup(end.close)
        self.addCleanup(other.close)
        self.contexts.connection(end, now)
        return server_of(self.contexts)

    def test_again(self) -> None:
        """
        A session is resumed in each version, whether its certificate is the first one or another.
        """
        for client in self.clients:
            for name in (b"a.test", b"b.test"):
                with self.subTest(name):
                    first = client.greet(server_of(self.contexts), name)
                    again = client.greet(server_of(self.contexts), name, first)
                    self.assertEqual((first.is_resumed, again.is_resumed), (False, True))

    def test_no_early_data(self) -> None:
        """
        Nobody is invited to say anything before the handshake is over: it could be said twice.
        """
        for client in self.clients:
            first = client.greet(server_of(self.contexts), b"a.test")
            self.assertEqual(
                (first.early_data, client.greet(server_of(self.contexts), b"a.test", first).early_data), (0, 0)
            )

    def test_replaced(self) -> None:
        """
        No session that was begun under certificates of before is resumed, even if they are the same.
        """
        for client in self.clients:
            earlier = client.greet(server_of(self.contexts), b"b.test")
            self.contexts.replace(self.pairs)
            self.assertFalse(client.greet(server_of(self.contexts), b"b.test", earlier).is_resumed)

    def test_of_another_process(self) -> None:
        """
        A ticket that cannot be read means a whole handshake, not a failure.
        """
        for client in self.clients:
            elsewhere = client.greet(server_of(DownstreamContexts(self.pairs)), b"a.test")
            again = client.greet(server_of(self.contexts), b"a.test", elsewhere)
            self.assertEqual((again.is_resumed, again.shown), (False, "a"))

    def test_keys_do_not_last(self) -> None:
        """
        After a time tickets are made with new keys, and those of before are worth nothing; not before that time.
        """
        for client in self.clients:
            for name, shown in ((b"a.test", "a"), (b"b.test", "b")):
                self.contexts.replace(self.pairs)
                earlier = client.greet(self.accepted(1_000.0), name)
                for now, is_resumed in (
                    (999.0 + KEY_SECONDS, True),
                    (1_000.0 + KEY_SECONDS, False),
                    (1_001.0 + KEY_SECONDS, True),
                    (999.0 + 2 * KEY_SECONDS, True),
                    (1_000.0 + 2 * KEY_SECONDS, False),
                ):
                    with self.subTest(name=name, now=now):
                        earlier = client.greet(self.accepted(now), name, earlier)
                        self.assertEqual((earlier.is_resumed, earlier.shown), (is_resumed, shown))

    def test_nothing_is_kept(self) -> None:
        """
        What a session needs is in its ticket, not in our memory: whoever has a hold of no ticket resumes nothing.
        """
        context = self.accepted(0.0).get_context()
        self.assertEqual(context.get_session_cache_mode(), SSL.SESS_CACHE_OFF)
        self.assertEqual(context.get_timeout(), TICKET_SECONDS)
