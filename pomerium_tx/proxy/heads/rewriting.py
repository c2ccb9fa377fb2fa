"""
The target and the ``Host`` that an application sees.

What was decided about is one path, and what is sent another: so the other one has to be in canonical form too, or it
could be read as a third. A host that is made of a request is the user agent's choice, and may be nothing but a host.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from pomerium_tx.config.forms.expressions import Rewrite
from pomerium_tx.http11.authority import InvalidAuthority, authority
from pomerium_tx.http11.canonical import Canonical, canonical_path
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.http11.varying import VARYING
from pomerium_tx.routing.rewriting import PathRewrite
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.handle import QUERY_PARAMETER

TargetRule = Callable[[Canonical], bytes]
HostRule = Callable[[RequestHead, Canonical, Upstream], bytes]

_LEADS_OUT = "This path leads out of the application."
_NO_HOST = "This request names no host of the application."


def target_rule(route: Route) -> TargetRule:
    """
    What makes the target to send, origin-form, of what was asked for.

    It raises `BadRequest` if that would not be the path of an application.
    """
    rewrite = route.path_rewrite
    if rewrite is None:
        return _unchanged
    return lambda canonical: _with_query(_rewritten(rewrite, canonical.path), canonical.query)


def host_rule(route: Route) -> tuple[HostRule, bool]:
    """
    What makes the ``Host`` to send, and whether that is each request's own: it is the same for all with the same steady
    fields where it is made of neither the path nor a field that varies.

    It raises `BadRequest` if that would be no host.
    """
    name, rewrite = route.host_rewrite_header, route.host_rewrite_by_path
    if route.host_rewrite:
        fixed = route.host_rewrite.encode("ascii")
        return lambda head, canonical, upstream: fixed, False
    if name is not None:
        return lambda head, canonical, upstream: _host_in(head.get_all(name), canonical), name in VARYING
    if rewrite is not None:
        return lambda head, canonical, upstream: _host_of_path(rewrite, canonical.path), True
    if route.preserve_host_header:
        return lambda head, canonical, upstream: canonical.authority, False
    return lambda head, canonical, upstream: upstream.authority, False


def has_handle(query: bytes) -> bool:
    """
    Whether a parameter of *query* carries a session handle.
    """
    return (b"%" in query or QUERY_PARAMETER in query) and any(map(_is_handle, query.split(b"&")))


def _unchanged(canonical: Canonical) -> bytes:
    return _with_query(canonical.path, canonical.query)


def without_handles(query: bytes | None) -> bytes | None:
    """
    *query* without parameters that carry a session handle; None if nothing is left.
    """
    if query is not None and has_handle(query):
        return b"&".join(pair for pair in query.split(b"&") if not _is_handle(pair)) or None
    return query


def _with_query(path: bytes, query: bytes | None) -> bytes:
    if query is not None and has_handle(query):
        query = without_handles(query)
    return path if query is None else path + b"?" + query


def _rewritten(rewrite: PathRewrite, path: bytes) -> bytes:
    sent = rewrite.of(path)
    try:
        # Where slashes are not merged, there may be as many as were asked for, and none that come from us.
        is_canonical = canonical_path(sent, True, b"//" not in path) == sent
    except BadRequest:
        is_canonical = False
    if not is_canonical:
        # What was matched and what takes its place join to another path than the one that was decided.
        raise BadRequest(400, _LEADS_OUT)
    return sent


def _host_in(values: list[bytes], canonical: Canonical) -> bytes:
    if not values:
        return canonical.authority
    if len(values) > 1:
        raise BadRequest(400, _NO_HOST)
    return _host(values[0])


def _host_of_path(rewrite: Rewrite, path: bytes) -> bytes:
    return _host(rewrite.of(path))


def _host(named: bytes) -> bytes:
    try:
        return authority(named).text
    except InvalidAuthority:
        raise BadRequest(400, _NO_HOST) from None


def _is_handle(pair: bytes) -> bool:
    return unquote_to_bytes(pair.partition(b"=")[0]) == QUERY_PARAMETER
