"""
Where content ends: after a number of bytes, after the last chunk, or with the connection.

RFC 9112 sections 6 and 7.1. A chunk extension is read strictly and dropped, and so are trailers: RFC 9110 section 6.5.1
forbids merging them, and nobody behind us asked for them. A request with a trailer that says how to read, to route or
to believe it is refused.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Protocol

from pomerium_tx.http11.grammar import REQUEST_FIELD, RESPONSE_FIELD, TOKEN
from pomerium_tx.http11.heads import HeadLimits

# Fifteen digits are more bytes than there are, and fit every integer that may come to hold the number.
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15}+)"
    rb"(?:;" + TOKEN + rb"++(?:=(?:" + TOKEN + rb'++|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"))?+)*+\r\n'
)
_CHUNK_LINE_BYTES = 512
# RFC 9110 section 6.5.1: never in trailers, where only an attack needs them.
_NEVER_TRAILERS = frozenset(
    (
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"max-forwards",
        b"proxy-authorization",
        b"proxy-connection",
        b"range",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
    )
)
_NEVER_BEGINS = (b"x-forwarded-", b"x-pomerium-")


class _Line(Enum):
    """
    Which line of chunked content is due.
    """

    SIZE = "size"
    END_OF_CHUNK = "end of chunk"
    TRAILER = "trailer"


class MalformedContent(Exception):
    """
    The framing of the content is broken: where the message ends is not known.

    :param reason: What is wrong; nothing of the message is in it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Content(Protocol):
    """
    The content of one message while it arrives.
    """

    done: bool
    """
    Whether the message has ended.
    """

    def feed(self, octets: bytes, start: int, pieces: list[bytes]) -> int:
        """
        Put the content found in *octets* from *start* on into *pieces*; answer where the rest begins.

        :raises MalformedContent: If the framing is broken. What was put into *pieces* is content all the same.
        """


class ContentOfLength:
    """
    Content whose length was announced.
    """

    __slots__ = ("done", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        """
        Bytes that are still to come.
        """
        self.done = length == 0

    def feed(self, octets: bytes, start: int, pieces: list[bytes]) -> int:
        """
        Take what belongs to this message.
        """
        came = len(octets) - start
        if came < self.left:
            self.left -= came
            pieces.append(octets[start:] if start else octets)
            return len(octets)
        end = start + self.left
        pieces.append(octets[start:end])
        self.done = True
        return end


class ContentUntilClose:
    """
    Content that ends where the connection does.
    """

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, octets: bytes, start: int, pieces: list[bytes]) -> int:
        """
        Take everything.
        """
        pieces.append(octets[start:] if start else octets)
        return len(octets)


class ChunkedContent:
    """
    Content in chunks, each with its length before it.
    """

    __slots__ = ("_due", "_field", "_left", "_limits", "_line", "_refused", "_trailer_bytes", "_trailers", "done")

    def __init__(self, limits: HeadLimits, *, request: bool) -> None:
        self._field = REQUEST_FIELD if request else RESPONSE_FIELD
        self._refused = _is_never_trailer if request else _is_harmless
        self._limits = limits
        self._due = _Line.SIZE
        self._line = bytearray()
        self._left = 0
        self._trailers = 0
        self._trailer_bytes = 0
        self.done = False

    def feed(self, octets: bytes, start: int, pieces: list[bytes]) -> int:
        """
        Take chunks up to the end of the trailers.
        """
        size = len(octets)
        while start < size and not self.done:
            if self._left:
                end = min(start + self._left, size)
                pieces.append(octets[start:end])
                self._left -= end - start
                start = end
            else:
                start = self._take_line(octets, start)
        return start

    def _take_line(self, octets: bytes, start: int) -> int:
        """
        Take a line, or the beginning of one; act on it once it is whole.
        """
        due = self._due
        if due is _Line.SIZE:
            room = _CHUNK_LINE_BYTES
        elif due is _Line.END_OF_CHUNK:
            room = 2
        else:
            room = self._limits.head_bytes - self._trailer_bytes
        room -= len(self._line)
        end = octets.find(b"\n", start, start + room) + 1
        if not end:
            if len(octets) - start >= room:
                raise MalformedContent("trailers too large" if due is _Line.TRAILER else "malformed chunk")
            self._line += octets[start:]
            return len(octets)
        line = octets[start:end]
        if self._line:
            line = bytes(self._line) + line
            self._line.clear()
        if due is _Line.SIZE:
            match = _CHUNK_LINE.fullmatch(line)
            if match is None:
                raise MalformedContent("malformed chunk")
            self._left = int(match[1], 16)
            self._due = _Line.END_OF_CHUNK if self._left else _Line.TRAILER
        elif due is _Line.END_OF_CHUNK:
            if line != b"\r\n":
                raise MalformedContent("malformed chunk")
            self._due = _Line.SIZE
        elif line == b"\r\n":
            self.done = True
        else:
            self._take_trailer(line)
        return end

    def _take_trailer(self, line: bytes) -> None:
        self._trailers += 1
        self._trailer_bytes += len(line)
        if self._trailers > self._limits.fields:
            raise MalformedContent("trailers too large")
        match = self._field.fullmatch(line)
        if match is None:
            raise MalformedContent("malformed trailer")
        if self._refused(match[1].lower()):
            raise MalformedContent("forbidden trailer")


def _is_never_trailer(name: bytes) -> bool:
    return name in _NEVER_TRAILERS or name.startswith(_NEVER_BEGINS)


def _is_harmless(name: bytes) -> bool:
    return False
