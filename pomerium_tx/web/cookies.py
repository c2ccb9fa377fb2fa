"""
Cookies as octets (RFC 6265bis): read tolerantly, strip exactly, write strictly.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Only these two: a parser that strips U+00A0 or U+2000 as well lets a page plant a "__Host-" cookie.
_BLANK = b" \t"
_MEMBER = re.compile(rb"_[0-9a-f]{16}")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}
_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"

MAX_BYTES = 4096
"""
What user agents keep of a name and a value together.
"""


def _parts(header: bytes) -> list[bytes]:
    return [part for part in (piece.strip(_BLANK) for piece in header.split(b";")) if part]


def _pair(part: bytes) -> tuple[bytes, bytes]:
    name, equals, value = part.partition(b"=")
    if not equals:
        return b"", part
    return name.rstrip(_BLANK), value.lstrip(_BLANK)


def cookie_pairs(header: bytes) -> list[tuple[bytes, bytes]]:
    """
    The names and values of one ``Cookie`` field, in order, as they were sent.

    What has no ``=`` is a value without a name, as user agents understand it. Quotes belong to the value.
    """
    return [_pair(part) for part in _parts(header)]


def cookie_values(headers: Iterable[bytes], name: bytes) -> list[bytes]:
    """
    Every value that the ``Cookie`` fields give for *name*, in order.
    """
    return [
        value
        for header in headers
        # Most requests carry other people's cookies only.
        if name in header
        for pair_name, value in cookie_pairs(header)
        if pair_name == name
    ]


def family_pairs(headers: Iterable[bytes], name: bytes) -> list[tuple[bytes, bytes]]:
    """
    The names and values of every cookie called *name*, or so with an underscore and sixteen hexadecimal digits.
    """
    return [
        (pair_name, value)
        for header in headers
        if name in header
        for pair_name, value in cookie_pairs(header)
        if pair_name == name or (pair_name.startswith(name) and _MEMBER.fullmatch(pair_name, len(name)))
    ]


def without(header: bytes, is_ours: Callable[[bytes], bool]) -> bytes | None:
    """
    The ``Cookie`` field without the pairs whose name is ours, or ``None`` if nothing is left.

    A field in which none is ours comes back as the same bytes.
    """
    parts = _parts(header)
    kept = [part for part in parts if not is_ours(part.partition(b"=")[0].rstrip(_BLANK))]
    if len(kept) == len(parts):
        return header
    return b"; ".join(kept) or None


def is_reserved_cookie(name: bytes, cookie_name: bytes) -> bool:
    """
    Whether a cookie of this name is the proxy's own, and so never an upstream's business.
    """
    return name == cookie_name or name.startswith(cookie_name + b"_")


def set_cookie(
    name: str,
    value: str,
    *,
    path: str = "/",
    domain: str | None = None,
    max_age: int | None = None,
    expires: float | None = None,
    secure: bool = True,
    http_only: bool = True,
    same_site: str | None = None,
) -> str:
    """
    A ``Set-Cookie`` value.

    :param expires: The time after which it is gone, in seconds since the epoch.
    :param same_site: ``lax``, ``strict`` or ``none`` in any case.
    :raises ValueError: If user agents would refuse the cookie, or read another one than was meant.
    """
    date = None if expires is None else formatdate(expires, usegmt=True)
    return _serialise(
        name,
        value,
        path=path,
        domain=domain,
        max_age=max_age,
        date=date,
        secure=secure,
        http_only=http_only,
        same_site=same_site,
    )


def clear_cookie(
    name: str,
    *,
    path: str = "/",
    domain: str | None = None,
    secure: bool = True,
    http_only: bool = True,
    same_site: str | None = None,
) -> str:
    """
    A ``Set-Cookie`` value that removes the cookie which was set with the same attributes.
    """
    return _serialise(
        name,
        "",
        path=path,
        domain=domain,
        max_age=0,
        date=_LONG_AGO,
        secure=secure,
        http_only=http_only,
        same_site=same_site,
    )


def _serialise(
    name: str,
    value: str,
    *,
    path: str,
    domain: str | None,
    max_age: int | None,
    date: str | None,
    secure: bool,
    http_only: bool,
    same_site: str | None,
) -> str:
    _check(name, value, path=path, domain=domain, secure=secure)
    attributes = [f"{name}={value}", f"Path={path}"]
    if domain is not None:
        attributes.append(f"Domain={domain}")
    if max_age is not None:
        attributes.append(f"Max-Age={max_age:d}")
    if date is not None:
        attributes.append(f"Expires={date}")
    if secure:
        attributes.append("Secure")
    if http_only:
        attributes.append("HttpOnly")
    if same_site is not None:
        attributes.append(f"SameSite={_same_site(same_site, secure=secure)}")
    return "; ".join(attributes)


def _check(name: str, value: str, *, path: str, domain: str | None, secure: bool) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("A cookie's name is a token.")
    if not _VALUE.fullmatch(value):
        raise ValueError("A cookie's value holds characters that user agents refuse.")
    if len(name) + len(value) > MAX_BYTES:
        raise ValueError("User agents keep no cookie as long as this.")
    if not path.startswith("/") or not _ATTRIBUTE.fullmatch(path):
        raise ValueError("A cookie's path begins with a slash and holds no semicolon.")
    if domain is not None and (not domain or not _ATTRIBUTE.fullmatch(domain)):
        raise ValueError("A cookie's domain is a host name.")
    lower = name.lower()
    if lower.startswith("__host-") and (domain is not None or path != "/" or not secure):
        raise ValueError("A __Host- cookie is Secure, has no Domain and the Path /.")
    if lower.startswith("__secure-") and not secure:
        raise ValueError("A __Secure- cookie is Secure.")


def _same_site(same_site: str, *, secure: bool) -> str:
    word = _SAME_SITE.get(same_site.lower())
    if word is None:
        raise ValueError("SameSite is lax, strict or none.")
    if word == "None" and not secure:
        raise ValueError("SameSite=None needs Secure.")
    return word
