"""
``to``: where the applications of a route are, as Pomerium lets it be written.

One URL or several, each with a weight behind a comma if all have one: ``http://10.0.0.1:3000,3``. An application on a
UNIX socket is ``unix:///path``, or ``https+unix:///path`` if it speaks TLS there; Pomerium's documentation writes
``http+unix:///path`` for the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.values import DEFAULT_PORTS

MOST_UPSTREAMS = 256
"""
Of one route: whoever has more has a load balancer.
"""
MOST_WEIGHT = 1_000_000

_WEIGHTED = re.compile(r"(.*),\s*([0-9]*)", re.DOTALL)
_UNIX_SCHEMES = {"unix": "http", "http+unix": "http", "https+unix": "https"}
_OTHER_SCHEMES = {
    "h2c": "HTTP/1.1 is spoken to applications; write http:// if it speaks that too",
    "tcp": "only HTTP is passed on; write http:// or https://",
    "udp": "only HTTP is passed on; write http:// or https://",
    "ssh": "only HTTP is passed on; write http:// or https://",
}
_NO_WEIGHT = f"has no valid weight behind its comma: it must be a whole number from 1 to {MOST_WEIGHT}"
_POLICIES = ("round_robin", "least_request", "random", "ring_hash", "maglev")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamUrl:
    """
    One ``to``, taken apart.
    """

    scheme: str
    """
    ``http`` or ``https``, on a socket too.
    """
    host: str = ""
    port: int = 0
    path: str = ""
    """
    What stands behind the host, nothing or beginning with a slash.
    """
    socket: str | None = None
    """
    The absolute path of a UNIX socket; then there is no host, no port and no path.
    """
    weight: int | None = None
    """
    None if none is written.
    """


def upstreams(value: object) -> tuple[str, ...]:
    """
    ``to``: one URL or a list of them, each as it was written.
    """
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items:
        raise ValueError("must be the URL of the application, such as http://127.0.0.1:3000, or a list of URLs")
    if len(items) > MOST_UPSTREAMS:
        raise ValueError(f"has more than {MOST_UPSTREAMS} URLs")
    found = []
    for item in items:
        if isinstance(item, dict):
            raise ValueError("must contain URLs only; a weight is written behind its URL: http://127.0.0.1:3000,3")
        try:
            found.append((str(item), upstream_url(item)))
        except ValueError as wrong:
            raise ValueError(str(wrong) if len(items) == 1 else f"{_shown(item)} {wrong}") from None
    weights = {each.weight is None for _, each in found}
    if len(weights) > 1:
        raise ValueError("has a weight for some URLs but not for all; write one behind each, or none")
    sockets = {each.socket is None for _, each in found}
    if len(sockets) > 1:
        raise ValueError("mixes UNIX sockets with other addresses")
    return tuple(written for written, _ in found)


def upstream_url(value: object) -> UpstreamUrl:
    """
    One of ``to``, taken apart.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a URL, not {values.kind(value)}")
    written, weight = value, None
    weighted = _WEIGHTED.fullmatch(value)
    if weighted is not None and "://" not in weighted[1].partition("://")[2]:
        written, weight = weighted[1], _weight(weighted[2])
    scheme, colon, rest = written.partition(":")
    scheme = scheme.lower()
    if colon and scheme in _UNIX_SCHEMES:
        return UpstreamUrl(scheme=_UNIX_SCHEMES[scheme], socket=_socket(rest), weight=weight)
    if "," in rest and "://" in rest.partition(",")[2]:
        raise ValueError("has several URLs in one string; write a list of them")
    if colon and scheme in _OTHER_SCHEMES:
        raise ValueError(f"begins with {scheme}://: {_OTHER_SCHEMES[scheme]}")
    if "," in rest.removeprefix("//").partition("/")[0]:
        raise ValueError(_NO_WEIGHT)
    split = values.split_url(written)
    if split.query or split.fragment or written.endswith(("?", "#")):
        raise ValueError("must not have a query or a fragment")
    return UpstreamUrl(
        scheme=split.scheme,
        host=split.hostname or "",
        port=split.port or DEFAULT_PORTS[split.scheme],
        path=split.path,
        weight=weight,
    )


def balancing_policy(value: object) -> str:
    """
    ``load_balancing_policy``: Envoy's names, or those of Pomerium's enumeration, in whichever case.
    """
    wanted = "must be one of " + ", ".join(name.upper() for name in _POLICIES)
    if not isinstance(value, str):
        raise ValueError(wanted)
    word = value.strip().lower().removeprefix("load_balancing_policy_")
    if word in ("", "unspecified"):
        return "round_robin"
    if word not in _POLICIES:
        raise ValueError(wanted)
    return word


def _weight(text: str) -> int:
    weight = int(text) if 0 < len(text) < 10 else 0
    if not 0 < weight <= MOST_WEIGHT:
        raise ValueError(_NO_WEIGHT)
    return weight


def _socket(rest: str) -> str:
    path = rest.removeprefix("//")
    if not path.startswith("/") or path.startswith("//") or path.endswith("/") or not path.isprintable():
        raise ValueError("must name a socket by its absolute path, such as unix:///run/application.sock")
    if any(character in path for character in "?#%"):
        raise ValueError("must name a socket by a path without ?, # and %")
    if len(path.encode("utf-8")) > values.MAX_SOCKET_PATH:
        raise ValueError(f"names a socket by more than {values.MAX_SOCKET_PATH} bytes, which no socket's path may have")
    return path


def _shown(item: object) -> str:
    # Somebody may have written a password before the @.
    return repr(item) if isinstance(item, str) and "@" not in item else "one of its entries"
