"""
What is sent on: one meaning, whoever reads it, and nothing in it that is ours to say.
"""

from __future__ import annotations

from collections.abc import Iterator

import h11

from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.fields import folded
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.reader import EndOfMessage, RequestReader
from pomerium_tx.http11.writer import field_lines
from pomerium_tx.proxy.heads.forwarding import ForwardedRequest, Forwarding
from pomerium_tx.proxy.heads.request_ids import request_id_line
from pomerium_tx.proxy.heads.rewriting import without_handles
from pomerium_tx.web.cookies import cookie_pairs, is_reserved_cookie
from tests.fuzz.node import IS_THERE, by_node
from tests.hostile.readers import Read, by_h11, by_the_letter, by_twisted
from tests.proxy.harness import a_route

COOKIE = b"_pomerium"
ASSERTION = b"the.assertion.itself"
FACTS = ForwardedRequest(
    peer=b"192.0.2.7",
    scheme=b"https",
    request_id=request_id_line("request-1"),
    identity=field_lines([(b"X-Pomerium-Jwt-Assertion", ASSERTION), (b"X-Email", b"alice@example.com")]),
)
_LIMITS = tuple(HeadLimits(underscores=word) for word in ("reject", "drop", "allow"))
_ROUTES = (
    a_route(),
    a_route(
        preserve_host_header=True, set_request_headers=(("X-Set", "by the route"),), remove_request_headers=("X-B",)
    ),
)
_FORWARDINGS = tuple(
    (
        route,
        Forwarding(
            route,
            cookie_name=COOKIE,
            claim_fields=(b"x-email",),
            response_fields=(),
            dropped_cookie=lambda name: None,
        ),
    )
    for route in _ROUTES
)
_OURS_ONCE = {b"X_POMERIUM_JWT_ASSERTION": ASSERTION.decode(), b"X_EMAIL": "alice@example.com"}


def whole_requests(octets: bytes, limits: HeadLimits) -> Iterator[tuple[RequestHead, bytes]]:
    """
    The requests in *octets* that are complete, each with its content; nothing after a handshake.
    """
    head: RequestHead | None = None
    content = b""
    for event in RequestReader(limits).feed(octets):
        if isinstance(event, RequestHead):
            head, content = event, b""
        elif isinstance(event, bytes):
            content += event
        elif event is EndOfMessage.END:
            assert head is not None
            require_good_to_h11(head)
            yield head, content


def require_good_to_h11(head: RequestHead) -> None:
    """
    What is taken for a good head is one to h11, too: with one Host, framed once.
    """
    lines = b"".join(b"%b: %b\r\n" % (name, value) for _, name, value in head.fields)
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(b"%b %b HTTP/1.%d\r\n%b\r\n" % (head.method, head.target, head.minor, lines))
    event = reader.next_event()
    assert isinstance(event, h11.Request), event
    assert (event.method, event.target) == (head.method, head.target)
    assert len(list(event.headers)) == len(head.fields)


def sent(head: RequestHead, canonical: Canonical, content: bytes, way: int) -> bytes:
    """
    What an upstream gets of one request.

    :param way: By which of the routes here.
    """
    route, forwarding = _FORWARDINGS[way]
    octets = forwarding.request_head(head, canonical, route.upstreams[0], FACTS)
    if head.chunked:
        return octets + writer.chunk(content) + writer.LAST_CHUNK
    return octets + content


def check_forwarded(octets: bytes) -> None:
    """
    What passes is read alike by the letter, by h11, by Twisted and by node: as many requests, with the path that was
    decided about and the query but for our handle, and with no field or cookie that a peer has made up in our name.
    """
    for limits in _LIMITS:
        for way in range(len(_FORWARDINGS)):
            _check(octets, limits, way)


def _check(octets: bytes, limits: HeadLimits, way: int) -> None:
    written, wanted, is_handshake = b"", [], False
    for head, content in whole_requests(octets, limits):
        try:
            canonical = canonicalise(head)
            query = without_handles(canonical.query)
            written += sent(head, canonical, content, way)
        except BadRequest:
            break
        target = canonical.path if query is None else canonical.path + b"?" + query
        wanted.append((head.method.decode(), target.decode(), content))
        is_handshake = head.upgrade is not None
    if not written:
        return
    read = by_h11(written)
    assert [(each.method, each.target, each.content) for each in read] == wanted, (read, wanted)
    assert by_twisted(written) == read
    if not is_handshake and limits.underscores != "allow":
        assert by_the_letter(written) == read
    if IS_THERE:
        assert by_node(written) == read
    for each in read:
        _check_ours(each)


def _check_ours(read: Read) -> None:
    """
    Nothing of what is ours to say was said by anybody else.
    """
    found: dict[bytes, list[str]] = {}
    for name, values in read.fields:
        found.setdefault(folded(name.encode("latin-1")), []).extend(values)
    for name, value in _OURS_ONCE.items():
        assert found.pop(name, None) == [value], (name, read)
    assert not [name for name in found if name.startswith(b"X_POMERIUM_")], read
    assert all(value.endswith("192.0.2.7") for value in found[b"X_FORWARDED_FOR"]), read
    assert found[b"X_FORWARDED_PROTO"] == ["https"], read
    for cookies in found.get(b"COOKIE", []):
        names = [name for name, _ in cookie_pairs(cookies.encode("latin-1"))]
        assert not any(is_reserved_cookie(name, COOKIE) for name in names), read
