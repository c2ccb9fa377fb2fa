"""
The grammar of a head, read from all of its bytes at once.

RFC 9112 sections 2 to 5. Two judges must agree: the expressions here, which also take the lines apart, and llhttp. What
llhttp lets through, the expressions refuse; possessive quantifiers keep them linear in what a peer sends.
"""

from __future__ import annotations

import re
from functools import lru_cache

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"

# A name with an underscore is refused as by Pomerium's default (headers_with_underscores_action: reject): many servers
# cannot tell it from the same name with a hyphen.
REQUEST_FIELD = re.compile(rb"(?m)^([!#$%&'*+\-.^`|~0-9A-Za-z]++):[ \t]*+([\t -~\x80-\xff]*+)\r\n")
RESPONSE_FIELD = re.compile(rb"(?m)^(" + TOKEN + rb"++):[ \t]*+([\t -~\x80-\xff]*+)\r\n")

_DECIMAL = re.compile(rb"0|[1-9][0-9]{0,17}")
_OPTION = re.compile(TOKEN + rb"++")
_PROTOCOL = re.compile(TOKEN + rb"++(?:/" + TOKEN + rb"++)?+")
_LOOSE_END = re.compile(rb"\n\r?\n")

NO_OPTIONS: frozenset[bytes] = frozenset()


class _Listener:
    """
    What llhttp tells us: only whether it saw the end of the head where we did.
    """

    __slots__ = ("headed",)

    def __init__(self) -> None:
        self.headed = False

    def on_headers_complete(self) -> None:
        """
        Called by httptools.
        """
        self.headed = True


def llhttp_accepts(parser: type[HttpRequestParser] | type[HttpResponseParser], raw: bytes) -> bool:
    """
    Whether llhttp, too, takes *raw* for one complete head.
    """
    listener = _Listener()
    try:
        parser(listener).feed_data(raw)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        return False
    return listener.headed


def ends_loosely(octets: bytes | bytearray, start: int, end: int) -> bool:
    """
    Whether an empty line, however it is written, is in ``octets[start:end]``.

    A head ends at the first one, and only CRLF CRLF ends it well; waiting for that after a bare LF would mean waiting
    for a deadline.
    """
    return _LOOSE_END.search(octets, start, end) is not None


def decimal(value: bytes) -> int | None:
    """
    The number that a Content-Length states, or None if it states none.

    RFC 9110 section 8.6. Leading zeros are refused: an octal reader would see another number.
    """
    return int(value) if _DECIMAL.fullmatch(value) else None


@lru_cache(maxsize=512)
def connection_options(value: bytes) -> frozenset[bytes] | None:
    """
    The lower-case options of one Connection field, or None if it is malformed.
    """
    options = [option.strip(b" \t") for option in value.lower().split(b",")]
    if not all(_OPTION.fullmatch(option) for option in options if option):
        return None
    return frozenset(option for option in options if option)


def protocol(value: bytes) -> bytes | None:
    """
    The one protocol, in lower case, that an Upgrade field names; None if it names several or none.
    """
    return value.lower() if _PROTOCOL.fullmatch(value) else None
