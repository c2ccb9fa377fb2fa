"""
One line for every request, with Pomerium's field names; queries are left out, since they may hold secrets.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger, LogLevel

from pomerium_tx import paths
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.logs import ACCESS
from pomerium_tx.request_lines import LineForm

log = Logger()

_PROBES: Final = frozenset((paths.PING, paths.HEALTHZ))
_LINE: Final = LineForm(
    log,
    ACCESS,
    usual=(
        *("service", "upstream_cluster", "method", "authority", "user_agent", "referer", "forwarded_for", "ip"),
        "response_code_details",
    ),
    texts=("path",),
    ids=("request_id",),
    numbers=("duration", "size", "response_code"),
)


def log_request(
    *,
    head: RequestHead | None,
    authority: str,
    path: str,
    peer: str,
    request_id: str,
    upstream: str,
    status: int,
    size: int,
    seconds: float,
    details: str,
    service: str = "proxy",
) -> None:
    """
    Write the line.

    :param head: None when it could not be read.
    :param path: Without its query.
    :param size: Bytes of content that were sent.
    :param service: Whose listener was asked.
    """
    # One for each head, the latest: peers, and what is to be said of them, are many.
    key = (service, upstream, peer, details)
    known = None if head is None else head.derived.get(log_request)
    if known is None or known[0] != key:
        usual = _LINE.usual(
            service,
            upstream,
            "" if head is None else _text(head.method),
            authority,
            _field(head, b"user-agent"),
            _field(head, b"referer").partition("?")[0],
            _field(head, b"x-forwarded-for"),
            peer,
            details,
        )
        known = key, usual
        if head is not None:
            head.derived[log_request] = known
    _LINE.write(
        LogLevel.debug if path in _PROBES else LogLevel.info,
        known[1],
        (path,),
        (request_id, round(seconds * 1000, 3), size, status),
    )


def _field(head: RequestHead | None, name: bytes) -> str:
    return "" if head is None else _text(head.get(name))


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("latin-1")
