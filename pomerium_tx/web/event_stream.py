"""
An answer that goes on: Server-Sent Events (HTML Standard, section 9.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


class Reader(Protocol):
    """
    Whoever reads a stream: the request that it answers.
    """

    def write(self, content: bytes) -> None:
        """
        Send more.
        """

    def finish(self) -> None:
        """
        Send the end, as the framing has it.
        """

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """
        Have *producer* told when the reader is slow.
        """

    def unregisterProducer(self) -> None:
        """
        Have it told no longer.
        """


@implementer(IPushProducer)
class EventStream:
    """
    What is sent to one reader. Until there is one it waits, so that nothing is lost between a promise and the answer.
    """

    def __init__(self, over: Callable[[EventStream], object]) -> None:
        """
        :param over: Called once, when nothing more can be sent.
        """
        self._over = over
        self._reader: Reader | None = None
        self._waiting = b""
        self._is_slow = False
        self._was_slow = False
        self.is_over = False

    def start(self, reader: Reader) -> None:
        """
        Send what has been waiting to *reader*, and then whatever comes.
        """
        self._reader = reader
        reader.registerProducer(self, True)
        # Even nothing: the head goes out now.
        reader.write(self._waiting)
        self._waiting = b""
        if self.is_over:
            self._finish(reader)

    def event(self, name: str, data: str) -> None:
        """
        Tell the reader something.

        :param data: One line.
        """
        self._send(f"event: {name}\ndata: {data}\n\n".encode())

    def comment(self, text: str = "") -> None:
        """
        Say something that nobody hears, so that the connection is known to be alive.

        A reader who has not read since the last time is let go.
        """
        if not self._is_slow:
            self._send(f": {text}\n\n".encode())
        elif self._was_slow:
            self.end()
        self._was_slow = self._is_slow

    def end(self) -> None:
        """
        Send nothing more than the end.
        """
        if self.is_over:
            return
        self.is_over = True
        if self._reader is not None:
            self._finish(self._reader)
        self._over(self)

    def reader_left(self) -> None:
        """
        Nobody reads any more.
        """
        self._reader = None
        if not self.is_over:
            self.is_over = True
            self._over(self)

    # The connection calls.

    def pauseProducing(self) -> None:
        self._is_slow = True

    def resumeProducing(self) -> None:
        self._is_slow = False

    def stopProducing(self) -> None:
        self.reader_left()

    # Inside.

    def _send(self, content: bytes) -> None:
        if self.is_over:
            return
        if self._reader is None:
            self._waiting += content
        else:
            self._reader.write(content)

    def _finish(self, reader: Reader) -> None:
        self._reader = None
        reader.unregisterProducer()
        reader.finish()
