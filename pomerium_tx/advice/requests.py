"""
A request as a browser would send it, read by the same reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pomerium_tx.config.forms.values import split_url
from pomerium_tx.config.model import Config
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.routing.route import Route

_NAVIGATION: Final = (("Accept", "text/html,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
"""
What a browser says of a request for a page.
"""


class Unreadable(Exception):
    """
    What was typed is no URL of a request. The message is for the person.
    """


def head_for(url: str, *, method: str = "GET", fields: Sequence[tuple[str, str]] = ()) -> RequestHead:
    """
    The head of a request for *url* as a browser sends it to show a page, but for the *fields* that are given.

    :raises Unreadable: If it is not an http or https URL.
    :raises BadRequest: If the request would not be read.
    """
    try:
        split = split_url(url)
    except ValueError as wrong:
        raise Unreadable(f"{url}: {wrong}") from None
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    given = {name.lower() for name, _ in fields}
    assumed = [(name, value) for name, value in _NAVIGATION if name.lower() not in given]
    lines = [f"{method} {target} HTTP/1.1", f"Host: {split.netloc}"]
    lines += [f"{name}: {value}" for name, value in (*assumed, *fields)]
    return request_head("".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1"), HeadLimits())


def canonical_of(head: RequestHead, config: Config) -> Canonical:
    """
    What a request is about, by the settings of *config*.

    :raises BadRequest: As in `canonicalise`.
    """
    return canonicalise(head, normalize_path=config.normalize_path, merge_slashes=config.merge_slashes)


def asked_for(route: Route) -> tuple[RequestHead, Canonical]:
    """
    A request for the first of what a route is for.
    """
    host = route.from_host.replace("*", "any")
    path = route.path or route.prefix or b"/"
    head = head_for(f"{route.from_scheme}://{host}{path.decode('ascii')}")
    return head, canonicalise(head)
