"""
Tests of `pomerium_tx.tls.transport`: what a user agent shows, and how one that is not spoken with is told.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, globalLogPublisher
from zope.interface import implementer

from pomerium_tx.tls.client_authorities import ClientAuthorities
from pomerium_tx.tls.client_certificate import Shown
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.transport import UNHEARD, EncryptedFactory
from tests.doubles.sockets import ByHand, hear, tcp_pair
from tests.tls.authorities import Authority
from tests.tls.clients import Identity, Presenter, authority, identity
from tests.tls.peers import Ends, Speaker, TransportCase


@implementer(IHandshakeListener)
class Listener(Speaker):
    """
    Asks what was shown, as soon as there is an answer.
    """

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Shown | None] = []

    def handshakeCompleted(self) -> None:
        self.shown.append(self.transport.shown())


class CertificateCase(TransportCase):
    """
    A connection over the loopback, on which certificates are asked for.
    """

    def setUp(self) -> None:
        self.root = authority("root")
        self.alice = identity("alice", self.root)
        self.pairs = [Authority("ours").issue("app.example.com")]
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def open(self, who: Identity | None, newest: int = SSL.TLS1_3_VERSION, *, rejects: bool = False) -> Listener:
        """
        A connection of *who*'s, before its handshake.
        """
        ours, theirs = tcp_pair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.reactor = ByHand()
        self.reactor.advance(time.time())
        self.contexts = DownstreamContexts(self.pairs, ClientAuthorities(ca_pem=self.root.pem, rejects=rejects))
        listener = Listener()
        self.ends = Ends(self.contexts, listener, Presenter(who, newest).context, (ours, theirs), self.reactor)
        self.transport, self.user_agent = self.ends.transport, self.ends.user_agent
        return listener


class ShownTests(CertificateCase):
    """
    What is known of a user agent.
    """

    def test_told_once(self) -> None:
        """
        Whoever speaks is told when there is something to know, and before the first byte.
        """
        for who in (self.alice, None):
            listener = self.open(who)
            self.assertIsNone(self.transport.shown())
            self.ends.shake_hands()
            self.ends.send(b"word")
            self.until(partial(getattr, listener, "came"))
            (shown,) = listener.shown
            assert shown is not None
            self.assertEqual(shown.certificate is not None and shown.certificate.is_trusted, who is not None)

    def test_not_asked(self) -> None:
        """
        Where nobody is asked there is nothing to know, and nobody is told; what is asked for later is judged then.
        """
        listener = self.open(None)
        authorities = self.contexts.authorities
        self.contexts.replace(self.pairs)
        self.ends.shake_hands()
        self.assertEqual((listener.shown, self.transport.shown()), ([], None))
        self.contexts.replace(self.pairs, authorities)
        self.assertEqual(self.transport.shown(), Shown(certificate=None, is_welcome=True))

    def test_not_on_a_socket(self) -> None:
        """
        The same is known over any other transport.
        """
        self.open(None)
        factory = EncryptedFactory(self.contexts, Factory.forProtocol(Listener), Clock())
        protocol: Any = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        self.assertEqual(protocol.shown(), Shown(certificate=None, is_welcome=True))
        self.contexts.replace(self.pairs)
        self.assertIsNone(protocol.shown())


class RefusedTests(CertificateCase):
    """
    A user agent that is not spoken with.
    """

    def refused(self, who: Identity | None, newest: int) -> str:
        """
        What it hears, after it has asked something already.
        """
        listener = self.open(who, newest, rejects=True)
        heard = []

        def is_told() -> bool:
            try:
                self.user_agent.tls.do_handshake()
                self.user_agent.tls.send(b"GET / HTTP/1.1\r\n\r\n")
                self.user_agent.tls.recv(1)
            except SSL.WantReadError:
                return False
            except SSL.Error as problem:
                heard.append(str(problem))
            return bool(heard)

        self.until(is_told)
        # That there will be no more, so that it can leave.
        self.assertEqual(hear(self.user_agent.socket), b"")
        self.user_agent.socket.close()
        self.until(lambda: listener.ended)
        self.assertEqual((listener.shown, listener.came), ([], []))
        return heard[0]

    def test_told_why(self) -> None:
        """
        It hears the reason in each version, though it has asked already; nothing of that is read, and the log says who
        it was.
        """
        for newest, none in ((SSL.TLS1_3_VERSION, "certificate required"), (SSL.TLS1_2_VERSION, "handshake failure")):
            for who, words in ((None, none), (identity("x", authority("stranger")), "unknown ca")):
                with self.subTest(newest=newest, words=words):
                    self.assertIn(words, self.refused(who, newest))
        told = [event for event in self.events if "refused for its certificate" in event.get("log_format", "")]
        self.assertEqual(
            [(event["ip"], event["server_name"]) for event in told], [("127.0.0.1", "app.example.com")] * 4
        )

    def test_heard_out(self) -> None:
        """
        What it says after that is not listened to for ever.
        """
        listener = self.open(None, rejects=True)

        def is_over() -> bool:
            try:
                self.user_agent.tls.do_handshake()
                self.user_agent.tls.send(b"x" * 16_384)
            except SSL.WantReadError:
                return False
            except SSL.Error:
                pass
            return listener.ended is not None

        self.until(is_over)
        self.assertLessEqual(self.transport._unheard, 0)
        self.assertGreater(self.transport._unheard, -2 * UNHEARD)

    def test_let_go(self) -> None:
        """
        Whoever speaks can leave such a connection, as any that has not shaken hands.
        """
        listener = self.open(None, rejects=True)

        def is_refused() -> bool:
            try:
                self.user_agent.tls.do_handshake()
            except SSL.WantReadError:
                pass
            return self.transport._refusal is not None

        self.until(is_refused)
        self.transport.loseConnection()
        self.until(lambda: listener.ended)
