"""
Queries that are added to a provider's URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote_plus, urlencode, urlsplit


def own_query_without(url: str, names: Sequence[str]) -> str:
    """
    *url* with its own query kept byte for byte, except for parameters called one of *names*.
    """
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in names]
    return parts._replace(query="&".join(kept)).geturl()


def with_query(url: str, fields: Sequence[tuple[str, str]]) -> str:
    """
    *url* with *fields* added to its query; its own parameters stay, unless one of *fields* has the name.
    """
    own = own_query_without(url, [name for name, _ in fields])
    return f"{own}{'&' if '?' in own else '?'}{urlencode(fields)}"
