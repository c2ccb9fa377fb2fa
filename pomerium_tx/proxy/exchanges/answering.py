"""
The answers of routes that have no application: another URL, or what the configuration says.

They are given to whoever the policy lets pass, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable

from pomerium_tx.config.forms.values import Origin
from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.proxy.heads.rewriting import without_handles
from pomerium_tx.routing.answers import Redirect
from pomerium_tx.routing.route import Route

_WITHOUT_CONTENT = frozenset((204, 205, 304))


def route_answer(
    route: Route,
    head: RequestHead,
    canonical: Canonical,
    fields: Iterable[writer.Pair],
    *,
    request_id: str,
    close: bool,
) -> bytes:
    """
    The whole answer of a route that answers by itself.

    :param fields: What the configuration sets on every answer of the route: it may say otherwise about the type of the
        content and about caching.
    """
    answer = route.answer
    assert answer is not None
    ours: list[writer.Pair]
    if isinstance(answer, Redirect):
        body = b""
        ours = [(b"Location", _location(route, answer, canonical))]
    else:
        body = answer.body
        ours = []
    if answer.status not in _WITHOUT_CONTENT:
        ours.append((b"Content-Length", b"%d" % len(body)))
    ours += [(b"Date", writer.date()), (b"X-Request-Id", request_id.encode("ascii"))]
    if close:
        ours.append((b"Connection", b"close"))
    elif head.minor == 0:
        ours.append((b"Connection", b"keep-alive"))
    taken = {name.lower() for name, _ in ours} | {b"content-length"}
    configured = [(name, value) for name, value in fields if name.lower() not in taken]
    given = {name.lower() for name, _ in configured}
    # What only some may see is for no cache, unless the configuration knows better.
    defaults = [(b"Cache-Control", b"no-store")]
    if body:
        defaults.append((b"Content-Type", b"text/plain; charset=utf-8"))
    said = [(name, value) for name, value in defaults if name.lower() not in given]
    reason = writer.REASONS.get(answer.status, b"")
    written = writer.head_of(writer.status_line(answer.status, reason), writer.field_lines([*configured, *said, *ours]))
    return written if head.method == b"HEAD" else written + body


def _location(route: Route, redirect: Redirect, canonical: Canonical) -> bytes:
    asked = Origin(scheme=route.from_scheme, host=canonical.host, port=canonical.port)
    return redirect.location(asked, canonical.path, without_handles(canonical.query)).encode("ascii")
