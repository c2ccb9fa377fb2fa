"""
Tests of `pomerium_tx.proxy.incoming`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import EndOfMessage
from pomerium_tx.proxy.incoming import MOST_BYTES, PIECE, Incoming

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def targets(incoming: Incoming) -> list[bytes]:
    """
    Of all the heads that wait.
    """
    found = []
    while (event := incoming.next()) is not None:
        if isinstance(event, RequestHead):
            found.append(event.target)
    return found


class IncomingTests(SynchronousTestCase):
    """
    What has come and is not acted on yet.
    """

    def setUp(self) -> None:
        """
        Nothing has come.
        """
        self.incoming = Incoming(HeadLimits())

    def test_in_order(self) -> None:
        """
        Events come in the order of their bytes, whether those were wanted when they came or not.
        """
        for wanted in ((True, True, True), (False, False, False), (True, False, True), (False, True, False)):
            with self.subTest(wanted=wanted):
                for number, is_wanted in enumerate(wanted):
                    self.incoming.add(GET % number, is_wanted=is_wanted)
                self.assertEqual(targets(self.incoming), [b"/0", b"/1", b"/2"])
                self.assertTrue(self.incoming.is_empty)

    def test_whole(self) -> None:
        """
        A request is taken past the queue only where nothing stands in it, and nothing is lost where something does.
        """
        for is_wanted in (True, False):
            with self.subTest(is_wanted=is_wanted):
                self.assertFalse(self.incoming.has_begun)
                self.assertIsNotNone(self.incoming.whole(GET % 0))
                self.assertFalse(self.incoming.has_begun)
                self.incoming.add(GET % 1, is_wanted=is_wanted)
                self.assertTrue(self.incoming.has_begun)
                self.assertIsNone(self.incoming.whole(GET % 2))
                self.incoming.add(GET % 2, is_wanted=is_wanted)
                self.assertEqual(targets(self.incoming), [b"/1", b"/2"])
        self.incoming.add(b"GET", is_wanted=True)
        self.assertEqual((self.incoming.next(), self.incoming.has_begun), (None, True))
        self.assertIsNone(self.incoming.whole(GET % 3))

    def test_a_piece_at_a_time(self) -> None:
        """
        However much comes at once, no more becomes events than one piece holds; content comes through whole.
        """
        many = b"".join(GET % number for number in range(2_000))
        self.incoming.add(many, is_wanted=True)
        most = 0
        while self.incoming.next() is not None:
            most = max(most, len(self.incoming._events))
        self.assertLess(most, 2 * PIECE // len(GET))
        content = b"x" * (4 * PIECE)
        self.incoming.add(POST % len(content), is_wanted=True)
        self.assertIsInstance(self.incoming.next(), RequestHead)
        self.incoming.add(content, is_wanted=True)
        self.assertEqual((self.incoming.next(), self.incoming.next()), (content, EndOfMessage.END))

    def test_enough(self) -> None:
        """
        So many heads, or so many bytes, are enough, read or not.
        """
        self.incoming.add((GET % 0) * 3, is_wanted=True)
        self.assertEqual([self.incoming.is_enough(most) for most in (3, 4)], [True, False])
        self.incoming.add((GET % 0) * 2, is_wanted=False)
        self.assertEqual([self.incoming.is_enough(most) for most in (5, 6)], [True, False])
        self.incoming.clear()
        self.assertFalse(self.incoming.is_enough(1))
        self.incoming.add(b"x" * MOST_BYTES, is_wanted=False)
        self.assertFalse(self.incoming.is_enough(1))
        self.incoming.add(b"x", is_wanted=False)
        self.assertTrue(self.incoming.is_enough(1))

    def test_end(self) -> None:
        """
        The end of a request is taken where it is next, and nothing else is.
        """
        self.incoming.add(GET % 0, is_wanted=True)
        self.assertFalse(self.incoming.take_end())
        self.incoming.next()
        self.assertTrue(self.incoming.take_end())
        self.assertTrue(self.incoming.is_empty)
        self.assertFalse(self.incoming.take_end())

    def test_beginning_of_a_head(self) -> None:
        """
        The beginning of a head waits for the rest: nothing to act on, but not nothing.
        """
        whole = GET % 7
        self.incoming.add(whole[:10], is_wanted=True)
        self.assertEqual((self.incoming.next(), self.incoming.is_empty, self.incoming.mid_head), (None, True, True))
        self.incoming.add(whole[10:], is_wanted=True)
        self.assertEqual(targets(self.incoming), [b"/7"])
        self.assertFalse(self.incoming.mid_head)

    def test_raw(self) -> None:
        """
        After a head that asks for another protocol everything is taken as it came, and nothing is left.
        """
        handshake = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        self.incoming.add(handshake + b"abc", is_wanted=True)
        self.incoming.next()
        self.assertTrue(self.incoming.take_end())
        self.incoming.add(b"def", is_wanted=False)
        self.assertEqual(self.incoming.take_raw(), b"abcdef")
        self.assertEqual((self.incoming.take_raw(), self.incoming.is_empty), (b"", True))
