"""
Where a program may have its session handle sent: to this computer, and to hosts that the operator has named.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

from pomerium_tx.web.redirect_target import origin_of

HANDLE = "pomerium_jwt"
"""
The parameter in which the program finds it.
"""
_LOCALHOST = "localhost"


class ProgrammaticRedirects:
    """
    The setting ``programmatic_redirect_domain_whitelist``.
    """

    def __init__(self, domains: Iterable[str]) -> None:
        """
        :param domains: Host names and addresses; ``localhost`` stands for every loopback address too.
        """
        self._domains = frozenset(domain.lower() for domain in domains)

    def origin(self, url: str) -> str | None:
        """
        The origin that a handle goes to, if it may be sent to *url*, which every parser has to read alike.
        """
        origin = origin_of(url)
        host = "" if origin is None else urlsplit(origin).hostname or ""
        allowed = host in self._domains or (_LOCALHOST in self._domains and is_this_computer(host))
        return origin if allowed else None


def is_this_computer(host: str) -> bool:
    """
    Whether a host, an IPv6 address without brackets, is ``localhost`` or a loopback address.
    """
    if host == _LOCALHOST:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def with_handle(url: str, handle: str) -> str:
    """
    *url* with the handle in its query, and whatever else the program has written there as it was.
    """
    split = urlsplit(url)
    kept = [pair for pair in split.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != HANDLE]
    query = "&".join([*kept, f"{HANDLE}={quote(handle, safe='')}"])
    return urlunsplit(split._replace(path=split.path or "/", query=query))
