"""
From the bytes of a request head to its meaning, or to the reason why it has none.

RFC 9112 sections 3, 6 and 9.3, RFC 9110 sections 7.2, 7.8 and 10.1.1. Everything here is decided from whole lines or
the whole head, so that it cannot depend on how the bytes were cut on their way.
"""

from __future__ import annotations

import re

from httptools import HttpRequestParser

from pomerium_tx.http11.authority import InvalidAuthority, authority
from pomerium_tx.http11.grammar import (
    NO_OPTIONS,
    REQUEST_FIELD,
    RESPONSE_FIELD,
    TOKEN,
    connection_options,
    decimal,
    llhttp_accepts,
)
from pomerium_tx.http11.heads import BadRequest, Field, HeadLimits, RequestHead

METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS PATCH TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK"
    b" BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE"
    b" MKCALENDAR LINK UNLINK".split()
)
"""
The methods that are carried: those that llhttp knows for HTTP. Any other is answered 501.
"""

# Printable ASCII without "#": a fragment is never sent, and readers disagree on what follows one.
_REQUEST_LINE = re.compile(rb"([A-Z-]++) ([!-\"$-~]++) HTTP/1\.([01])\r\n")
_METHOD_SO_FAR = re.compile(TOKEN + rb"{0,33}+")
_METHOD_BYTES = 32
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_VERSION_BYTES = len(b" HTTP/1.1\r\n")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*+)")
_ONE_CODING = re.compile(TOKEN + rb"++")
_FRAMING = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"))

WEBSOCKET = b"websocket"
"""
The one protocol that a connection is switched to.
"""

MALFORMED_HEAD = "malformed header"
MALFORMED_LINE = "malformed request line"
TOO_LARGE = "request header too large"
TARGET_TOO_LONG = "request target too long"
_NO_UNDERSCORE = "header name with an underscore"


def method_problem(octets: bytes | bytearray) -> BadRequest | None:
    """
    Why *octets*, as much as has come of a request line, cannot become one because of the method.

    What was never HTTP/1.1 - a TLS hello, the HTTP/2 preface, noise - is known by its first bytes.
    """
    match = _METHOD_SO_FAR.match(octets)
    assert match is not None, "the expression matches nothing, too"
    method = match.group()
    if len(method) > _METHOD_BYTES:
        return BadRequest(501, "unknown method")
    if match.end() == len(octets):
        return None
    if octets[match.end()] != 0x20 or not method:
        return BadRequest(400, MALFORMED_LINE)
    if method in METHODS:
        return None
    if method == b"CONNECT":
        # Whatever follows was meant for a tunnel.
        return BadRequest(405, "CONNECT is not offered")
    if method == b"PRI":
        return BadRequest(505, "only HTTP/1.1 is spoken here")
    return BadRequest(501, "unknown method")


def line_limit(limits: HeadLimits) -> int:
    """
    How many bytes a request line may have at most.
    """
    return _METHOD_BYTES + 1 + limits.target + _VERSION_BYTES


