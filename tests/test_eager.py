"""
Tests of `pomerium_tx.eager`: they also pin what it knows of Twisted beyond the public interfaces.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.eager import write_now
from tests.doubles.sockets import MUCH, ByHand, RealConnection, hear, read_all, reset, tcp_pair


class Remembering(Protocol):
    """
    Remembers what came and how it ended.
    """

    def __init__(self) -> None:
        self.came = b""
        self.ended: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None and self.ended is None
        self.ended = reason.value


class Flow:
    """
    A producer that remembers what it was told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class WriteNowTests(SynchronousTestCase):
    """
    Writing to Twisted's TCP transport on a real socket.
    """

    def setUp(self) -> None:
        self.ours, self.theirs = tcp_pair()
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        self.reactor = ByHand()
        self.protocol = Remembering()
        self.transport: Any = RealConnection(self.ours, self.protocol, self.reactor)

    def has_ended(self) -> bool:
        """
        Whether the protocol was told of the end.
        """
        return self.protocol.ended is not None

    def take(self, size: int) -> bytes:
        """
        What the peer reads, of which there will be *size* bytes.
        """
        came = bytearray()

        def is_there() -> bool:
            came.extend(read_all(self.theirs))
            return len(came) >= size

        self.reactor.until(is_there)
        return bytes(came)

    def test_at_once(self) -> None:
        """
        What the kernel takes has left when the call returns, and the reactor has nothing to do.
        """
        write_now(self.transport, b"hello")
        self.assertEqual(self.reactor.writing, set())
        self.assertEqual(hear(self.theirs), b"hello")

    def test_nothing(self) -> None:
        """
        No bytes are no bytes.
        """
        write_now(self.transport, b"")
        self.reactor.turn()
        self.assertEqual(read_all(self.theirs), b"")
        self.assertIsNone(self.protocol.ended)

    def test_order(self) -> None:
        """
        What was written before is sent before, whether it waits in one piece, in several, or has been sent in part.
        """
        self.transport.write(b"the usual way ")
        write_now(self.transport, b"and ours ")
        write_now(self.transport, b"x" * MUCH)
        self.reactor.turn()
        came = hear(self.theirs)
        self.assertTrue(came, "there is room again")
        write_now(self.transport, b"end")
        came += self.take(MUCH + 26 - len(came))
        self.assertTrue(came == b"the usual way and ours " + b"x" * MUCH + b"end")

    def test_full_kernel(self) -> None:
        """
        What the kernel does not take is kept, pauses a producer, and goes by and by.
        """
        flow = Flow()
        self.transport.registerProducer(flow, True)
        write_now(self.transport, b"x" * MUCH)
        self.assertEqual(flow.told, ["pause"])
        self.assertEqual(len(self.take(MUCH)), MUCH)
        self.assertEqual(flow.told, ["pause", "resume"])

    def test_no_room_in_the_kernel_at_all(self) -> None:
        """
        A kernel that takes nothing now is asked again when it says so.
        """
        for problem in (BlockingIOError(11, "again"), OSError(105, "no buffers")):
            with self.subTest(problem):
                with patch.object(self.transport, "socket") as full:
                    full.send.side_effect = problem
                    write_now(self.transport, b"hello")
                self.assertEqual(self.take(5), b"hello")
        self.theirs.close()
        self.reactor.until(self.has_ended)
        self.assertIsInstance(self.protocol.ended, ConnectionDone)

    def test_pull_producer(self) -> None:
        """
        Who produces when asked is asked again after each piece.
        """
        transport = self.transport

        class Pieces(Flow):
            left = 3

            def resumeProducing(self) -> None:
                self.left -= 1
                write_now(transport, b"piece ")
                if not self.left:
                    transport.unregisterProducer()

        transport.registerProducer(Pieces(), False)
        self.assertEqual(self.take(18), b"piece piece piece ")

    def test_while_closing(self) -> None:
        """
        What is written after a close was asked for and before it is done is sent, as by ``write``.
        """
        for method in ("loseConnection", "loseWriteConnection"):
            with self.subTest(method):
                self.setUp()
                getattr(self.transport, method)()
                write_now(self.transport, b"last")
                self.reactor.turn()
                self.assertEqual(hear(self.theirs), b"last")
                self.assertEqual(hear(self.theirs), b"")

    def test_our_direction_is_closed(self) -> None:
        """
        After the half-close nothing is sent, and nothing breaks.
        """
        self.transport.loseWriteConnection()
        self.reactor.turn()
        write_now(self.transport, b"late")
        self.reactor.turn()
        self.assertEqual(hear(self.theirs), b"")
        self.assertIsNone(self.protocol.ended)
        self.theirs.close()
        self.reactor.until(self.has_ended)
        self.assertIsInstance(self.protocol.ended, ConnectionDone)

    def test_aborted(self) -> None:
        """
        From the abort on not one byte leaves.
        """
        self.transport.abortConnection()
        write_now(self.transport, b"secret")
        self.reactor.turn()
        self.assertIsInstance(self.protocol.ended, ConnectionAborted)
        self.assertRaises(ConnectionResetError, hear, self.theirs)

    def test_lost(self) -> None:
        """
        A lost transport takes nothing and complains of nothing.
        """
        self.theirs.close()
        self.reactor.until(self.has_ended)
        self.assertIsInstance(self.protocol.ended, ConnectionDone)
        write_now(self.transport, b"late")

    def test_reset(self) -> None:
        """
        A peer that is gone shows in ``connectionLost``, from the reactor, and as a loss: never as an orderly end.
        """
        reset(self.theirs)
        write_now(self.transport, b"hello")
        self.assertIsNone(self.protocol.ended)
        self.reactor.until(self.has_ended)
        self.assertIsInstance(self.protocol.ended, ConnectionLost)

    def test_reset_behind_an_answer(self) -> None:
        """
        What a peer had sent before it went is still read.
        """
        self.theirs.send(b"413 Content Too Large")
        reset(self.theirs)
        write_now(self.transport, b"more content")
        self.reactor.until(self.has_ended)
        self.assertEqual(self.protocol.came, b"413 Content Too Large")
        self.assertIsInstance(self.protocol.ended, ConnectionLost)

    def test_reset_while_reading_is_paused(self) -> None:
        """
        It shows also to whom reads nothing at the time.
        """
        self.transport.pauseProducing()
        reset(self.theirs)
        write_now(self.transport, b"hello")
        self.reactor.until(self.has_ended)
        self.assertIsInstance(self.protocol.ended, ConnectionLost)

    def test_inside_tls(self) -> None:
        """
        A transport that has become TLS is given clear text to encrypt, never to send.
        """
        encrypted = []
        self.transport.TLS = True
        self.protocol.write = encrypted.append  # type: ignore[attr-defined]
        write_now(self.transport, b"clear")
        self.assertEqual(encrypted, [b"clear"])
        self.assertEqual(read_all(self.theirs), b"")


class OtherTransportTests(SynchronousTestCase):
    """
    Transports that are no sockets.
    """

    def test_write(self) -> None:
        """
        They are written to.
        """
        transport = StringTransport()
        write_now(transport, b"hello")
        self.assertEqual(transport.value(), b"hello")
