"""
What has come from a user agent and is not acted on yet: events, and behind them bytes that are not read.
"""

from __future__ import annotations

from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import EndOfMessage, RequestEvent, RequestReader, Trailing

MOST_BYTES = 65_536
"""
Bytes that may wait before no more is taken from the kernel.
"""
PIECE = 16_384
"""
Bytes that are read at once: what a small request costs in memory is much more than its bytes.
"""


class Incoming:
    """
    A queue of events, which reads on only when it is asked for more; it takes as much memory as there are bytes,
    however they came.
    """

    # Lists, not deques: an empty deque has room for 64, and hardly ever is there more than a head and its end.
    __slots__ = ("_events", "_reader", "_unread")

    def __init__(self, limits: HeadLimits) -> None:
        self._reader = RequestReader(limits)
        self._events: list[RequestEvent] = []
        self._unread = bytearray()

    def obey(self, limits: HeadLimits) -> None:
        """
        Read by these limits from now on.
        """
        self._reader.obey(limits)

    @property
    def is_empty(self) -> bool:
        """
        Whether nothing waits, but for the beginning of a head.
        """
        return not (self._events or self._unread)

    @property
    def mid_head(self) -> bool:
        """
        Whether some bytes of a head have been read, but not all.
        """
        return self._reader.mid_head

    @property
    def has_begun(self) -> bool:
        """
        Whether anything of a request has come that is not acted on.
        """
        return bool(self._events or self._unread or self._reader.mid_head)

    def is_enough(self, most_heads: int) -> bool:
        """
        Whether no more is to be taken from the kernel before some of what waits has been acted on.
        """
        heads = self._unread.count(b"\r\n\r\n") + sum([type(event) is RequestHead for event in self._events])
        return len(self._unread) > MOST_BYTES or heads >= most_heads

    def whole(self, data: bytes) -> RequestHead | None:
        """
        The head of a request, if *data* is all of one that has no content, and nothing waits before it; None if *data*
        must be added.
        """
        return None if self._events or self._unread else self._reader.whole(data)

    def add(self, data: bytes, *, is_wanted: bool) -> None:
        """
        *data* has come.

        :param is_wanted: Whether what it holds will be asked for now: then it need not be copied first, unless it may
            become more events than are good.
        """
        if (
            is_wanted
            and not self._events
            and not self._unread
            and (len(data) <= PIECE or len(data) <= self._reader.content_left)
        ):
            self._events = self._reader.feed(data)
        else:
            self._unread += data

    def next(self) -> RequestEvent | None:
        """
        Take the next event; None until more comes.
        """
        events = self._events
        while not events:
            if not self._unread:
                return None
            piece = bytes(self._unread[:PIECE])
            del self._unread[:PIECE]
            events = self._events = self._reader.feed(piece)
        return events.pop(0)

    def take_end(self) -> bool:
        """
        Take the end of the request if it is next; whether it was.
        """
        if self._events and self._events[0] is EndOfMessage.END:
            del self._events[0]
            return True
        return False

    def take_raw(self) -> bytes:
        """
        Take everything, after a head that asks for another protocol.
        """
        raw = b"".join([event.content for event in self._events if isinstance(event, Trailing)]) + bytes(self._unread)
        self.clear()
        return raw

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._events = []
        self._unread.clear()
