"""
Tests for `pomerium_tx.workers.link`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.workers.link import PIECE, Link


class LinkTests(SynchronousTestCase):
    """
    A stream of messages.
    """

    def setUp(self) -> None:
        self.heard: list[Any] = []
        self.lost = 0
        self.here, self.transport = self.link()

    def link(self) -> tuple[Link, StringTransport]:
        """
        A connected link.
        """
        link, transport = Link(self.heard.append, self.count), StringTransport()
        link.makeConnection(transport)
        return link, transport

    def count(self) -> None:
        """
        A link is broken.
        """
        self.lost += 1

    def test_in_order_wherever_it_is_split(self) -> None:
        """
        Messages arrive whole and in order, whatever pieces the bytes come in.
        """
        sent = [("a", 1), {"b": [2]}, None, "c" * 300]
        for message in sent:
            self.here.send(message)
        content = self.transport.value()
        for step in (1, 2, 3, 7, len(content)):
            with self.subTest(step=step):
                self.heard.clear()
                other, _ = self.link()
                for start in range(0, len(content), step):
                    other.dataReceived(content[start : start + step])  # type: ignore[no-untyped-call] # Twisted's own
                self.assertEqual(self.heard, sent)

    def test_long_ones(self) -> None:
        """
        What is longer than a piece arrives as one message, and no frame is longer than a piece.
        """
        for length in (PIECE - 100, PIECE, PIECE + 1, 3 * PIECE + 17):
            with self.subTest(length=length):
                self.heard.clear()
                self.transport.clear()
                size = self.here.send(b"x" * length)
                self.assertGreater(size, length)
                other, _ = self.link()
                other.dataReceived(self.transport.value())  # type: ignore[no-untyped-call] # Twisted's own
                self.assertEqual(self.heard, [b"x" * length])

    def test_broken(self) -> None:
        """
        A broken link says so once, sends nothing and has heard nothing more.
        """
        self.here.send("heard by nobody")
        half = self.transport.value()[:-1]
        self.here.dataReceived(half)  # type: ignore[no-untyped-call] # Twisted's own
        self.transport.clear()
        self.here.connectionLost(Failure(ConnectionLost()))  # type: ignore[no-untyped-call] # Twisted's own
        self.here.send("a message")
        self.assertEqual((self.lost, self.heard, self.transport.value()), (1, [], b""))

    def test_broken_in_the_middle(self) -> None:
        """
        What came together with the message that broke the link is not heard any more.
        """
        for number in (1, 2):
            self.here.send(number)
        content = self.transport.value()
        other = Link(lambda message: self.heard.append(message) or other.connectionLost(), self.count)  # type: ignore[func-returns-value]
        other.makeConnection(StringTransport())
        other.dataReceived(content)  # type: ignore[no-untyped-call] # Twisted's own
        self.assertEqual((self.heard, self.lost), ([1], 1))

    def test_nonsense(self) -> None:
        """
        A frame that is longer than any can be ends the link.
        """
        self.here.dataReceived(b"\xff\xff\xff\xff")  # type: ignore[no-untyped-call] # Twisted's own
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.heard, [])
