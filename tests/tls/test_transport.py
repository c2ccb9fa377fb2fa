"""
Tests of `pomerium_tx.tls.transport`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, ISSLTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pomerium_tx.eager import write_now
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.transport import READ, RECORD, EncryptedFactory
from tests.doubles.sockets import MUCH, ByHand, hear, read_all, reset, tcp_pair
from tests.tls.authorities import Authority
from tests.tls.peers import Ends

CONTEXTS = DownstreamContexts([Authority("A test authority").issue("app.example.com")])


class Speaker(Protocol):
    """
    Remembers what it was told; a producer, too.
    """

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.ended: BaseException | None = None
        self.told: list[str] = []

    def dataReceived(self, data: bytes) -> None:
        self.came.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None and self.ended is None
        self.ended = reason.value

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


@implementer(IHalfCloseableProtocol)
class PatientSpeaker(Speaker):
    """
    One that goes on when the other end has nothing more to say.
    """

    def readConnectionLost(self) -> None:
        self.told.append("no more to read")

    def writeConnectionLost(self) -> None:
        self.told.append("no more to write")


class TransportCase(SynchronousTestCase):
    """
    A connection over the loopback.
    """

    newest = SSL.TLS1_3_VERSION

    def connect(self, speaker: Speaker | None = None) -> None:
        """
        A connection, before its handshake.
        """
        ours, theirs = tcp_pair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.reactor = ByHand()
        self.speaker = speaker or Speaker()
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(self.newest)
        self.ends = Ends(CONTEXTS, self.speaker, context, (ours, theirs), self.reactor)
        self.transport = self.ends.transport
        self.user_agent = self.ends.user_agent

    def setUp(self) -> None:
        self.connect()
        self.ends.shake_hands()

    def until(self, is_done: Callable[[], object]) -> None:
        """
        Turn until *is_done*.
        """
        self.reactor.until(is_done)

    def until_ended(self) -> None:
        """
        Turn until our speaker was told of the end.
        """
        self.reactor.until(lambda: self.speaker.ended)

    def assert_reset(self) -> None:
        """
        The user agent hears nothing, neither a word nor an end.
        """
        problem = self.assertRaises(SSL.SysCallError, self.ends.take, 1)
        self.assertEqual(problem.args[0], errno.ECONNRESET)
        self.assertFalse(self.user_agent.has_ended)

    def turns(self, count: int = 5) -> None:
        """
        Some turns of the reactor.
        """
        for _ in range(count):
            self.reactor.turn()


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


class ClosingTests(TransportCase):
    """
    The end of a connection is told from its being cut off.
    """

    def test_close(self) -> None:
        """
        After the last byte the peer is told that it was the last.
        """
        content = os.urandom(MUCH)
        write_now(self.transport, content)
        self.transport.loseConnection()
        self.assertTrue(self.ends.take(MUCH + 1) == content)
        self.assertTrue(self.user_agent.has_ended)
        self.until_ended()
        self.assertIsInstance(self.speaker.ended, ConnectionDone)

    def test_half_close(self) -> None:
        """
        When our direction is closed the peer is told, by TLS and by TCP, and can still speak.
        """
        self.connect(PatientSpeaker())
        self.ends.shake_hands()
        write_now(self.transport, b"all")
        self.transport.loseWriteConnection()
        self.assertEqual(self.ends.take(100), b"all")
        self.assertEqual(hear(self.user_agent.socket), b"")
        self.ends.send(b"and you")
        self.until(lambda: self.speaker.came)
        self.assertEqual((self.speaker.came, self.speaker.told), ([b"and you"], ["no more to write"]))
        write_now(self.transport, b"too late")
        self.transport.loseConnection()
        self.assertIsInstance(self.speaker.ended, ConnectionDone)

    def test_goodbye_waits_for_room(self) -> None:
        """
        Where the kernel has no room for it, the end is told once there is some.
        """
        for methods in (["loseConnection"], ["loseWriteConnection"], ["loseWriteConnection", "loseConnection"]):
            with self.subTest(methods):
                self.connect()
                self.ends.shake_hands()
                with patch.object(self.transport._tls, "shutdown", side_effect=SSL.WantWriteError):
                    for method in methods:
                        getattr(self.transport, method)()
                        self.turns(3)
                self.assertIsNone(self.speaker.ended)
                self.ends.take(1)
                self.assertTrue(self.user_agent.has_ended)

    def test_peer_closes(self) -> None:
        """
        A peer that says that it has ended has; one that is patient is told so and can still be spoken to.
        """
        for speaker, told in ((Speaker(), []), (PatientSpeaker(), ["no more to read"])):
            with self.subTest(type(speaker).__name__):
                self.connect(speaker)
                self.ends.shake_hands()
                self.user_agent.tls.send(b"last words")
                self.user_agent.tls.shutdown()
                self.until(lambda speaker=speaker: speaker.told or speaker.ended)
                self.assertEqual((speaker.came, speaker.told), ([b"last words"], told))
                self.assertEqual(isinstance(speaker.ended, ConnectionDone), not told)
                if told:
                    write_now(self.transport, b"answer")
                    self.transport.loseConnection()
                    self.until_ended()
                    self.assertEqual(self.user_agent.read(), b"answer")
                    self.assertIsInstance(speaker.ended, ConnectionDone)

    def test_cut_off(self) -> None:
        """
        The end of TCP alone is no end in order: somebody may have made it.
        """
        for end in (lambda: self.user_agent.socket.shutdown(socket.SHUT_WR), lambda: reset(self.user_agent.socket)):
            self.connect(PatientSpeaker())
            self.ends.shake_hands()
            end()
            self.until_ended()
            self.assertIsInstance(self.speaker.ended, ConnectionLost)
            self.assertEqual(self.speaker.told, [])

    def test_cut_off_while_writing(self) -> None:
        """
        A peer that is gone shows in ``connectionLost``, never in an exception where something is written.
        """
        for write in (write_now, lambda transport, data: transport.write(data)):
            self.connect()
            self.ends.shake_hands()
            self.transport.pauseProducing()
            reset(self.user_agent.socket)
            write(self.transport, b"hello")
            self.assertIsNone(self.speaker.ended)
            self.until_ended()
            self.assertIsInstance(self.speaker.ended, ConnectionLost)

    def test_abort(self) -> None:
        """
        Whoever is cut off is never told an end: nothing more leaves, and the connection is reset.
        """
        self.transport.write(b"not yet sent")
        self.transport.abortConnection()
        write_now(self.transport, b"secret")
        self.until_ended()
        self.assertIsInstance(self.speaker.ended, ConnectionAborted)
        self.assert_reset()

    def test_abort_at_the_last_words(self) -> None:
        """
        That holds, too, where the peer's own end has just been read.
        """
        self.patch(self.speaker, "dataReceived", lambda data: self.transport.abortConnection())
        self.user_agent.tls.send(b"last words" * 500)
        self.user_agent.tls.shutdown()
        self.until_ended()
        self.assertIsInstance(self.speaker.ended, ConnectionAborted)
        self.assert_reset()

    def test_forged(self) -> None:
        """
        A record that was changed on the way ends the connection, and nothing of it is heard.
        """
        memory = bytearray(b"\x17\x03\x03\x00\x20" + os.urandom(32))
        self.user_agent.socket.send(memory)
        self.until_ended()
        self.assertIsInstance(self.speaker.ended, SSL.Error)
        self.assertEqual(self.speaker.came, [])

    def test_lost(self) -> None:
        """
        After the end OpenSSL has no hold of the socket, whose number may be another's by then, and nothing breaks.
        """
        connection = self.transport._tls
        theirs = self.user_agent.socket
        theirs.shutdown(socket.SHUT_RDWR)
        self.until_ended()
        self.assertNotIn("_tls", vars(self.transport))
        with patch.object(connection, "send") as send:
            for method in ("write", "loseConnection", "loseWriteConnection", "abortConnection"):
                getattr(self.transport, method)(*([b"late"] if method == "write" else []))
            write_now(self.transport, b"late")
            self.turns()
            send.assert_not_called()


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
