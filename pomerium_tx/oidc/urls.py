"""
Queries that are added to a provider's URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote_plus, urlencode, urlsplit


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
    # A space as %20, which everybody reads: some providers take a plus sign for one.
    own = own_query_without(url, [name for name, _ in fields])
    return f"{own}{'&' if '?' in own else '?'}{urlencode(fields, quote_via=quote, safe='')}"


def origin_of(url: str) -> str:
    """
    The scheme and host of an endpoint, with its port if it names one.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
