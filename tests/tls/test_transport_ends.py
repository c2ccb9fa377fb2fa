"""
Tests of `pomerium_tx.tls.transport`: how a connection ends.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from unittest.mock import patch

from OpenSSL import SSL
from OpenSSL._util import lib
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from pomerium_tx.eager import write_now
from pomerium_tx.tls import transport
from tests.doubles.sockets import MUCH, hear, reset
from tests.tls.peers import Ends, PatientSpeaker, Speaker, TransportCase


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

    def test_failures_are_ones_own(self) -> None:
        """
        Whatever happens to one connection, another one that has nothing to read has nothing to read.
        """
        forged = b"\x17\x03\x03\x00\x20" + bytes(32)

        def gone_before(act: str) -> Callable[[Ends], None]:
            def happen(ends: Ends) -> None:
                ends.transport.pauseProducing()
                reset(ends.user_agent.socket)
                if act == "write":
                    write_now(ends.transport, b"x" * 100_000)
                else:
                    getattr(ends.transport, act)()

            return happen

        def forge(ends: Ends) -> None:
            ends.user_agent.socket.send(forged)
            reset(ends.user_agent.socket)

        happenings: list[Callable[[Ends], None]] = [
            lambda ends: reset(ends.user_agent.socket),
            lambda ends: ends.user_agent.socket.close(),
            forge,
            *(gone_before(act) for act in ("write", "loseConnection", "loseWriteConnection")),
        ]
        ours, other = self.ends, self.transport
        for number, happen in enumerate(happenings):
            with self.subTest(number=number):
                self.connect()
                self.ends.shake_hands()
                happen(self.ends)
                self.turns()
                # Older versions of OpenSSL judge every connection by this.
                self.assertEqual(lib.ERR_peek_error(), 0)
                self.assertIsNone(other.doRead())
                self.assertEqual(other.writeSomeData(b"still here"), 10)
                self.assertEqual(ours.take(10), b"still here")

    def test_lost(self) -> None:
        """
        After the end OpenSSL has no hold of the socket, whose number may be another's by then, and nothing breaks.
        """
        theirs = self.user_agent.socket
        theirs.shutdown(socket.SHUT_RDWR)
        self.until_ended()
        self.assertEqual({"_tls", "_ssl"} & vars(self.transport).keys(), set())
        with patch.object(transport, "lib") as asked:
            for method in ("write", "loseConnection", "loseWriteConnection", "abortConnection"):
                getattr(self.transport, method)(*([b"late"] if method == "write" else []))
            write_now(self.transport, b"late")
            self.turns()
            self.assertEqual(asked.mock_calls, [])
