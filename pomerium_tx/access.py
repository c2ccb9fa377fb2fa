"""
The access log: one line for every request that was answered, with Pomerium's field names.

Queries are left out, since they may hold secrets.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.logs import ACCESS
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Answered
from pomerium_tx.request_lines import LineForm, Particular

log = Logger()

_LINE: Final = LineForm(
    log,
    ACCESS,
    usual=(
        *("service", "upstream_cluster", "method", "authority", "user_agent", "forwarded_for", "ip"),
        "response_code_details",
    ),
    particular=("referer",),
    numbers={"duration": "%.3f", "size": "%d", "response_code": "%d"},
)


def log_access(answered: Answered, service: str = "proxy") -> None:
    """
    Write the line of one request into the access log.

    :param service: Whose listener was asked.
    """
    asked, details = answered.asked, answered.details
    head, peer = asked.head, asked.peer
    route = canonical = None
    if isinstance(asked, Asked):
        route, canonical = asked.verdict.route, asked.canonical
    # One for each head, the latest: peers, and what is to be said of them, are many.
    key = (service, route, peer, details)
    known = None if head is None else head.derived.get(log_access)
    if known is None or known[0] != key:
        known = (
            key,
            _LINE.usual(
                service,
                "" if route is None else route.name or route.id,
                "" if head is None else _text(head.method),
                "" if canonical is None else _text(canonical.authority),
                _field(head, b"user-agent"),
                _field(head, b"x-forwarded-for"),
                peer,
                details,
            ),
        )
        if head is not None:
            head.derived[log_access] = known
    particular: Particular | None = None if canonical is None else canonical.derived.get(log_access)
    if particular is None:
        path = b"" if canonical is None else canonical.path
        particular = _LINE.particular(path, _field(head, b"referer").partition("?")[0])
        if canonical is not None:
            canonical.derived[log_access] = particular
    _LINE.write(
        known[1],
        particular,
        asked.request_id,
        (answered.seconds * 1000, answered.size, answered.status),
    )


def _field(head: RequestHead | None, name: bytes) -> str:
    return "" if head is None else _text(head.get(name))


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("latin-1")
