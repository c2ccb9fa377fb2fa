"""
What the keys of ``redirect`` and ``response`` may hold.
"""

from __future__ import annotations

import re

from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.paths import path_to_send

REDIRECTING = (301, 302, 303, 307, 308)
_MOST_BYTES = 65_536
_QUERY = re.compile(r"[!$-;=?-\[\]_a-z~]*")


def path_and_query(value: object) -> str:
    """
    A path, with a query or without.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {values.kind(value)}; put it in quotes")
    path, mark, query = value.strip().partition("?")
    if not _QUERY.fullmatch(query):
        raise ValueError("has a query with characters that belong there as %XX")
    return path_to_send(path) + mark + query


def redirecting_status(value: object) -> int:
    """
    A status that sends elsewhere.
    """
    try:
        status = values.whole(300, 399)(value)
    except ValueError:
        status = 0
    if status not in REDIRECTING:
        raise ValueError(f"must be one of {', '.join(map(str, REDIRECTING))}")
    return status


def body(value: object) -> str:
    """
    Content, line breaks included.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {values.kind(value)}; put it in quotes")
    if len(value.encode("utf-8", "replace")) > _MOST_BYTES:
        raise ValueError(f"is longer than {_MOST_BYTES} bytes; let an application answer")
    return value
