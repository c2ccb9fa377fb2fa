"""
The request that another proxy asks about, from the fields in which it tells of it.

What it tells is put together and read as strictly as if it had come here (`http11.remembered_heads`): what could be
understood in two ways is refused. Each way of telling has fields of its own, and those of the other are not looked at:
the proxy sends on what the client has written into them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final
from urllib.parse import unquote_to_bytes

from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.fields import HOP_BY_HOP
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.http11.request_head import WEBSOCKET

Fields = Mapping[bytes, Sequence[bytes]]

_URL: Final = re.compile(rb"(?i:https?)://([^/?#]++)(.*)", re.DOTALL)
_OF_THE_QUESTION: Final = frozenset((b"host", b"content-length", b"expect", b"max-forwards", b"via", b"forwarded"))
_OF_PROXIES: Final = (b"x-forwarded-", b"x-original-")
_HANDSHAKE: Final = b"sec-websocket-key"


class Told(Enum):
    """
    How a proxy tells of the request.
    """

    FORWARDED = "X-Forwarded-Method, X-Forwarded-Host and X-Forwarded-Uri"
    """
    As Traefik and Caddy do.
    """
    ORIGINAL = "X-Original-Method and X-Original-URL"
    """
    As nginx is told to.
    """


def original_request(
    fields: Fields, told: Told, limits: HeadLimits, *, normalize_path: bool = True, merge_slashes: bool = True
) -> tuple[RequestHead, Canonical]:
    """
    The head that the client has sent to the proxy, without what is about the connection or the content, and its target.

    :raises BadRequest: If it is not told, or anything about it is in doubt.
    """
    if told is Told.FORWARDED:
        method, host, uri = (
            _one(fields, name) for name in ("X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri")
        )
    else:
        method = _one(fields, "X-Original-Method")
        url = _URL.fullmatch(_one(fields, "X-Original-URL"))
        if url is None:
            raise BadRequest(400, "X-Original-URL is no URL with a scheme and a host.")
        host, uri = url[1], url[2]
        if not uri.startswith(b"/"):
            uri = b"/" + uri
    if not fields.get(b"x-forwarded-for"):
        # Else the proxy's own address would be taken for the client's.
        raise BadRequest(400, "X-Forwarded-For is missing.")
    head = request_head(_raw(method, host, uri, fields), limits)
    canonical = canonicalise(head, normalize_path=normalize_path, merge_slashes=merge_slashes)
    if _path_of(head) != unquote_to_bytes(canonical.path):
        # The proxy sends on what the client has written, which an application may read as another path than this one.
        raise BadRequest(400, "The path has dot segments or empty ones.")
    return head, canonical


def _one(fields: Fields, name: str) -> bytes:
    values = fields.get(name.lower().encode("ascii"), ())
    if len(values) != 1 or not values[0]:
        raise BadRequest(400, f"{name} is missing." if not values else f"{name} must be there once.")
    return values[0]


def _raw(method: bytes, host: bytes, uri: bytes, fields: Fields) -> bytes:
    told = [(b"Host", host)]
    for name, values in fields.items():
        if not (name in HOP_BY_HOP or name in _OF_THE_QUESTION or name.startswith(_OF_PROXIES)):
            told += [(name, value) for value in values]
    if fields.get(_HANDSHAKE):
        # Proxies tell nobody of Upgrade, and the handshake is not granted without this field (RFC 6455 section 4.2.1).
        told += [(b"Connection", b"Upgrade"), (b"Upgrade", WEBSOCKET)]
    try:
        return writer.head_of(writer.request_line(method, uri), writer.field_lines(told))
    except ValueError as problem:
        raise BadRequest(400, "What the proxy tells of is no request.") from problem


def _path_of(head: RequestHead) -> bytes:
    """
    The path as it was sent, without what is encoded for no reason.
    """
    absolute = _URL.fullmatch(head.target)
    path = (head.target if absolute is None else absolute[2]).partition(b"?")[0]
    return unquote_to_bytes(path or b"/")
