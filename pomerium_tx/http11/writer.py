"""
Heads and chunks as bytes.

RFC 9112 sections 2 to 7. What is written can hold no line that was not meant to be one: whoever passes CR, LF or NUL in
a part of a head gets a `ValueError` and nothing is written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NewType

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


_REQUEST_LINE = re.compile(rb"[!-~]++ [!-~]++ HTTP/1\.1\r\n")

LAST_CHUNK = b"0\r\n\r\n"


Lines = NewType("Lines", bytes)
"""
Whole lines of a head, none of which holds another one.
"""
NO_LINES = Lines(b"")


def request_line(method: bytes, target: bytes) -> Lines:
    """
    The first line of an HTTP/1.1 request.

    :raises ValueError: If a part would break out of its place.
    """
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    if not _REQUEST_LINE.fullmatch(line):
        raise ValueError("malformed request line")
    return Lines(line)


def status_line(status: int, reason: bytes) -> Lines:
    """
    The first line of an HTTP/1.1 response.

    :raises ValueError: If a part would break out of its place.
    """
    if not 100 <= status <= 599:
        raise ValueError("status out of range")
    return _lines(b"HTTP/1.1 %d %b\r\n" % (status, reason), 1)


def field_lines(fields: Sequence[Pair]) -> Lines:
    """
    The lines of *fields*.

    :raises ValueError: If a part would break out of its place.
    """
    return _lines(b"".join([b"%b: %b\r\n" % field for field in fields]), len(fields))


def head_of(*lines: Lines) -> bytes:
    """
    A head of these lines, the first one and those of the fields.
    """
    return b"".join((*lines, b"\r\n"))


def _lines(octets: bytes, count: int) -> Lines:
    # Parts can only add such characters, never hide one: more than one each per line means that one was added.
    if octets.count(b"\n") != count or octets.count(b"\r") != count or b"\0" in octets:
        raise ValueError("CR, LF or NUL in a head")
    return Lines(octets)


def chunk(content: bytes) -> bytes:
    """
    *content* as one chunk; nothing for nothing, since an empty chunk would be the last one.
    """
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""
