"""
Heads and chunks as bytes.

RFC 9112 sections 2 to 7. What is written can hold no line that was not meant to be one: whoever passes CR, LF or NUL in
a part of a head gets a `ValueError` and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

REASONS: dict[int, bytes] = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
"""
The reason phrases of the registered statuses.
"""

LAST_CHUNK = b"0\r\n\r\n"


def request_head(method: bytes, target: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """
    The head of an HTTP/1.1 request.

    :raises ValueError: If a part would break out of its place.
    """
    if b" " in method or b" " in target or not method or not target:
        raise ValueError("malformed request line")
    return _head(b"%b %b HTTP/1.1\r\n" % (method, target), fields)


def response_head(status: int, reason: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """
    The head of an HTTP/1.1 response.

    :raises ValueError: If a part would break out of its place.
    """
    if not 100 <= status <= 599:
        raise ValueError("status out of range")
    return _head(b"HTTP/1.1 %d %b\r\n" % (status, reason), fields)


def _head(line: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [line]
    lines += [b"%b: %b\r\n" % field for field in fields]
    lines.append(b"\r\n")
    head = b"".join(lines)
    # Parts can only add such characters, never hide one: more than one each per line means that one was added.
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
        raise ValueError("CR, LF or NUL in a head")
    return head


def chunk(content: bytes) -> bytes:
    """
    *content* as one chunk; nothing for nothing, since an empty chunk would be the last one.
    """
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""
