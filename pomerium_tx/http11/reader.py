"""
Bytes in, messages out: the readers of the two sides.

RFC 9112. Feed what has come, get a list of events: a head, its content in pieces, `EndOfMessage.END`, the next head.
How the bytes were cut on their way makes no difference but to the pieces. A peer can cause nothing but a `BadRequest`
or a `BadResponse`, which is the last event: what follows a message that cannot be believed is not looked at.

A head is read once all of it has come, from its raw bytes, so that llhttp never sees an incomplete or oversized one;
only what cannot become an HTTP/1.1 head is refused before that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pomerium_tx.http11 import request_head as requests
from pomerium_tx.http11 import response_head as responses
from pomerium_tx.http11.content import (
    ChunkedContent,
    Content,
    ContentOfLength,
    ContentUntilClose,
    MalformedContent,
)
from pomerium_tx.http11.grammar import ends_loosely
from pomerium_tx.http11.heads import BadRequest, BadResponse, HeadLimits, RequestHead, ResponseHead
from pomerium_tx.http11.remembered_heads import request_head, whole_request

_END_OF_HEAD = b"\r\n\r\n"
_INTERIM_RESPONSES = 32


class EndOfMessage(Enum):
    """
    The message is complete.
    """

    END = "end"


@dataclass(frozen=True, slots=True)
class Trailing:
    """
    Bytes after a head that asks for, or grants, another protocol: not read yet.
    """

    content: bytes


RequestEvent = RequestHead | bytes | EndOfMessage | Trailing | BadRequest
ResponseEvent = ResponseHead | bytes | EndOfMessage | Trailing | BadResponse


class RequestReader:
    """
    Reads what one user agent sends on one connection.

    After a head with an ``upgrade``, the events are the head, ``END``, and `Trailing` if more bytes came with it. The
    reader is then ready for a fresh message: whoever answers in HTTP feeds the trailing bytes back.
    """

    __slots__ = ("_buffer", "_content", "_ended", "_limits", "_line_seen", "_persistent", "_scanned", "_skipped")

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._content: Content | None = None
        self._persistent = True
        self._ended = False
        self._skipped = False
        self._line_seen = False
        self._scanned = 0

    def obey(self, limits: HeadLimits) -> None:
        """
        Take these limits from the next head on that is not whole yet.
        """
        self._limits = limits

    @property
    def mid_head(self) -> bool:
        """
        Whether some bytes of a head have come, but not all.
        """
        return bool(self._buffer)

    @property
    def content_left(self) -> int:
        """
        How many of the next bytes are certainly content of the current message.
        """
        return self._content.left if isinstance(self._content, ContentOfLength) else 0

    def whole(self, data: bytes) -> RequestHead | None:
        """
        The head, if *data* is all of a request that has no content, as most are; None, and nothing read, if it must be
        fed. What follows is another request.
        """
        if self._content is not None or self._ended or self._buffer:
            return None
        head = whole_request(data, self._limits)
        if head is not None:
            self._skipped = False
        return head

    def feed(self, data: bytes) -> list[RequestEvent]:
        """
        What *data* completes. Nothing is read after the last message of the connection.
        """
        events: list[RequestEvent] = []
        start = 0
        try:
            if self._buffer and data:
                self._buffer += data
                if not self._buffer_has_head():
                    return events
                data = bytes(self._buffer)
                self._forget_buffer()
            while start < len(data) and not self._ended:
                if self._content is None:
                    start = self._take_head(data, start, events)
                else:
                    start = self._take_content(self._content, data, start, events)
        except BadRequest as problem:
            self._ended = True
            self._content = None
            self._forget_buffer()
            events.append(problem.with_traceback(None))
        return events

    def _forget_buffer(self) -> None:
        self._buffer.clear()
        self._line_seen = False
        self._scanned = 0

    def _take_head(self, octets: bytes, start: int, events: list[RequestEvent]) -> int:
        """
        Take a head, or keep what has come of one; answer where the rest begins.
        """
        # RFC 9112 section 2.2: one empty line before a request is ignored.
        if not self._skipped and octets.startswith(b"\r\n", start):
            self._skipped = True
            return start + 2
        limits = self._limits
        end = octets.find(_END_OF_HEAD, start, start + limits.head_bytes) + 4
        if end < 4:
            self._buffer += octets[start:]
            self._check_buffer()
            return len(octets)
        head = request_head(octets[start:end] if end - start < len(octets) else octets, limits)
        self._skipped = False
        events.append(head)
        if head.chunked:
            self._content = ChunkedContent(limits, request=True)
        elif head.content_length:
            self._content = ContentOfLength(head.content_length)
        else:
            events.append(EndOfMessage.END)
            self._ended = not head.keep_alive
            if head.upgrade is not None and end < len(octets):
                events.append(Trailing(octets[end:]))
                return len(octets)
            return end
        self._persistent = head.keep_alive
        return end

    def _buffer_has_head(self) -> bool:
        """
        Whether the buffer holds a whole head; what cannot become one is refused.
        """
        buffer = self._buffer
        if not self._skipped and buffer.startswith(b"\r\n"):
            return True
        if buffer.find(_END_OF_HEAD, max(self._scanned - 3, 0), self._limits.head_bytes) >= 0:
            return True
        self._check_buffer()
        return False

    def _check_buffer(self) -> None:
        """
        Refuse a buffer that cannot become a good head, by the first byte that shows it.
        """
        buffer, limits = self._buffer, self._limits
        if buffer == b"\r" and not self._skipped:
            return
        window = min(len(buffer), limits.head_bytes)
        problem: BadRequest | None = None
        if not self._line_seen:
            problem = requests.method_problem(buffer)
            end = buffer.find(b"\n", self._scanned, window) + 1
            if problem is None and end:
                problem = requests.line_problem(bytes(buffer[:end]), limits)
                self._line_seen = True
                self._scanned = end
            elif problem is None and window >= requests.line_limit(limits):
                problem = BadRequest(414, requests.TARGET_TOO_LONG)
        if problem is None and self._line_seen and ends_loosely(buffer, max(self._scanned - 3, 0), window):
            problem = BadRequest(400, requests.MALFORMED_HEAD)
        if problem is None and len(buffer) > limits.head_bytes:
            problem = BadRequest(431, requests.TOO_LARGE)
        self._scanned = window
        if problem is not None:
            raise problem

    def _take_content(self, content: Content, octets: bytes, start: int, events: list[RequestEvent]) -> int:
        """
        Take content of the current message; answer where the rest begins.
        """
        pieces: list[bytes] = []
        problem: BadRequest | None = None
        try:
            start = content.feed(octets, start, pieces)
        except MalformedContent as broken:
            problem = BadRequest(400, broken.reason)
        if pieces:
            events.append(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if problem is not None:
            raise problem
        if content.done:
            self._content = None
            self._ended = not self._persistent
            events.append(EndOfMessage.END)
        return start


class ResponseReader:
    """
    Reads what one upstream sends on one connection, a response at a time.

    Interim responses are events like the final one, but without an ``END``. After a 101, or a 2xx to CONNECT, every
    byte is `Trailing`.
    """

    __slots__ = ("_buffer", "_content", "_ended", "_interim", "_limits", "_method", "_scanned", "_surplus", "_tunnel")

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._content: Content | None = None
        self._method: bytes | None = None
        self._interim = 0
        self._scanned = 0
        self._ended = False
        self._surplus = False
        self._tunnel = False

    @property
    def surplus(self) -> bool:
        """
        Whether bytes came that no request had asked for: such a connection must not carry another one.
        """
        return self._surplus

    def expect(self, method: bytes) -> None:
        """
        The next response answers a *method*.
        """
        assert self._method is None, "the last response is not complete"
        self._method = method
        self._interim = 0

    def feed(self, data: bytes) -> list[ResponseEvent]:
        """
        What *data* completes. Bytes that nothing asked for are dropped, and make the connection `surplus`.
        """
        events: list[ResponseEvent] = []
        start = 0
        try:
            if self._buffer and data:
                self._buffer += data
                if not self._buffer_has_head():
                    return events
                data = bytes(self._buffer)
                self._forget_buffer()
            while start < len(data) and not self._ended:
                if self._tunnel:
                    events.append(Trailing(data[start:]))
                    break
                if self._content is not None:
                    start = self._take_content(self._content, data, start, events)
                elif self._method is not None:
                    start = self._take_head(self._method, data, start, events)
                else:
                    self._surplus = True
                    break
        except BadResponse as problem:
            self._fail(problem, events)
        return events

    def eof(self) -> list[ResponseEvent]:
        """
        What the end of the connection completes, or leaves incomplete.
        """
        events: list[ResponseEvent] = []
        if self._ended or self._tunnel or self._method is None:
            self._ended = True
        elif isinstance(self._content, ContentUntilClose):
            events.append(EndOfMessage.END)
            self._ended = True
            self._content = self._method = None
        elif self._content is None and not self._buffer:
            self._fail(BadResponse("connection closed before the response"), events)
        else:
            self._fail(BadResponse("response incomplete"), events)
        return events

    def _fail(self, problem: BadResponse, events: list[ResponseEvent]) -> None:
        self._ended = True
        self._content = None
        self._forget_buffer()
        events.append(problem.with_traceback(None))

    def _forget_buffer(self) -> None:
        self._buffer.clear()
        self._scanned = 0

    def _take_head(self, method: bytes, octets: bytes, start: int, events: list[ResponseEvent]) -> int:
        """
        Take a head, or keep what has come of one; answer where the rest begins.
        """
        limits = self._limits
        end = octets.find(_END_OF_HEAD, start, start + limits.head_bytes) + 4
        if end < 4:
            self._buffer += octets[start:]
            self._check_buffer()
            return len(octets)
        head = responses.response_head(octets[start:end], method, limits)
        events.append(head)
        if head.has_content and not head.chunked and not head.close_delimited:
            length = head.content_length
            assert length is not None, "content has one of three framings"
            if end + length > len(octets):
                self._content = ContentOfLength(length)
                return end
            # Most responses come in one piece.
            self._method = None
            events += (octets[end : end + length], EndOfMessage.END)
            return end + length
        if head.status < 200 and head.upgrade is None:
            self._interim += 1
            if self._interim > _INTERIM_RESPONSES:
                del events[-1]
                raise BadResponse("too many interim responses")
        elif head.upgrade is not None or (method == b"CONNECT" and head.status < 300):
            self._tunnel = True
        elif head.close_delimited:
            self._content = ContentUntilClose()
        elif head.chunked and head.has_content:
            self._content = ChunkedContent(limits, request=False)
        else:
            self._method = None
            events.append(EndOfMessage.END)
        return end

    def _buffer_has_head(self) -> bool:
        """
        Whether the buffer holds a whole head; what cannot become one is refused.
        """
        if self._buffer.find(_END_OF_HEAD, max(self._scanned - 3, 0), self._limits.head_bytes) >= 0:
            return True
        self._check_buffer()
        return False

    def _check_buffer(self) -> None:
        """
        Refuse a buffer that cannot become a good head, by the first byte that shows it.
        """
        buffer, limits = self._buffer, self._limits
        if not responses.may_begin(buffer):
            raise BadResponse(responses.MALFORMED_LINE)
        window = min(len(buffer), limits.head_bytes)
        end = buffer.find(b"\n", 0, window) + 1
        if end and not self._scanned > end and not responses.is_status_line(bytes(buffer[:end])):
            raise BadResponse(responses.MALFORMED_LINE)
        if ends_loosely(buffer, max(self._scanned - 3, 0), window):
            raise BadResponse(responses.MALFORMED_HEAD)
        if len(buffer) > limits.head_bytes:
            raise BadResponse(responses.TOO_LARGE)
        self._scanned = window

    def _take_content(self, content: Content, octets: bytes, start: int, events: list[ResponseEvent]) -> int:
        """
        Take content of the current response; answer where the rest begins.
        """
        pieces: list[bytes] = []
        problem: BadResponse | None = None
        try:
            start = content.feed(octets, start, pieces)
        except MalformedContent as broken:
            problem = BadResponse(broken.reason)
        if pieces:
            events.append(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if problem is not None:
            raise problem
        if content.done:
            self._content = self._method = None
            events.append(EndOfMessage.END)
        return start
