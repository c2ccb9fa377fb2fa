"""
Tests for `pomerium_tx.web.resource`: answers that go on.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.event_stream import EventStream
from pomerium_tx.web.resource import Answer, Page, PageRequest, event_stream_answer
from tests.doubles.channel import ask


class Stream(Page):
    """
    Answers with a stream, when it is told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.over: list[EventStream] = []
        self.stream = EventStream(self.over.append)
        self.told: Deferred[None] = Deferred()

    async def answer(self, request: PageRequest) -> Answer:
        """
        The stream.
        """
        await self.told
        return event_stream_answer(self.stream)


class StreamTests(SynchronousTestCase):
    """
    A page whose answer goes on.
    """

    def setUp(self) -> None:
        self.page = Stream()

    def test_stream(self) -> None:
        """
        The head goes out at once, what is sent in pieces of the framing, and the end as an end.
        """
        self.page.told.callback(None)
        asked = ask(self.page, "/")
        self.assertEqual((asked.status, asked.body), (200, b""))
        self.assertEqual(asked.headers("transfer-encoding"), ["chunked"])
        self.assertEqual(asked.headers("content-type"), ["text/event-stream"])
        self.page.stream.comment("a")
        self.assertEqual(asked.body, b"5\r\n: a\n\n\r\n")
        self.page.stream.end()
        self.assertTrue(asked.body.endswith(b"\r\n0\r\n\r\n"))
        self.assertEqual((asked.is_done, asked.channel.is_closed), (True, False))

    def test_old_user_agent(self) -> None:
        """
        For HTTP/1.0 the end of the connection is the end of the answer.
        """
        self.page.told.callback(None)
        asked = ask(self.page, "/", version=b"HTTP/1.0")
        self.page.stream.comment("a")
        self.assertEqual(asked.body, b": a\n\n")
        self.assertIsNone(asked.header("transfer-encoding"))
        self.assertFalse(asked.is_done)
        self.page.stream.end()
        self.assertTrue(asked.channel.is_closed)

    def test_slow_reader(self) -> None:
        """
        The connection can say that its reader is slow, until the end.
        """
        self.page.told.callback(None)
        asked = ask(self.page, "/")
        self.assertIs(asked.channel.producer, self.page.stream)
        self.page.stream.end()
        self.assertIsNone(asked.channel.producer)

    def test_disconnected(self) -> None:
        """
        A stream whose reader has gone is over, and nothing is written or logged.
        """
        self.page.told.callback(None)
        asked = ask(self.page, "/")
        asked.disconnect()
        self.assertEqual(self.page.over, [self.page.stream])
        self.page.stream.event("a", "b")
        self.assertEqual((asked.body, self.flushLoggedErrors()), (b"", []))

    def test_disconnected_before_the_answer(self) -> None:
        """
        The same for a reader who did not wait for the beginning.
        """
        asked = ask(self.page, "/")
        asked.disconnect()
        self.page.told.callback(None)
        self.assertEqual(self.page.over, [self.page.stream])
        self.assertEqual((asked.channel.status, self.flushLoggedErrors()), (None, []))

    def test_over_before_the_answer(self) -> None:
        """
        A stream that is over before it begins is answered with what it has said.
        """
        asked = ask(self.page, "/")
        self.page.stream.comment("a")
        self.page.stream.end()
        self.page.told.callback(None)
        self.assertEqual((asked.status, asked.body, asked.is_done), (200, b"5\r\n: a\n\n\r\n0\r\n\r\n", True))
