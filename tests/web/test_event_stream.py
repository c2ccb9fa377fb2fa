"""
Tests for `pomerium_tx.web.event_stream`.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx.web.event_stream import EventStream


class RecordingReader:
    """
    Records what it is sent.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.producer: object = None
        self.finished = 0

    def write(self, content: bytes) -> None:
        assert not self.finished, "Something was sent after the end."
        self.received.append(content)

    def finish(self) -> None:
        assert self.producer is None, "The end was sent, but not all that goes before."
        self.finished += 1

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None


class EventStreamTests(SynchronousTestCase):
    """
    Tests for `EventStream`.
    """

    def setUp(self) -> None:
        self.over: list[EventStream] = []
        self.stream = EventStream(self.over.append)
        self.reader = RecordingReader()

    def test_format(self) -> None:
        """
        Events and comments are blocks with an empty line behind.
        """
        self.stream.start(self.reader)
        self.stream.comment("listening")
        self.stream.comment()
        self.stream.event("signed_out", "{}")
        self.assertEqual(self.reader.received, [b"", b": listening\n\n", b": \n\n", b"event: signed_out\ndata: {}\n\n"])

    def test_before_the_reader(self) -> None:
        """
        What is sent before there is a reader waits, and so does the end.
        """
        self.stream.comment("a")
        self.stream.event("b", "c")
        self.stream.end()
        self.assertEqual(self.over, [self.stream])
        self.stream.start(self.reader)
        self.assertEqual(b"".join(self.reader.received), b": a\n\nevent: b\ndata: c\n\n")
        self.assertEqual(self.reader.finished, 1)

    def test_head_at_once(self) -> None:
        """
        A reader learns at once that the answer has begun, although there is nothing to say yet.
        """
        self.stream.start(self.reader)
        self.assertEqual(self.reader.received, [b""])

    def test_end(self) -> None:
        """
        After the end nothing is sent, and who keeps the stream is told once.
        """
        self.stream.start(self.reader)
        self.stream.end()
        self.stream.end()
        self.stream.event("a", "b")
        self.stream.comment()
        self.stream.reader_left()
        self.assertEqual((self.reader.received, self.reader.finished), ([b""], 1))
        self.assertEqual(self.over, [self.stream])
        self.assertTrue(self.stream.is_over)

    def test_reader_left(self) -> None:
        """
        Nothing is sent to a reader who has left, not even the end.
        """
        for leave in (EventStream.reader_left, EventStream.stopProducing):
            with self.subTest(leave.__name__):
                self.setUp()
                self.stream.start(self.reader)
                leave(self.stream)
                self.stream.event("a", "b")
                self.stream.end()
                self.assertEqual((self.reader.received, self.reader.finished), ([b""], 0))
                self.assertEqual(self.over, [self.stream])

    def test_slow_reader(self) -> None:
        """
        Nothing is piled up for a reader who does not read: a comment is left out, at the next the stream ends.
        """
        self.stream.start(self.reader)
        self.assertTrue(verifyObject(IPushProducer, self.reader.producer))
        self.stream.pauseProducing()
        self.stream.comment()
        self.assertEqual((self.reader.received, self.reader.finished), ([b""], 0))
        self.stream.comment()
        self.assertEqual((self.reader.received, self.reader.finished), ([b""], 1))

    def test_reader_who_was_slow(self) -> None:
        """
        Who reads again is sent comments again, however often they were slow.
        """
        self.stream.start(self.reader)
        for _ in range(3):
            self.stream.pauseProducing()
            self.stream.comment()
            self.stream.resumeProducing()
            self.stream.comment()
        self.assertEqual(self.reader.received, [b"", *[b": \n\n"] * 3])
        self.assertFalse(self.stream.is_over)

    def test_slow_reader_hears_of_events(self) -> None:
        """
        An event is for slow readers too.
        """
        self.stream.start(self.reader)
        self.stream.pauseProducing()
        self.stream.event("a", "b")
        self.stream.end()
        self.assertEqual(self.reader.received[-1], b"event: a\ndata: b\n\n")
