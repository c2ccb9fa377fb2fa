"""
One line for every request, with Pomerium's field names; queries are left out, since they may hold secrets.
"""

from __future__ import annotations

from twisted.logger import Logger, LogLevel

from pomerium_tx import paths
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.logs import ACCESS

log = Logger()

_PROBES = frozenset((paths.PING, paths.HEALTHZ))


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
    log.emit(
        LogLevel.debug if path in _PROBES else LogLevel.info,
        ACCESS,
        service=service,
        upstream_cluster=upstream,
        method=_text(head.method) if head is not None else "",
        authority=authority,
        path=path,
        user_agent=_field(head, b"user-agent"),
        referer=_field(head, b"referer").partition("?")[0],
        forwarded_for=_field(head, b"x-forwarded-for"),
        ip=peer,
        request_id=request_id,
        duration=round(seconds * 1000, 3),
        size=size,
        response_code=status,
        response_code_details=details,
    )


def _field(head: RequestHead | None, name: bytes) -> str:
    return "" if head is None else _text(head.get(name))


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("latin-1")
