"""
What an upstream gets to see of a request, and a user agent of a response: pure functions over heads.

A head is never edited: it is written anew from an allow-listed copy. What could pass for ours is left out first, what
the `Connection` field names goes next, and our own fields come last, so that no peer can name them away (RFC 9110
section 7.6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical, canonical_path
from pomerium_tx.http11.fields import HOP_BY_HOP, ReservedNames
from pomerium_tx.http11.heads import BadRequest, RequestHead, ResponseHead
from pomerium_tx.proxy.caching import ruled
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.handle import QUERY_PARAMETER, handle_of_authorization
from pomerium_tx.web.cookies import is_reserved_cookie, without

VIA = b"1.1 pomerium_tx"

_SET_ELSEWHERE = frozenset(
    (b"host", b"cookie", b"content-length", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id", b"via")
)
_RESPONSE_SET_ELSEWHERE = frozenset((b"content-length", b"set-cookie", b"via"))
_FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id")


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """
    The facts beside the head that the upstream is told.
    """

    peer: bytes
    scheme: bytes
    request_id: bytes
    identity: Sequence[tuple[bytes, bytes]]
    """
    The identity assertion and the claim fields; empty when identity is not passed.
    """


@dataclass(frozen=True, slots=True)
class Framing:
    """
    How the end of an answer's content is shown to the user agent (RFC 9112 section 6).
    """

    fields: tuple[tuple[bytes, bytes], ...]
    chunked: bool
    keep_alive: bool

    @classmethod
    def of(cls, head: ResponseHead, *, minor: int, keep_alive: bool) -> Framing:
        """
        The framing of the upstream's final answer *head*.

        :param minor: The user agent speaks HTTP/1.*minor*.
        :param keep_alive: The connection may serve another request, as far as the request is concerned.
        """
        fields: list[tuple[bytes, bytes]] = []
        chunked = False
        if head.content_length is not None and not head.chunked:
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
        return cls(tuple(fields), chunked, keep_alive)


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
        # An application may fold these names too, and mistake another spelling for what we set, or fail to remove.
        self._reserved = ReservedNames((*_FORWARDED, *claim_fields, *(name for name, _ in self._set), *self._removed))
        self._takes_cookies = b"cookie" not in self._removed and b"cookie" not in {
            name.lower() for name, _ in self._set
        }
        self._dropped_cookie = dropped_cookie

    def request_head(
        self, head: RequestHead, canonical: Canonical, upstream: Upstream, facts: ForwardedRequest
    ) -> bytes:
        """
        The head that is sent to *upstream*.

        :raises BadRequest: If the path would leave what ``to`` names.
        """
        connection = head.connection
        fields = [(b"Host", self._host(canonical, upstream))]
        cookies: list[bytes] = []
        forwarded_for: list[bytes] = []
        via: list[bytes] = []
        for lower, name, value in head.fields:
            if lower == b"cookie":
                kept = without(value, self._is_our_cookie)
                if kept:
                    cookies.append(kept)
            elif lower == b"x-forwarded-for":
                forwarded_for.append(value)
            elif lower == b"via":
                via.append(value)
            elif not self._is_left_out(lower, value, connection):
                fields.append((name, value))
        removed = self._removed
        if cookies and self._takes_cookies and b"cookie" not in connection:
            fields.append((b"Cookie", b"; ".join(cookies)))
        if head.chunked:
            fields.append((b"Transfer-Encoding", b"chunked"))
        elif head.content_length is not None:
            fields.append((b"Content-Length", b"%d" % head.content_length))
        if head.upgrade is not None:
            fields.append((b"Connection", b"Upgrade"))
            fields.append((b"Upgrade", head.upgrade))
        fields.extend(self._set)
        if b"x-forwarded-for" not in removed:
            if self._append_forwarded_for:
                forwarded_for.append(facts.peer)
            if forwarded_for:
                fields.append((b"X-Forwarded-For", b", ".join(forwarded_for)))
        if b"x-forwarded-proto" not in removed:
            fields.append((b"X-Forwarded-Proto", facts.scheme))
        if not self._route.preserve_host_header and b"x-forwarded-host" not in removed:
            fields.append((b"X-Forwarded-Host", canonical.authority))
        fields.append((b"X-Request-Id", facts.request_id))
        fields.append((b"Via", b", ".join((*via, VIA))))
        fields.extend(facts.identity)
        return writer.request_head(head.method, self._target(canonical, upstream), fields)

    def response_head(self, head: ResponseHead, framing: Sequence[tuple[bytes, bytes]], request_id: bytes) -> bytes:
        """
        The head that is sent to the user agent, with *framing* as its last fields.
        """
        connection, overwritten = head.connection, self._overwritten
        fields: list[tuple[bytes, bytes]] = []
        for lower, name, value in head.fields:
            if lower in HOP_BY_HOP or lower in overwritten or lower == b"x-request-id":
                continue
            if lower == b"set-cookie":
                if self._sets_our_cookie(value):
                    self._dropped_cookie(_cookie_name(value))
                    continue
            elif lower in _RESPONSE_SET_ELSEWHERE or lower in connection:
                continue
            fields.append((name, value))
        fields.extend(self._response_fields)
        if self._route.caching != "upstream" and head.status >= 200:
            fields = ruled(self._route.caching, fields)
        fields.append((b"X-Request-Id", request_id))
        fields.extend(framing)
        return writer.response_head(head.status, head.reason, fields)

    def _is_left_out(self, lower: bytes, value: bytes, connection: frozenset[bytes]) -> bool:
        if lower in _SET_ELSEWHERE or lower in HOP_BY_HOP or lower in connection or lower in self._reserved:
            return True
        if lower == b"authorization":
            return handle_of_authorization(value) is not None
        return lower == b"referer" and _has_handle(value.partition(b"?")[2])

    def _host(self, canonical: Canonical, upstream: Upstream) -> bytes:
        route = self._route
        if route.host_rewrite:
            return route.host_rewrite.encode("ascii")
        if route.preserve_host_header:
            return canonical.authority
        return upstream.authority

    def _target(self, canonical: Canonical, upstream: Upstream) -> bytes:
        path, query = canonical.path, canonical.query
        if upstream.path:
            # The path of ``to`` stands for what the route matched, as Pomerium has it.
            matched = path if self._route.prefix is None else self._route.prefix
            path = upstream.path + path[len(matched) :]
            if canonical_path(path, True, False) != path:
                # What was matched and what takes its place join to another path than the one that was decided.
                raise BadRequest(400, "This path leads out of the application.")
        if query is not None and _has_handle(query):
            query = b"&".join(pair for pair in query.split(b"&") if not _is_handle(pair)) or None
        return path if query is None else path + b"?" + query

    def _is_our_cookie(self, name: bytes) -> bool:
        return is_reserved_cookie(name, self._cookie_name)

    def _sets_our_cookie(self, set_cookie: bytes) -> bool:
        return is_reserved_cookie(_cookie_name(set_cookie), self._cookie_name)


def _cookie_name(set_cookie: bytes) -> bytes:
    # A cookie without a name is sent back as its bare value, so the value can pass for a name (RFC 6265bis section
    # 5.6).
    name, equals, rest = set_cookie.partition(b";")[0].partition(b"=")
    name = name.strip(b" \t")
    if equals and not name:
        name = rest.partition(b"=")[0].strip(b" \t")
    return name


def _has_handle(query: bytes) -> bool:
    return (b"%" in query or QUERY_PARAMETER in query) and any(map(_is_handle, query.split(b"&")))


def _is_handle(pair: bytes) -> bool:
    return unquote_to_bytes(pair.partition(b"=")[0]) == QUERY_PARAMETER
