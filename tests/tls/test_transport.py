"""
Tests of `pomerium_tx.tls.transport`: what is said. How it ends is in `test_transport_ends`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any
from unittest.mock import patch

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx.eager import write_now
from pomerium_tx.tls.transport import READ, RECORD, EncryptedFactory
from tests.doubles.sockets import MUCH, hear, read_all
from tests.tls.peers import CONTEXTS, Speaker, TransportCase


class SpeakingTests(TransportCase):
    """
    What is said arrives, in order, and no sooner than it is asked for.
    """

    def test_interface(self) -> None:
        """
        It is a transport of TLS.
        """
        self.assertTrue(verifyObject(ISSLTransport, self.transport))
        self.assertIsNone(self.transport.getPeerCertificate())
        self.assertEqual(self.transport.getPeer().port, self.user_agent.socket.getsockname()[1])

    def test_request_and_answer(self) -> None:
        """
        Each end hears the other.
        """
        self.ends.send(b"GET / HTTP/1.1\r\n\r\n")
        self.until(lambda: self.speaker.came)
        self.assertEqual(self.speaker.came, [b"GET / HTTP/1.1\r\n\r\n"])
        self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(self.ends.take(27), b"HTTP/1.1 204 No Content\r\n\r\n")

    def test_at_once(self) -> None:
        """
        What is written now has left when the call returns, encrypted.
        """
        write_now(self.transport, b"hello")
        self.assertEqual(self.reactor.writing, set())
        self.assertNotIn(b"hello", hear(self.user_agent.socket, flags=socket.MSG_PEEK))
        self.assertEqual(self.ends.take(5), b"hello")

    def test_nothing(self) -> None:
        """
        No bytes are no bytes.
        """
        self.transport.write(b"")
        write_now(self.transport, b"")
        self.turns()
        self.assertEqual((self.user_agent.read(), self.user_agent.has_ended), (b"", False))

    def test_much_to_say(self) -> None:
        """
        Whoever does not read holds back the producer and nothing else; all that was written arrives in order, also
        what was added while the kernel was full.
        """
        content = os.urandom(MUCH)
        write_now(self.transport, content)
        self.turns()
        self.transport.registerProducer(self.speaker, True)
        for piece in (b"a", os.urandom(100_000), b"b" * 3):
            content += piece
            write_now(self.transport, piece)
            self.turns(1)
        self.assertTrue(self.ends.take(len(content)) == content)
        self.assertEqual(self.speaker.told, ["pause"] * 3 + ["resume"])
        self.assertEqual(self.reactor.writing, set())

    def test_full_with_a_short_record(self) -> None:
        """
        A record that the kernel had no room for is finished first, however much more there is to say by then.
        """
        content = b""
        while not self.reactor.writing:
            content += b"%01000d" % len(content)
            write_now(self.transport, content[-1000:])
        for size in (1, 20_000, 300_000):
            content += bytes([65 + size % 26]) * size
            self.transport.write(content[-size:])
        self.assertTrue(self.ends.take(len(content)) == content)

    def test_much_to_hear(self) -> None:
        """
        Long content comes complete, in large pieces, and no more of it at once than was agreed.
        """
        content = os.urandom(MUCH)
        self.ends.send(content)
        self.until(lambda: sum(map(len, self.speaker.came)) >= MUCH)
        self.assertTrue(b"".join(self.speaker.came) == content)
        self.assertLess(max(map(len, self.speaker.came)), READ + RECORD)
        self.assertGreater(max(map(len, self.speaker.came)), RECORD)

    def test_records_of_all_sizes(self) -> None:
        """
        Where the records end makes no difference.
        """
        content = b""
        for size in (1, RECORD, 4095, 4096, 4097, RECORD - 1, RECORD, 2, RECORD, RECORD, RECORD, RECORD, RECORD):
            content += bytes([size % 251]) * size
            self.ends.send(content[-size:])
        self.until(lambda: sum(map(len, self.speaker.came)) >= len(content))
        self.assertTrue(b"".join(self.speaker.came) == content)

    def test_paused(self) -> None:
        """
        Who has paused is told nothing more, and everything once it goes on, although nothing new arrives.
        """
        first_heard = self.speaker.dataReceived

        def pause(data: bytes) -> None:
            first_heard(data)
            self.transport.pauseProducing()

        self.patch(self.speaker, "dataReceived", pause)
        for word in (b"one", b"two", b"three"):
            self.user_agent.tls.send(word)
        for count in (1, 2, 3):
            self.until(lambda count=count: len(self.speaker.came) >= count)  # type: ignore[misc]
            self.turns()
            self.assertEqual(self.speaker.came, [b"one", b"two", b"three"][:count])
            self.transport.resumeProducing()


class SpeakingOfOldTests(SpeakingTests):
    """
    The same in TLS 1.2.
    """

    newest = SSL.TLS1_2_VERSION


class HandshakeTests(TransportCase):
    """
    Before anything can be said.
    """

    def setUp(self) -> None:
        self.connect()

    def test_speaker_is_connected_at_once(self) -> None:
        """
        Whoever limits the time that a connection has is there for the handshake.
        """
        self.assertIsNotNone(self.speaker.transport)
        self.assertIn(self.transport, self.reactor.reading)

    def test_spoken_early(self) -> None:
        """
        What was written before the handshake is sent after it, in order; the reactor has nothing to do for it until
        then, and nothing of it leaves.
        """
        for write in (self.transport.write, lambda data: write_now(self.transport, data)):
            write(b"early ")
            self.assertEqual(self.reactor.writing, set())
        self.turns()
        self.assertRaises(BlockingIOError, self.user_agent.socket.recv, 100)
        self.ends.shake_hands()
        self.assertEqual(self.ends.take(12), b"early early ")
        write_now(self.transport, b"later")
        self.assertEqual(self.ends.take(5), b"later")

    def test_in_pieces(self) -> None:
        """
        A handshake that comes byte by byte is none the worse.
        """
        memory = SSL.Connection(self.user_agent.tls.get_context())
        memory.set_connect_state()
        end = self.user_agent.socket

        def is_done() -> bool:
            if came := read_all(end):
                memory.bio_write(came)
            try:
                memory.do_handshake()
                memory.send(b"hello")
            except SSL.WantReadError:
                pass
            with contextlib.suppress(SSL.WantReadError):
                for byte in memory.bio_read(10_000):
                    end.send(bytes([byte]))
                    self.reactor.turn(patience=0.01)
            return self.speaker.came

        self.until(is_done)
        self.turns()
        self.assertEqual(b"".join(self.speaker.came), b"hello")

    def test_close(self) -> None:
        """
        Closing a connection that nothing was said on yet ends it, and waits for nobody.
        """
        for method in ("loseConnection", "loseWriteConnection", "abortConnection"):
            with self.subTest(method):
                self.connect()
                getattr(self.transport, method)()
                self.until_ended()
                self.assertIsInstance(self.speaker.ended, ConnectionAborted)
                self.assertEqual((self.reactor.reading, self.reactor.writing), (set(), set()))
                getattr(self.transport, method)()

    def test_not_tls(self) -> None:
        """
        Whoever does not speak TLS is told so, and is gone; the speaker has heard nothing.
        """
        self.user_agent.socket.send(b"GET / HTTP/1.1\r\n\r\n")
        self.until_ended()
        self.assertIsInstance(self.speaker.ended, SSL.Error)
        self.assertEqual(self.speaker.came, [])

    def test_gone(self) -> None:
        """
        One that ends in the middle is lost.
        """
        self.user_agent.socket.close()
        self.until_ended()
        self.assertIsInstance(self.speaker.ended, ConnectionLost)

    def test_full_kernel(self) -> None:
        """
        A handshake that the kernel has no room for goes on when it has.
        """
        with patch.object(SSL.Connection, "do_handshake", side_effect=SSL.WantWriteError):
            self.transport.doRead()
        self.assertEqual(self.reactor.writing, {self.transport})
        self.turns(2)
        self.assertEqual(self.reactor.writing, set())
        self.ends.shake_hands()


class OtherTransportTests(SynchronousTestCase):
    """
    What is no socket.
    """

    def test_memory(self) -> None:
        """
        It is Twisted's TLS that speaks there, the same certificates and all.
        """
        factory = EncryptedFactory(CONTEXTS, Factory.forProtocol(Speaker), Clock())
        protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        protocol.makeConnection(StringTransport())
        self.assertIsInstance(protocol, TLSMemoryBIOProtocol)
        self.assertIs(protocol.wrappedProtocol.transport, protocol)

    def test_too_many(self) -> None:
        """
        A connection that there is to be nobody for is nobody's: whoever accepted it closes it.
        """

        class Full(Factory):
            def buildProtocol(self, addr: object) -> None:
                pass

        self.assertIsNone(EncryptedFactory(CONTEXTS, Full(), Clock()).buildProtocol(None))