def line_problem(line: bytes, limits: HeadLimits) -> BadRequest | None:
    """
    Why a whole *line*, whose method is known to be good, is no request line.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is not None and len(match[2]) <= limits.target:
        return None
    parts = line.split(b" ")
    if len(line) > line_limit(limits) or len(parts[1]) > limits.target:
        return BadRequest(414, TARGET_TOO_LONG)
    if len(parts) == 3 and line.endswith(b"\r\n") and _VERSION.fullmatch(parts[2][:-2]):
        version = parts[2][:-2]
        if version not in (b"HTTP/1.0", b"HTTP/1.1"):
            return BadRequest(505, "only HTTP/1.1 is spoken here")
        return BadRequest(400, "invalid character in the request target")
    return BadRequest(400, MALFORMED_LINE)


def request_head(raw: bytes, limits: HeadLimits) -> RequestHead:
    """
    The head whose bytes, up to and including the empty line, are *raw*.

    :raises BadRequest: If anything about it is in doubt.
    """
    line = _REQUEST_LINE.match(raw)
    if line is None or len(line[2]) > limits.target or line[1] not in METHODS:
        first = raw[: raw.index(b"\n") + 1]
        raise method_problem(first) or line_problem(first, limits) or BadRequest(400, MALFORMED_LINE)
    method, target, minor = line.groups()
    pairs = REQUEST_FIELD.findall(raw, line.end())
    # Each match is one whole line. Fewer matches than lines: a line is malformed.
    if len(pairs) != raw.count(b"\n") - 2:
        underscored = len(RESPONSE_FIELD.findall(raw, line.end())) == raw.count(b"\n") - 2
        raise BadRequest(400, _NO_UNDERSCORE if underscored else MALFORMED_HEAD)
    if len(pairs) > limits.fields:
        raise BadRequest(431, TOO_LARGE)
    fields: list[Field] = []
    special: list[Field] = []
    for name, value in pairs:
        lower = name.lower()
        field = (lower, name, value.rstrip(b" \t"))
        fields.append(field)
        if lower in _FRAMING:
            special.append(field)
    head = RequestHead(method, target, minor[0] - 0x30, fields, b"", None, False, False, None, False, NO_OPTIONS)
    _interpret(head, special)
    if not llhttp_accepts(HttpRequestParser, raw):
        raise BadRequest(400, MALFORMED_HEAD)
    return head


def _interpret(head: RequestHead, special: list[Field]) -> None:
    """
    Give *head* its framing, its authority and what its connection is asked for.
    """
    host: bytes | None = None
    length: bytes | None = None
    codings: list[bytes] = []
    upgrades: list[bytes] = []
    expectations: list[bytes] = []
    options = NO_OPTIONS
    for lower, _, value in special:
        if lower == b"host":
            if host is not None:
                raise BadRequest(400, "more than one Host")
            host = value
        elif lower == b"connection":
            named = connection_options(value)
            if named is None:
                raise BadRequest(400, "malformed Connection")
            options = options | named if options else named
        elif lower == b"content-length":
            if length is not None:
                raise BadRequest(400, "more than one Content-Length")
            length = value
        elif lower == b"transfer-encoding":
            codings.append(value)
        elif lower == b"upgrade":
            upgrades.append(value)
        else:
            expectations.append(value)
    head.connection = options
    # RFC 9112 section 9.3: no persistent connection with an HTTP/1.0 client.
    head.keep_alive = head.minor == 1 and b"close" not in options
    if length is not None:
        head.content_length = decimal(length)
        if head.content_length is None:
            raise BadRequest(400, "invalid Content-Length")
    if codings:
        _transfer_coding(head, codings)
    head.host = _authority(head, host)
    if expectations:
        if len(expectations) > 1 or expectations[0].lower() != b"100-continue":
            raise BadRequest(417, "unknown expectation")
        # RFC 9110 section 10.1.1: ignored from HTTP/1.0, and without content there is nothing to wait for.
        head.expect_continue = head.minor == 1 and head.has_content
    if upgrades and head.minor == 1 and b"upgrade" in options:
        head.upgrade = _upgrade(head, upgrades)


def _transfer_coding(head: RequestHead, codings: list[bytes]) -> None:
    """
    Accept ``chunked``, once and alone.
    """
    if head.content_length is not None:
        raise BadRequest(400, "both Content-Length and Transfer-Encoding")
    if head.minor == 0:
        raise BadRequest(400, "Transfer-Encoding in HTTP/1.0")
    if len(codings) != 1:
        raise BadRequest(400, "more than one Transfer-Encoding")
    if codings[0].lower() != b"chunked":
        status = 501 if _ONE_CODING.fullmatch(codings[0]) else 400
        raise BadRequest(status, "unknown Transfer-Encoding")
    head.chunked = True


def _authority(head: RequestHead, host: bytes | None) -> bytes:
    """
    The authority of the request, once its target is known to be one of the forms that its method may have.
    """
    if host is None:
        if head.minor == 1:
            raise BadRequest(400, "no Host")
        host = b""
    else:
        try:
            authority(host)
        except InvalidAuthority:
            raise BadRequest(400, "invalid Host") from None
    target = head.target
    if target[0] == 0x2F:
        return host
    if target == b"*":
        if head.method != b"OPTIONS":
            raise BadRequest(400, "this method has no asterisk-form")
        return host
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise BadRequest(400, "invalid request target")
    try:
        authority(absolute[1])
    except InvalidAuthority:
        raise BadRequest(400, "invalid authority in the request target") from None
    return absolute[1]


def _upgrade(head: RequestHead, upgrades: list[bytes]) -> bytes | None:
    """
    ``websocket``, if that and nothing else is asked for.
    """
    # RFC 9110 section 7.8: an upgrade may be ignored. Any other, a version of this one included, would be a tunnel that
    # nobody has rules for; curl --http2 is content with an answer in HTTP.
    if len(upgrades) != 1 or upgrades[0].lower() != WEBSOCKET:
        return None
    if head.method != b"GET":
        raise BadRequest(400, "a WebSocket handshake is a GET")
    if head.has_content:
        raise BadRequest(400, "a WebSocket handshake has no content")
    return WEBSOCKET
