"""
What an upstream gets to see of a request, and a user agent of a response: pure functions over heads.

A head is never edited: it is written anew from an allow-listed copy. What could pass for ours is left out first, what
the `Connection` field names goes next, and our own fields come last, so that no peer can name them away (RFC 9110
section 7.6.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.fields import HOP_BY_HOP, ReservedNames, folded
from pomerium_tx.http11.heads import BadRequest, Field, RequestHead, ResponseHead
from pomerium_tx.proxy.heads.caching import ruled
from pomerium_tx.proxy.heads.rewriting import has_handle, host_rule, target_rule
from pomerium_tx.remembered import remembering
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.handle import handle_of_authorization
from pomerium_tx.web.cookies import is_reserved_cookie, without

PSEUDONYM = b"pomerium_tx"
"""
Our name in Via (RFC 9110 section 7.6.3).
"""
MOST_PASSES = 8
"""
How often a request may have passed by one of us before it is held to go round for ever.
"""
_LOOP = "This request goes round in circles."

_NAMES, _LONGEST_NAME = 256, 64
_COOKIES, _LONGEST_COOKIES = 256, 4_096
"""
What each route remembers of the names of fields and of Cookie fields: how many, and how long each may be.
"""

_COPIED_WITHOUT_HANDLE = frozenset(
    (
        b"authorization",
        b"referer",
        # Proxies in front tell in these what they were asked for, with the query.
        b"x-envoy-original-path",
        b"x-forwarded-uri",
        b"x-original-uri",
        b"x-original-url",
        b"x-rewrite-url",
    )
)
_SET_ELSEWHERE = frozenset(
    (
        b"host",
        b"cookie",
        b"content-length",
        b"expect",
        b"max-forwards",
        b"x-forwarded-for",
        b"via",
    )
)
_WITH_RULES = _COPIED_WITHOUT_HANDLE | _SET_ELSEWHERE | HOP_BY_HOP
_WITH_RULES_FOLDED = frozenset(map(folded, _WITH_RULES))
"""
Fields of which not everything may pass, folded: another spelling would pass the rule by, and may be mistaken for them.
"""
_IMPERSONATE = b"IMPERSONATE_"
"""
How the fields begin, folded, by which Kubernetes is told who asks.
"""
_RESPONSE_SET_ELSEWHERE = frozenset((b"content-length", b"via", b"x-request-id"))
_FORWARDED = (b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id")
# As the variable HTTP_PROXY it would tell an application's HTTP client where to connect (CVE-2016-1000111).
_MISTAKEN = (b"proxy",)


@dataclass(slots=True)
class ForwardedRequest:
    """
    The facts beside the head that the upstream is told.
    """

    peer: bytes
    scheme: bytes
    request_id: writer.Lines
    """
    The field with which all know this request.
    """
    identity: writer.Lines = field(repr=False)
    """
    The identity assertion and the claim fields; empty when identity is not passed.
    """


@dataclass(slots=True)
class _PreparedRequest:
    """
    What all requests with the same fields have in common.
    """

    lines: writer.Lines
    forwarded_for: bytes | None
    """
    What goes before the peer in ``X-Forwarded-For``; None if the peer is not told.
    """
    told_of: tuple[bytes, bytes] | None = None
    told: writer.Lines | None = None
    """
    Those lines, and what is told of the peer and the scheme that they were last told of.
    """


@dataclass(frozen=True, slots=True)
class _PreparedResponse:
    """
    What all responses with the same head have in common.
    """

    lines: writer.Lines
    dropped_cookies: tuple[bytes, ...]
    is_dated: bool


@dataclass(frozen=True, slots=True)
class Framing:
    """
    How the end of an answer's content is shown to the user agent (RFC 9112 section 6).
    """

    lines: writer.Lines
    chunked: bool
    keep_alive: bool
    event_stream: bool
    """
    Whether the content has no end that anybody waits for.
    """

    @classmethod
    def of(cls, head: ResponseHead, *, minor: int, keep_alive: bool) -> Framing:
        """
        The framing of the upstream's final answer *head*.

        :param minor: The user agent speaks HTTP/1.*minor*.
        :param keep_alive: The connection may serve another request, as far as the request is concerned.
        """
        key = (cls, minor, keep_alive)
        known: Framing | None = head.derived.get(key)
        if known is None:
            known = head.derived[key] = cls._of(head, minor=minor, keep_alive=keep_alive)
        return known

    @classmethod
    def _of(cls, head: ResponseHead, *, minor: int, keep_alive: bool) -> Framing:
        fields: list[writer.Pair] = []
        chunked = False
        if head.content_length is not None:
            fields.append((b"Content-Length", b"%d" % head.content_length))
        elif head.has_content and minor >= 1:
            chunked = True
            fields.append((b"Transfer-Encoding", b"chunked"))
        elif head.has_content:
            keep_alive = False
        if not keep_alive:
            fields.append((b"Connection", b"close"))
        elif minor == 0:
            fields.append((b"Connection", b"keep-alive"))
        content_type = head.get(b"content-type")
        event_stream = content_type is not None and content_type.lower().startswith(b"text/event-stream")
        return cls(writer.field_lines(fields), chunked, keep_alive, event_stream)


class Forwarding:
    """
    The rules of one route for both heads.

    :param claim_fields: Names of the configured claim fields: reserved, whether identity is passed or not.
    :param response_fields: Set on every response of this route, whatever the upstream says.
    """

    def __init__(
        self,
        route: Route,
        *,
        cookie_name: bytes,
        claim_fields: Iterable[bytes],
        response_fields: Sequence[tuple[bytes, bytes]],
        append_forwarded_for: bool = True,
        dropped_cookie: Callable[[bytes], None],
    ) -> None:
        self._route = route
        self._target = target_rule(route)
        self._host, self._has_own_host = host_rule(route)
        self._cookie_name = cookie_name
        self._response_fields = tuple(response_fields)
        self._overwritten = frozenset(name.lower() for name, _ in response_fields)
        self._append_forwarded_for = append_forwarded_for
        self._removed = frozenset(name.lower().encode("ascii") for name in route.remove_request_headers)
        self._set = tuple(
            (name.encode("ascii"), value.encode("latin-1"))
            for name, value in route.set_request_headers
            if name.lower().encode("ascii") not in self._removed
        )
        filled = [name.encode("ascii") for name, _ in route.filled_request_headers]
        if route.kubernetes_token is not None:
            filled.append(b"authorization")
        self._impersonates = route.kubernetes_token is not None
        ours = {name.lower() for name in (*(name for name, _ in self._set), *filled)}
        # An application may fold these names too, and mistake another spelling for what we set, or fail to remove.
        self._reserved = ReservedNames((*_FORWARDED, *_MISTAKEN, *claim_fields, *ours, *self._removed))
        self._takes_cookies = b"cookie" not in self._removed | ours
        self._rewrites = route.rewrite_response_headers
        self._is_copied = remembering(self._copied, entries=_NAMES, longest=_LONGEST_NAME)
        self._without_ours = remembering(self._without_our_cookies, entries=_COOKIES, longest=_LONGEST_COOKIES)
        self._tells_scheme = b"x-forwarded-proto" not in self._removed
        self._dropped_cookie = dropped_cookie

    def request_head(
        self, head: RequestHead, canonical: Canonical, upstream: Upstream, facts: ForwardedRequest
    ) -> bytes:
        """
        The head that is sent to *upstream*.

        :raises BadRequest: If what would be sent is no path or no host, or the request has been here too often.
        """
        prepared: _PreparedRequest | None = head.derived.get(self)
        if prepared is None:
            prepared = head.derived[self] = self._prepared(head, canonical, upstream)
        whom = (facts.peer, facts.scheme)
        before = prepared.told
        if before is None or prepared.told_of != whom:
            # Of all who send the same fields the latest, since there may be many.
            before = prepared.told = writer.Lines(prepared.lines + self._told(prepared, facts))
            prepared.told_of = whom
        own: tuple[writer.Lines, writer.Lines] | None = canonical.derived.get(self)
        if own is None:
            own = canonical.derived[self] = self._own_lines(head, canonical, upstream)
        return writer.head_of(own[0], before, own[1], facts.request_id, facts.identity)

    def response_head(self, head: ResponseHead, framing: writer.Lines, request_id: writer.Lines) -> bytes:
        """
        The head that is sent to the user agent, with *framing* as its last fields.
        """
        prepared: _PreparedResponse | None = head.derived.get(self)
        if prepared is None:
            prepared = head.derived[self] = self._prepared_response(head)
        for name in prepared.dropped_cookies:
            self._dropped_cookie(name)
        if not prepared.is_dated and head.status >= 200:
            # RFC 9110 section 6.6.1.
            return writer.head_of(prepared.lines, writer.field_lines(((b"Date", writer.date()),)), request_id, framing)
        return writer.head_of(prepared.lines, request_id, framing)

    def _own_lines(
        self, head: RequestHead, canonical: Canonical, upstream: Upstream
    ) -> tuple[writer.Lines, writer.Lines]:
        """
        The lines that are not the same for all requests with the same steady fields: the first ones, and the others.
        """
        first = writer.request_line(head.method, self._target(canonical))
        if self._has_own_host:
            host = writer.field_lines(((b"Host", self._host(head, canonical, upstream)),))
            first = writer.Lines(first + host)
        return first, writer.field_lines(self._copies(head.varying, head.connection))

    def _copies(self, fields: Iterable[Field], connection: frozenset[bytes]) -> list[writer.Pair]:
        """
        Those of *fields* that are passed on as they are.
        """
        is_copied = self._is_copied
        return [
            (name, value)
            for lower, name, value in fields
            if is_copied(lower)
            and lower not in connection
            and not (lower in _COPIED_WITHOUT_HANDLE and names_a_session(lower, value))
        ]

    def _told(self, prepared: _PreparedRequest, facts: ForwardedRequest) -> writer.Lines:
        fields: list[writer.Pair] = []
        if prepared.forwarded_for is not None:
            fields.append((b"X-Forwarded-For", prepared.forwarded_for + facts.peer))
        if self._tells_scheme:
            fields.append((b"X-Forwarded-Proto", facts.scheme))
        return writer.field_lines(fields)

    def _prepared(self, head: RequestHead, canonical: Canonical, upstream: Upstream) -> _PreparedRequest:
        """
        What every request with the fields of *head*, and so of its authority, has in common.
        """
        connection = head.connection
        fields = [] if self._has_own_host else [(b"Host", self._host(head, canonical, upstream))]
        fields += self._copies(head.steady, connection)
        cookies: list[bytes] = []
        forwarded_for: list[bytes] = []
        via: list[bytes] = []
        for lower, _, value in head.steady:
            if lower == b"cookie":
                kept = self._without_ours(value)
                if kept:
                    cookies.append(kept)
            elif lower == b"x-forwarded-for":
                forwarded_for.append(value)
            elif lower == b"via":
                via.append(value)
        if cookies and self._takes_cookies and b"cookie" not in connection:
            fields.append((b"Cookie", b"; ".join(cookies)))
        if head.chunked:
            fields.append((b"Transfer-Encoding", b"chunked"))
        elif head.content_length is not None:
            fields.append((b"Content-Length", b"%d" % head.content_length))
        if head.expect_continue and b"expect" not in connection:
            fields.append((b"Expect", b"100-continue"))
        forwards = head.get(b"max-forwards")
        if forwards is not None and b"max-forwards" not in connection:
            fields.append((b"Max-Forwards", one_less(forwards) if head.method == b"OPTIONS" else forwards))
        if head.upgrade is not None:
            fields.append((b"Connection", b"Upgrade"))
            fields.append((b"Upgrade", head.upgrade))
        fields.extend(self._set)
        if not self._route.preserve_host_header and b"x-forwarded-host" not in self._removed:
            fields.append((b"X-Forwarded-Host", canonical.authority))
        if b",".join(via).count(PSEUDONYM) >= MOST_PASSES:
            raise BadRequest(508, _LOOP)
        fields.append((b"Via", b", ".join((*via, b"1.%d %b" % (head.minor, PSEUDONYM)))))
        before_peer: bytes | None = None
        if b"x-forwarded-for" not in self._removed:
            if self._append_forwarded_for:
                before_peer = b"".join(b"%b, " % value for value in forwarded_for)
            elif forwarded_for:
                fields.append((b"X-Forwarded-For", b", ".join(forwarded_for)))
        return _PreparedRequest(writer.field_lines(fields), before_peer)

    def _prepared_response(self, head: ResponseHead) -> _PreparedResponse:
        """
        What every response that is like *head* has in common.
        """
        gone = _RESPONSE_SET_ELSEWHERE | head.connection | self._overwritten
        fields: list[writer.Pair] = []
        dropped: list[bytes] = []
        for lower, name, value in head.fields:
            if lower in HOP_BY_HOP or lower in gone:
                continue
            if self._rewrites:
                value = self._rewritten(lower, value)
            if lower == b"set-cookie" and self._sets_our_cookie(value):
                dropped.append(_cookie_name(value))
            else:
                fields.append((name, value))
        if head.status >= 200:
            fields.extend(self._response_fields)
            fields = ruled(self._route.caching, fields)
        is_dated = any(name.lower() == b"date" for name, _ in fields)
        first = writer.status_line(head.status, head.reason)
        return _PreparedResponse(writer.Lines(first + writer.field_lines(fields)), tuple(dropped), is_dated)

    def _rewritten(self, lower: bytes, value: bytes) -> bytes:
        for name, prefix, instead in self._rewrites:
            if name == lower and value.startswith(prefix):
                return instead + value[len(prefix) :]
        return value

    def _without_our_cookies(self, cookie: bytes) -> bytes | None:
        return without(cookie, lambda name: is_reserved_cookie(name, self._cookie_name))

    def _copied(self, lower: bytes) -> bool:
        return lower not in _SET_ELSEWHERE and not self._is_dropped(lower)

    def _is_dropped(self, lower: bytes) -> bool:
        name = folded(lower)
        return (
            lower in HOP_BY_HOP
            or (name in _WITH_RULES_FOLDED and lower not in _WITH_RULES)
            or lower in self._reserved
            or (self._impersonates and name.startswith(_IMPERSONATE))
        )

    def _sets_our_cookie(self, set_cookie: bytes) -> bool:
        return is_reserved_cookie(_cookie_name(set_cookie), self._cookie_name)


def one_less(forwards: bytes) -> bytes:
    """
    The Max-Forwards of a request that is passed on; zero, with which it goes no further, if *forwards* is no number.
    """
    return b"%d" % max(int(forwards) - 1, 0) if re.fullmatch(rb"[0-9]{1,9}", forwards) else b"0"


def _cookie_name(set_cookie: bytes) -> bytes:
    # A cookie without a name is sent back as its bare value, so the value can pass for a name (RFC 6265bis section
    # 5.6).
    name, _, rest = set_cookie.partition(b";")[0].partition(b"=")
    name = name.strip(b" \t")
    if not name:
        name = rest.partition(b"=")[0].strip(b" \t")
    return name


def names_a_session(lower: bytes, value: bytes) -> bool:
    """
    Whether a field with credentials, or with a URL, carries a session handle.
    """
    if lower == b"authorization":
        return handle_of_authorization(value) is not None
    return has_handle(value.partition(b"?")[2])
