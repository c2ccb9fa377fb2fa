"""
Where content ends: after a number of bytes, after the last chunk, or with the connection.

RFC 9112 sections 6 and 7.1. A chunk extension is read strictly and dropped, and so are trailers: RFC 9110 section 6.5.1
forbids merging them, and nobody behind us asked for them.
"""

from __future__ import annotations

import re
from typing import Protocol

from pomerium_tx.http11.grammar import REQUEST_FIELD, RESPONSE_FIELD, TOKEN
from pomerium_tx.http11.heads import HeadLimits

# Fifteen digits are more bytes than there are, and fit every integer that may come to hold the number.
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15}+)"
    rb"(?:;" + TOKEN + rb"++(?:=(?:" + TOKEN + rb'++|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"))?+)*+\r\n'
)
_CHUNK_LINE_BYTES = 512


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

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, octets: bytes, start: int, pieces: list[bytes]) -> int:
        """
        Take what belongs to this message.
        """
        came = len(octets) - start
        if came < self._left:
            self._left -= came
            pieces.append(octets[start:] if start else octets)
            return len(octets)
        end = start + self._left
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

    __slots__ = ("_field", "_left", "_limits", "_line", "_trailer_bytes", "_trailers", "_where", "done")

    def __init__(self, limits: HeadLimits, *, request: bool) -> None:
        self._field = REQUEST_FIELD if request else RESPONSE_FIELD
        self._limits = limits
        self._line = bytearray()
        self._left = 0
        self._trailers = 0
        self._trailer_bytes = 0
        self._where = self._size_line
        self.done = False

    def feed(self, octets: bytes, start: int, pieces: list[bytes]) -> int:
        """
        Take chunks up to the end of the trailers.
        """
        size = len(octets)
        while start < size and not self.done:
            if self._left:
                end = start + self._left
                if end > size:
                    end = size
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
        room = self._room() - len(self._line)
        end = octets.find(b"\n", start, start + room) + 1
        if not end:
            if len(octets) - start >= room:
                raise MalformedContent("line between chunks too long")
            self._line += octets[start:]
            return len(octets)
        line = bytes(self._line) + octets[start:end] if self._line else octets[start:end]
        self._line.clear()
        self._where(line)
        return end

    def _room(self) -> int:
        """
        How long the line that is due may be.
        """
        if self._where == self._trailer_line:
            return self._limits.head_bytes - self._trailer_bytes + 1
        return _CHUNK_LINE_BYTES

    def _size_line(self, line: bytes) -> None:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise MalformedContent("malformed chunk")
        self._left = int(match[1], 16)
        self._where = self._end_of_chunk if self._left else self._trailer_line

    def _end_of_chunk(self, line: bytes) -> None:
        if line != b"\r\n":
            raise MalformedContent("malformed chunk")
        self._where = self._size_line

    def _trailer_line(self, line: bytes) -> None:
        if line == b"\r\n":
            self.done = True
            return
        self._trailers += 1
        self._trailer_bytes += len(line)
        if self._trailers > self._limits.fields or self._trailer_bytes > self._limits.head_bytes:
            raise MalformedContent("trailers too large")
        if self._field.fullmatch(line) is None:
            raise MalformedContent("malformed trailer")
