"""
What a request's own fields say about who made it: Fetch Metadata, ``Origin``, ``Referer``, ``Accept``.

Pure rules. A value that we do not know is treated as the worst value that we do know.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Header = Callable[[str], str | None]

_MOST_ACCEPT = 2048
_MOST_RANGES = 64
"""
What is beyond either in an ``Accept`` is not looked at: no user agent sends a tenth of it.
"""

_WEBSOCKET = re.compile(r"(?:^|,)[ \t]*websocket[ \t]*(?:,|$)", re.IGNORECASE)
_PREFETCH = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)
_PREFETCH_FIELDS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_PAGE_DESTINATIONS = ("document", "empty")
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


class SignOutRule(Enum):
    """
    What becomes of a request for ``sign_out`` that names nobody.
    """

    NOW = "now"
    """
    End the session and go on by redirects.
    """
    NOW_JSON = "now, JSON"
    """
    End the session and answer the receipt.
    """
    CONFIRM = "confirm"
    """
    End nothing; ask the person.
    """
    NOTHING = "nothing"
    """
    End nothing; 200 and a tiny page.
    """
    FORBIDDEN = "forbidden"
    """
    End nothing; 403.
    """
    PREFETCH = "prefetch"
    """
    End nothing; 503, so that the user agent asks again when the person does.
    """


def sign_out_rule(
    method: str,
    header: Header,
    *,
    own_origin: str,
    https_or_loopback: bool,
    handle_in_header: bool,
    from_same_site_now: bool,
) -> SignOutRule:
    """
    Who may sign a user out, once the method is known to be GET or POST.

    :param header: Looks a field up by name; a repeated field is its values joined by commas.
    :param own_origin: The external origin of the host asked.
    :param https_or_loopback: Whether user agents send Fetch Metadata to that origin at all.
    :param handle_in_header: A handle was presented in a header, and none in a cookie.
    :param from_same_site_now: The setting ``sign_out_from_same_site: now``.
    """
    if is_prefetch(header):
        return SignOutRule.PREFETCH
    if handle_in_header:
        return SignOutRule.NOW_JSON
    site = header("Sec-Fetch-Site")
    if site is None:
        return _without_fetch_metadata(header, own_origin, https_or_loopback)
    if site in ("same-origin", "none") or (site == "same-site" and from_same_site_now):
        return _from_own_site(method, header)
    return _from_elsewhere(site, header)


def is_prefetch(header: Header) -> bool:
    """
    Whether the request only prepares for one that may never come.
    """
    return any(_PREFETCH.search(header(name) or "") for name in _PREFETCH_FIELDS)


def is_page_navigation(header: Header) -> bool:
    """
    Whether a person goes there, or is sent there, in a tab of their own.
    """
    return header("Sec-Fetch-Mode") == "navigate" and header("Sec-Fetch-Dest") in _PAGE_DESTINATIONS


def _from_elsewhere(site: str, header: Header) -> SignOutRule:
    if is_page_navigation(header):
        return SignOutRule.CONFIRM
    framed = header("Sec-Fetch-Mode") == "navigate" and header("Sec-Fetch-Dest") == "iframe"
    if framed and site != "same-site":
        return SignOutRule.NOTHING
    return SignOutRule.FORBIDDEN


def _from_own_site(method: str, header: Header) -> SignOutRule:
    if is_page_navigation(header):
        return SignOutRule.NOW
    # A service worker that fetches again by URL sends a plain GET: only a deliberate script says more.
    deliberate = method == "POST" or _asks_for_json(header("Accept")) or header("X-Requested-With") is not None
    from_script = header("Sec-Fetch-Mode") in ("cors", "same-origin") and header("Sec-Fetch-Dest") == "empty"
    return SignOutRule.NOW_JSON if from_script and deliberate else SignOutRule.FORBIDDEN


def _without_fetch_metadata(header: Header, own_origin: str, https_or_loopback: bool) -> SignOutRule:
    origin = header("Origin")
    if origin is not None:
        return SignOutRule.NOW if origin == own_origin else SignOutRule.CONFIRM
    referer = header("Referer")
    if referer is not None:
        # The slash ends the authority: "https://app.example.com.evil.test/" must not pass.
        is_own = referer == own_origin or referer.startswith(own_origin + "/")
        return SignOutRule.NOW if is_own else SignOutRule.CONFIRM
    return SignOutRule.NOW if https_or_loopback else SignOutRule.CONFIRM


def unsafe_request_allowed(header: Header, own_origin: str) -> bool:
    """
    Whether a request that changes something was made by our own page, or by no page at all.
    """
    site = header("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    return header("Origin") in (None, own_origin)


def unauthenticated_is_401(header: Header, *, handle_outside_cookie: bool) -> bool:
    """
    Whether an unauthenticated request gets 401, since nobody would see the sign-in page it was redirected to.

    :param handle_outside_cookie: A handle was presented in a header or in the query.
    """
    # A WebSocket handshake carries no Fetch Metadata.
    if _WEBSOCKET.search(header("Upgrade") or ""):
        return True
    if header("Sec-Fetch-Mode") not in (None, "navigate"):
        return True
    if header("X-Requested-With") is not None:
        return True
    wanted = _wanted(header("Accept"))
    return wanted.events or wanted.json_before_html or handle_outside_cookie


def prefers_json(accept: str | None) -> bool:
    """
    Whether JSON is more welcome than HTML. A missing or unreadable ``Accept`` welcomes HTML.
    """
    return _wanted(accept).json_before_html


class _Wanted(NamedTuple):
    """
    What an ``Accept`` comes to.
    """

    json: bool
    """
    JSON by its name.
    """
    json_before_html: bool
    events: bool
    """
    An event stream, by its name.
    """


def _wanted(accept: str | None) -> _Wanted:
    accept = accept or ""
    if len(accept) > _MOST_ACCEPT:
        # Without the member that the cut goes through.
        accept = accept[:_MOST_ACCEPT].rpartition(",")[0]
    return _read_accept(accept)


@lru_cache(maxsize=256)
def _read_accept(accept: str) -> _Wanted:
    ranges = _media_ranges(accept)
    json = _best(ranges, ("application/json", "application/*", "*/*"))
    html = _best(ranges, ("text/html", "text/*", "*/*"))
    named = {name for name, quality in ranges if quality > 0}
    return _Wanted("application/json" in named, json[0] > 0 and json > html, "text/event-stream" in named)


def _asks_for_json(accept: str | None) -> bool:
    wanted = _wanted(accept)
    return wanted.json and wanted.json_before_html


def _best(ranges: list[tuple[str, float]], spellings: tuple[str, str, str]) -> tuple[float, int, int]:
    """
    How welcome a media type is: by quality, then by how exactly it was named, then by place.
    """
    for exactness, spelling in enumerate(spellings):
        for place, (name, quality) in enumerate(ranges):
            if name == spelling:
                return quality, -exactness, -place
    return 0.0, 0, 0


def _media_ranges(accept: str) -> list[tuple[str, float]]:
    found = []
    for member in accept.split(",", _MOST_RANGES)[:_MOST_RANGES]:
        name, *parameters = (piece.strip(" \t").lower() for piece in member.split(";"))
        found.append((name, _quality(parameters)))
    return found


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.rstrip(" \t") == "q":
            weight = value.lstrip(" \t")
            return float(weight) if _QUALITY.fullmatch(weight) else 0.0
    return 1.0
