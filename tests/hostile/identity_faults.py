"""
How the endpoints of an OP fail, by the names that the catalogue has for it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.identity_hosts import NOWHERE, REFUSED
from tests.hostile.identity_provider import Behaviour, Said, document_of, response

MEMBERS = {
    "jwks": "jwks_uri",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "revocation": "revocation_endpoint",
}
"""
Where the metadata say that an endpoint is.
"""
MOVED = {
    "DNS failure": (NOWHERE,),
    "connection refused": (REFUSED,),
    "TLS name mismatch": ("wrong-name.example.com",),
    "TLS certificate wrong host / expired / self-signed": (
        "wrong-name.example.com",
        "expired.example.com",
        "stranger.example.com",
    ),
}
"""
Faults that are those of a host: the endpoint is said to be there.
"""
HUGE = 200 << 20
_BOMB = gzip.compress(bytes(64 << 20))
_HTML = b"<!doctype html><title>Sorry</title><p>Something went wrong."
_MEGABYTE = b"x" * (1 << 20)


def behaviours(name: str) -> Iterator[tuple[str, Behaviour]]:
    """
    Everything that a name stands for.

    :raises KeyError: If nobody knows what it stands for.
    """
    if name == "302 to file:///, gopher://":
        for location in ("file:///etc/passwd", "gopher://evil.test/", "ftp://evil.test/", "//evil.test/", "/"):
            yield location, _fixed(_status(302, f"Location: {location}"))
    elif name == "Content-Length lies":
        yield "longer than what comes", lambda right: Said((_longer(right),))
        yield "shorter than what comes", lambda right: Said((_shorter(right),))
        yield (
            "twice",
            lambda right: Said((right.replace(b"Content-Length", b"Content-Length: 3\r\nContent-Length", 1),)),
        )
    elif name == "wrong charset / invalid UTF-8":
        yield "invalid UTF-8", lambda right: Said((_changed(right, lambda body: body[:-1] + b',"x":"\xff"}'),))
        yield "UTF-16", lambda right: Said((_changed(right, lambda body: body.decode().encode("utf-16")),))
    else:
        yield name, _ONE[name]


def _fixed(octets: bytes) -> Behaviour:
    return lambda right: Said((octets,))


def _status(status: int, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Something", *fields, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


def _changed(right: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return response(change(right.partition(b"\r\n\r\n")[2] or b"{}"))


def _longer(right: bytes) -> bytes:
    body = right.partition(b"\r\n\r\n")[2]
    return response(body, length=len(body) + 10)


def _shorter(right: bytes) -> bytes:
    body = right.partition(b"\r\n\r\n")[2] or b"{}"
    return response(body, length=len(body) - 1)


def _huge(right: bytes) -> Said:
    def pieces() -> Iterator[bytes]:
        yield response(b'{"x":"', length=HUGE)
        for _ in range(HUGE >> 20):
            yield _MEGABYTE

    return Said(pieces())


def _long_header(right: bytes) -> Said:
    head, _, body = right.partition(b"\r\n\r\n")
    return Said((head + b"\r\nX-Long: " + _MEGABYTE + b"\r\n\r\n" + body,))


def _twice(body: bytes) -> bytes:
    found = json.loads(body)
    name = next(iter(found), "x")
    return b'{"' + name.encode() + b'":' + json.dumps(found.get(name)).encode() + b"," + body.lstrip()[1:]


def _keys(*keys: Any) -> Behaviour:
    return lambda right: Said((response(json.dumps({"keys": list(keys)}).encode()),))


def _with_keys(*more: Any) -> Behaviour:
    return lambda right: Said((response(json.dumps({"keys": [*more, *document_of(right)["keys"]]}).encode()),))


_ONE: dict[str, Behaviour] = {
    "hangs before headers": lambda right: Said((), "hang"),
    "hangs for ever": lambda right: Said((), "hang"),
    "hangs mid-body": lambda right: Said((right[:-3],), "hang"),
    "partial body then reset": lambda right: Said((right[:-3],), "reset"),
    "500": _fixed(_status(500)),
    "429": _fixed(_status(429, "Retry-After: 3600")),
    "503 Retry-After": _fixed(_status(503, "Retry-After: 3600")),
    "302 off-origin": _fixed(_status(302, "Location: https://evil.test/")),
    "302 to http://evil.test": _fixed(_status(302, "Location: http://evil.test/jwks")),
    "redirect loop": _fixed(_status(302, "Location: https://op.example.com/token")),
    "200 HTML": _fixed(response(_HTML, "text/html")),
    "text/html": _fixed(response(_HTML, "text/html")),
    "200 invalid JSON": _fixed(response(b'{"x":')),
    "invalid JSON": _fixed(response(b'{"keys":')),
    "200 JSON array": _fixed(response(b"[]")),
    "JSON array": _fixed(response(b"[]")),
    "200 empty": _fixed(response(b"")),
    "200 MiB body": _huge,
    "gzip bomb": lambda right: Said((response(_BOMB, "application/json", "Content-Encoding: gzip"),)),
    "header 1 MiB": _long_header,
    "duplicate JSON keys": lambda right: Said((_changed(right, _twice),)),
    '{"keys":[]}': _keys(),
    "key with unknown kty/crv": _with_keys(
        {"kty": "unknown", "kid": "first"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "first"},
        {"kty": "OKP", "crv": "X25519", "x": "AA", "kid": "first"},
        None,
        7,
    ),
}
