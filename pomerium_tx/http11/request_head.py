"""
From the bytes of a request head to its meaning, or to the reason why it has none.

RFC 9112 sections 3, 6 and 9.3, RFC 9110 sections 7.2, 7.8 and 10.1.1. Everything here is decided from whole lines or
the whole head, so that it cannot depend on how the bytes were cut on their way.
"""

from __future__ import annotations

import re

from httptools import HttpRequestParser

from pomerium_tx.http11.authority import Authority, InvalidAuthority, authority
from pomerium_tx.http11.fields import HOP_BY_HOP
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
_FRAMING = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"content-type")
)
# As every user agent writes it. Whatever else RFC 9110 section 5.5 allows around a value, readers disagree on it here.
_PLAIN_LENGTH = re.compile(rb"(?mi)^content-length: ?[0-9]++\r\n")

_UNDERSCORED = re.compile(rb"(?m)^(?=[^:_\r\n]*+_)" + TOKEN + rb"++:[^\r\n]*+\r\n")
_UNDERSTOOD = _FRAMING | HOP_BY_HOP
"""
Fields that an application must not find in another spelling: it would read another message, or another connection.
"""

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


def request_line(raw: bytes, limits: HeadLimits) -> re.Match[bytes]:
    """
    The line that *raw*, a whole head, begins with: method, target, minor version.

    :raises BadRequest: If it is none.
    """
    line = _REQUEST_LINE.match(raw)
    if line is None or len(line[2]) > limits.target or line[1] not in METHODS:
        first = raw[: raw.index(b"\n") + 1]
        raise method_problem(first) or line_problem(first, limits) or BadRequest(400, MALFORMED_LINE)
    return line


def read_head(method: bytes, target: bytes, minor: bytes, block: bytes, limits: HeadLimits) -> RequestHead:
    """
    The head with a good request line of these parts, followed by *block*.

    :raises BadRequest: If anything about it is in doubt.
    """
    pairs = REQUEST_FIELD.findall(block)
    # Each match is one whole line. Fewer matches than lines: a line is malformed.
    if len(pairs) != block.count(b"\n") - 1:
        block, pairs = _with_underscores(block, limits.underscores)
    if len(pairs) > limits.fields:
        raise BadRequest(431, TOO_LARGE)
    found = [(name.lower(), name, value.rstrip(b" \t")) for name, value in pairs]
    special = [field for field in found if field[0] in _FRAMING]
    head = RequestHead(method, target, minor[0] - 0x30, found, b"", None, False, False, None, False, NO_OPTIONS)
    _interpret(head, special)
    if head.content_length is not None and _PLAIN_LENGTH.search(block) is None:
        raise BadRequest(400, "invalid Content-Length")
    if not llhttp_accepts(HttpRequestParser, b"%b %b HTTP/1.%b\r\n%b" % (method, target, minor, block)):
        raise BadRequest(400, MALFORMED_HEAD)
    return head


def _with_underscores(block: bytes, underscores: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """
    What is left of a *block* in which a line is malformed, or has an underscore in its name, and its fields.
    """
    pairs = RESPONSE_FIELD.findall(block)
    if len(pairs) != block.count(b"\n") - 1:
        raise BadRequest(400, MALFORMED_HEAD)
    if underscores == "drop":
        block = _UNDERSCORED.sub(b"", block)
        return block, REQUEST_FIELD.findall(block)
    if underscores != "allow" or any(_hyphened(name) in _UNDERSTOOD for name, _ in pairs):
        raise BadRequest(400, _NO_UNDERSCORE)
    return block, pairs


def _hyphened(name: bytes) -> bytes:
    return name.lower().replace(b"_", b"-") if b"_" in name else b""


def _interpret(head: RequestHead, special: list[Field]) -> None:
    """
    Give *head* its framing, its authority and what its connection is asked for.
    """
    host: bytes | None = None
    length: bytes | None = None
    codings: list[bytes] = []
    upgrades: list[bytes] = []
    expectations: list[bytes] = []
    typed = False
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
        elif lower == b"content-type":
            # RFC 9110 section 5.3: not a list, so of two of them each reader believes another one.
            if typed:
                raise BadRequest(400, "more than one Content-Type")
            typed = True
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
    if head.method == b"HEAD" and head.has_content:
        # RFC 9110 section 9.3.2: it has no meaning, and has been used to hide a request behind another.
        raise BadRequest(400, "HEAD with content")
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
        named = authority(absolute[1])
    except InvalidAuthority:
        raise BadRequest(400, "invalid authority in the request target") from None
    # RFC 9112 section 3.2: they must be the same; section 3.2.2 would have the target believed, others believe Host.
    if host and _whom(authority(host), target) != _whom(named, target):
        raise BadRequest(400, "Host differs from the request target")
    return absolute[1]


def _whom(named: Authority, target: bytes) -> tuple[str, int]:
    default = 443 if target[:6].lower() == b"https:" else 80
    return named.host, named.port or default


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
