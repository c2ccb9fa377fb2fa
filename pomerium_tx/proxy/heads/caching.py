"""
``caching`` of a route: who may keep the application's answers (RFC 9111).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_Fields = Sequence[tuple[bytes, bytes]]

# Possessive throughout: nothing is tried a second time, however long the value is.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_ELEMENT = re.compile(rb"[ \t]*+(?:((" + _TOKEN + rb")(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?+)[ \t]*+)?+(?:,|\Z)")

_FOR_SHARED = frozenset((b"public", b"private", b"s-maxage", b"proxy-revalidate"))
"""
What only caches read that many people share, and what is said anew. ``private`` may name fields, and would then allow
all the rest to be shared (Section 5.2.2.7).
"""
_FOR_SHARED_FIELDS = frozenset((b"surrogate-control", b"x-accel-expires"))
_OLDER = frozenset((b"expires", b"pragma"))


def ruled(caching: str, fields: _Fields) -> list[tuple[bytes, bytes]]:
    """
    The fields of an answer, with what they say about caching brought under the rule.

    :param caching: ``upstream``, ``private`` or ``no_store``.
    """
    if caching == "upstream":
        return list(fields)
    kept: list[tuple[bytes, bytes]] = []
    values: list[bytes] = []
    for name, value in fields:
        lower = name.lower()
        if lower == b"cache-control":
            values.append(value)
        elif not _is_for_shared(lower) and not (caching == "no_store" and lower in _OLDER):
            kept.append((name, value))
    value = b"no-store" if caching == "no_store" else _made_private(values)
    return [*kept, (b"Cache-Control", value)]


def _is_for_shared(lower: bytes) -> bool:
    # RFC 9213: these come before Cache-Control wherever they are understood.
    return lower in _FOR_SHARED_FIELDS or lower.endswith(b"cdn-cache-control")


def _made_private(values: Sequence[bytes]) -> bytes:
    directives: list[bytes] = []
    for value in values:
        found = _directives(value)
        if found is None:
            # Others may read it in one way or another: the strictest that it can mean for one person's own cache.
            is_secret = any(b"no-store" in other.lower() for other in values)
            return b"private, no-cache, no-store" if is_secret else b"private, no-cache"
        directives += found
    return b", ".join((*directives, b"private"))


def _directives(value: bytes) -> list[bytes] | None:
    """
    Those that one person's own cache may go by, or None if the value is not a list of directives (Section 5.2).
    """
    found: list[bytes] = []
    position = 0
    while position < len(value):
        element = _ELEMENT.match(value, position)
        if element is None:
            return None
        if element[2] is not None and element[2].lower() not in _FOR_SHARED:
            found.append(element[1])
        position = element.end()
    return found
