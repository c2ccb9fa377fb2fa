"""
Heads and chunks as bytes.

RFC 9112 sections 2 to 7. What is written can hold no line that was not meant to be one: whoever passes CR, LF or NUL in
a part of a head gets a `ValueError` and nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

Pair = tuple[bytes, bytes]
"""
The name and the value of a field.
"""

REASONS: dict[int, bytes] = {status.value: status.phrase.encode("ascii") for status in HTTPStatus} | {
    495: b"SSL Certificate Error"
}
"""
The reason phrases of the registered statuses, and of nginx's for want of a client certificate.
"""


def date() -> bytes:
    """
    What the ``Date`` of a message that is written now says (RFC 9110 section 6.6.1).
    """
    return _date_of(int(time.time()))


@lru_cache(maxsize=2)
def _date_of(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")


LAST_CHUNK = b"0\r\n\r\n"


@dataclass(slots=True)
class FieldLines:
    """
    Field lines that are written more than once, and never changed.
    """

    octets: bytes = field(repr=False)

    @classmethod
    def of(cls, fields: Sequence[Pair]) -> FieldLines:
        """
        The lines of *fields*.

        :raises ValueError: If a part would break out of its place.
        """
        octets = _lines(fields)
        _require_lines(octets, len(fields))
        return cls(octets)

    def __add__(self, others: FieldLines) -> FieldLines:
        """
        These, and then *others*.
        """
        return FieldLines(self.octets + others.octets)


NO_LINES = FieldLines(b"")


def request_head(
    method: bytes,
    target: bytes,
    fields: Sequence[Pair],
    *,
    before: FieldLines = NO_LINES,
    after: FieldLines = NO_LINES,
) -> bytes:
    """
    The head of an HTTP/1.1 request.

    :param before: What comes before *fields*.
    :param after: What comes after them.
    :raises ValueError: If a part would break out of its place.
    """
    if b" " in method or b" " in target or not method or not target:
        raise ValueError("malformed request line")
    return _head(b"%b %b HTTP/1.1\r\n" % (method, target), before, fields, after)


def response_head(
    status: int, reason: bytes, fields: Sequence[Pair], *, before: FieldLines = NO_LINES, after: FieldLines = NO_LINES
) -> bytes:
    """
    The head of an HTTP/1.1 response.

    :param before: What comes before *fields*.
    :param after: What comes after them.
    :raises ValueError: If a part would break out of its place.
    """
    if not 100 <= status <= 599:
        raise ValueError("status out of range")
    return _head(b"HTTP/1.1 %d %b\r\n" % (status, reason), before, fields, after)


def _head(first: bytes, before: FieldLines, fields: Sequence[Pair], after: FieldLines) -> bytes:
    lines = _lines(fields)
    _require_lines(first + lines, 1 + len(fields))
    return b"".join((first, before.octets, lines, after.octets, b"\r\n"))


def _lines(fields: Sequence[Pair]) -> bytes:
    if len(fields) == 1:
        return b"%b: %b\r\n" % fields[0]
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def _require_lines(octets: bytes, count: int) -> None:
    # Parts can only add such characters, never hide one: more than one each per line means that one was added.
    if octets.count(b"\n") != count or octets.count(b"\r") != count or b"\0" in octets:
        raise ValueError("CR, LF or NUL in a head")


def chunk(content: bytes) -> bytes:
    """
    *content* as one chunk; nothing for nothing, since an empty chunk would be the last one.
    """
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""
