"""
From the bytes of a response head to its meaning, or to the reason why it has none.

RFC 9112 sections 4, 6.3 and 9.3; RFC 9110 sections 7.8 and 15.2.
"""

from __future__ import annotations

import re
from functools import lru_cache

from httptools import HttpResponseParser

from pomerium_tx.http11.grammar import NO_OPTIONS, RESPONSE_FIELD, connection_options, decimal, llhttp_accepts, protocol
from pomerium_tx.http11.heads import BadResponse, Field, HeadLimits, ResponseHead

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t -~\x80-\xff]*+))?\r\n")
_REMEMBERED = 1_024
_MOST_REMEMBERED = 2_048
"""
How many heads are remembered, and how many bytes each may have.
"""
_BEGINNING = b"HTTP/1."
_SPECIAL = frozenset((b"content-length", b"transfer-encoding", b"connection", b"upgrade"))

MALFORMED_LINE = "malformed status line"
MALFORMED_HEAD = "malformed response header"
TOO_LARGE = "response header too large"


def may_begin(octets: bytes | bytearray) -> bool:
    """
    Whether *octets*, as much as has come of a status line, may become one.
    """
    return octets[: len(_BEGINNING)] == _BEGINNING[: len(octets)]


def is_status_line(line: bytes) -> bool:
    """
    Whether a whole *line* is a status line of HTTP/1.0 or 1.1, with a status from 100 to 599.
    """
    return _STATUS_LINE.fullmatch(line) is not None


def response_head(raw: bytes, method: bytes, limits: HeadLimits) -> ResponseHead:
    """
    The head whose bytes, up to and including the empty line, are *raw*, as the answer to a *method*.

    :raises BadResponse: If anything about it is in doubt.
    """
    if len(raw) <= _MOST_REMEMBERED:
        return _remembered(raw, method, limits.fields)
    return _head(raw, method, limits.fields)


def _head(raw: bytes, method: bytes, most: int) -> ResponseHead:
    """
    The head.

    :param most: How many fields it may have.
    """
    line = _STATUS_LINE.match(raw)
    if line is None:
        raise BadResponse(MALFORMED_LINE)
    minor = line[1][0] - 0x30
    pairs = RESPONSE_FIELD.findall(raw, line.end())
    # Each match is one whole line. Fewer matches than lines: a line is malformed.
    if len(pairs) != raw.count(b"\n") - 2:
        raise BadResponse(MALFORMED_HEAD)
    if len(pairs) > most:
        raise BadResponse(TOO_LARGE)
    fields: list[Field] = []
    special: list[Field] = []
    for name, value in pairs:
        lower = name.lower()
        field = (lower, name, value.rstrip(b" \t"))
        fields.append(field)
        if lower in _SPECIAL:
            special.append(field)
    head = ResponseHead(
        int(line[2]), line[3] or b"", minor, fields, None, False, minor == 1, NO_OPTIONS, False, False, None
    )
    if special:
        _interpret(head, special)
    _content(head, method)
    if not llhttp_accepts(HttpResponseParser, raw):
        raise BadResponse(MALFORMED_HEAD)
    return head


_remembered = lru_cache(maxsize=_REMEMBERED)(_head)
"""
What comes again, as from a busy application within the second of one Date, is not read again. What is refused is not
remembered.
"""


def forget_heads() -> None:
    """
    Remember nothing any more, nor what others have worked out.
    """
    _remembered.cache_clear()


def _interpret(head: ResponseHead, special: list[Field]) -> None:
    """
    Give *head* what its fields say about framing and the connection.
    """
    options = NO_OPTIONS
    upgrades: list[bytes] = []
    for lower, _, value in special:
        if lower == b"content-length":
            if head.content_length is not None:
                raise BadResponse("more than one Content-Length")
            head.content_length = decimal(value)
            if head.content_length is None:
                raise BadResponse("invalid Content-Length")
        elif lower == b"transfer-encoding":
            if head.chunked or value.lower() != b"chunked":
                raise BadResponse("unknown Transfer-Encoding")
            if head.minor == 0:
                raise BadResponse("Transfer-Encoding in HTTP/1.0")
            head.chunked = True
        elif lower == b"connection":
            named = connection_options(value)
            if named is None:
                raise BadResponse("malformed Connection")
            options = options | named if options else named
        else:
            upgrades.append(value)
    if head.chunked and head.content_length is not None:
        raise BadResponse("both Content-Length and Transfer-Encoding")
    head.connection = options
    head.keep_alive = b"close" not in options and (head.minor == 1 or b"keep-alive" in options)
    if head.status == 101 and len(upgrades) == 1 and b"upgrade" in options:
        head.upgrade = protocol(upgrades[0])


def _content(head: ResponseHead, method: bytes) -> None:
    """
    Decide how much content follows *head*: RFC 9112 section 6.3.
    """
    status = head.status
    if status < 200:
        if head.minor == 0:
            raise BadResponse("interim response in HTTP/1.0")
        if status == 101 and head.upgrade is None:
            raise BadResponse("101 without the protocol it switches to")
        # RFC 9110 section 8.6: none of these may announce a length, so nobody is told of it.
        head.content_length = None
    elif status == 204:
        head.content_length = None
    elif method == b"CONNECT" and status < 300:
        # A tunnel: the connection never speaks HTTP again.
        head.keep_alive = False
    elif method != b"HEAD" and status != 304:
        if head.chunked:
            head.has_content = True
        elif head.content_length is not None:
            head.has_content = head.content_length > 0
        else:
            head.has_content = head.close_delimited = True
            head.keep_alive = False
