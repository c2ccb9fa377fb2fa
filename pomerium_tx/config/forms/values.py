"""
The forms in which Pomerium lets a value be written, and what each becomes.

Every function takes what stood in the file and returns the value, or raises ``ValueError`` with words for the operator.
None of them repeats a value that may be secret.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from pomerium_tx.config.forms.whole_numbers import WholeNumber

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*")
_FORBIDDEN_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_NOT_CARRIED = {"tcp+https": "TCP", "tcp+http": "TCP", "udp+https": "UDP", "udp+http": "UDP", "ssh": "SSH"}
_UNIX = "unix:"
MAX_SOCKET_PATH = 107
"""
What ``sun_path`` of Linux has room for, in bytes.
"""
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    Where to listen; an empty host means every interface.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminAddress:
    """
    Where the administrator's listener is: a UNIX socket, or an address of this machine.
    """

    path: str | None = None
    """
    Of the socket, absolute; then there is no *host* and no *port*.
    """
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return str(Address(host=self.host, port=self.port)) if self.path is None else f"{_UNIX}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """
    Scheme, host and, where one was written, port. An IPv6 host is in brackets.
    """

    scheme: str
    host: str
    port: int | None

    @property
    def effective_port(self) -> int:
        """
        The port that a user agent uses for this origin.
        """
        return DEFAULT_PORTS[self.scheme] if self.port is None else self.port

    def __str__(self) -> str:
        shown = self.port is not None and self.port != DEFAULT_PORTS[self.scheme]
        return f"{self.scheme}://{self.host}:{self.port}" if shown else f"{self.scheme}://{self.host}"


def duration(value: object) -> timedelta:
    """
    A duration as Go writes it: ``30s``, ``1h30m``, ``0``.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return timedelta()
    if not isinstance(value, str):
        raise ValueError("must be a duration with a unit, such as 30s, 5m or 1h30m")
    text = value.strip()
    if text == "0":
        return timedelta()
    position, seconds = 0, 0.0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None:
            break
        seconds += float(part[1]) * _UNIT_SECONDS[part[2]]
        position = part.end()
    if not text or position < len(text):
        raise ValueError("must be a duration with a unit, such as 30s, 5m or 1h30m (not negative)")
    if seconds > 100 * 366 * 86400:
        raise ValueError("is longer than a hundred years")
    return timedelta(seconds=seconds)


def limit(value: object) -> timedelta | None:
    """
    A duration after which something ends; zero, or nothing, for never.
    """
    return None if value is None else duration(value) or None


def positive_duration(value: object) -> timedelta:
    """
    A duration that something may take; without it nothing would ever end.
    """
    found = duration(value)
    if not found:
        raise ValueError("must be longer than nothing")
    return found


whole = WholeNumber
"""
What reads one of a key that has bounds.
"""


def string_list(value: object) -> tuple[str, ...]:
    """
    A list of strings, or one string with commas in it.
    """
    if isinstance(value, str):
        value = value.split(",") if value.strip() else []
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of strings, or one string with commas")
    items = []
    for item in value:
        if not isinstance(item, str):
            raise ValueError(f"must contain only strings, not {kind(item)}; put it in quotes")
        if not item.strip():
            raise ValueError("contains an empty entry")
        items.append(item.strip())
    return tuple(items)


def string_map(value: object) -> dict[str, str]:
    """
    A mapping of strings, or one as JSON.
    """
    if isinstance(value, str):
        value = json_mapping(value)
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of names to values")
    return {str(name): scalar_text(item) for name, item in value.items()}


def header_map(value: object) -> dict[str, str]:
    """
    A mapping of strings, as JSON too, or ``Name:value,Name:value``.
    """
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        pairs = [part.partition(":") for part in value.split(",") if part.strip()]
        if any(not colon for _, colon, _ in pairs):
            raise ValueError("must be a mapping of header names to values")
        value = {name.strip(): content.strip() for name, _, content in pairs}
    return string_map(value)


def scalar_text(value: object) -> str:
    """
    The text of a string, number or truth value.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"values must be strings, not {kind(value)}")


def kind(value: object) -> str:
    """
    What *value* is, in words of the file.
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = ((int | float, "a number"), (str, "a string"), (list | tuple, "a list"), (dict, "a mapping"))
    return next((name for types, name in names if isinstance(value, types)), "something else")


def json_mapping(text: str) -> object:
    """
    What JSON says, for a value that should be a mapping.
    """
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise ValueError("must be a mapping, or a mapping written as JSON") from None


def address(value: object) -> Address:
    """
    ``:443``, ``127.0.0.1:8000``, ``[::1]:8000`` or ``localhost:8000``.
    """
    if isinstance(value, Address):
        return value
    wanted = "must be an address to listen on, such as :443 or 127.0.0.1:8000"
    if not isinstance(value, str):
        raise ValueError(f"{wanted}; put it in quotes")
    host, colon, port_text = value.strip().rpartition(":")
    if not colon or not (port_text.isascii() and port_text.isdigit()) or not 0 < int(port_text[:6]) < 65536:
        raise ValueError(wanted)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise ValueError(wanted)
    elif host and (":" in host or not is_host(host.lower())):
        # Not 01:30 either, which YAML has taken for a number of seconds before.
        raise ValueError(wanted)
    return Address(host=host.lower(), port=int(port_text))


def admin_address(value: object) -> AdminAddress | None:
    """
    ``unix:/absolute/path``, or host and port of this machine; nothing, or ``off``, for none.
    """
    if value is None or isinstance(value, AdminAddress):
        return value
    wanted = "must be unix:/absolute/path, or an address of this machine such as 127.0.0.1:9443"
    if not isinstance(value, str):
        raise ValueError(f"{wanted}; put it in quotes")
    text = value.strip()
    if text.lower() in ("", "off"):
        return None
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path.startswith("/") or path.startswith("//") or path.endswith("/") or not path.isprintable():
            raise ValueError(wanted)
        if len(path.encode("utf-8")) > MAX_SOCKET_PATH:
            raise ValueError(f"is longer than {MAX_SOCKET_PATH} bytes, which no socket's path may be")
        return AdminAddress(path=path)
    try:
        found = address(text)
    except ValueError:
        raise ValueError(wanted) from None
    if not is_loopback(found.host):
        raise ValueError("must be an address of this machine only (127.0.0.1, [::1] or localhost), or unix:/path")
    return AdminAddress(host=found.host, port=found.port)


def split_url(value: object, *, schemes: tuple[str, ...] = ("http", "https"), wildcard: bool = False) -> SplitResult:
    """
    An absolute URL without userinfo and without a character that a user agent would read differently.

    :param wildcard: Whether ``*`` may stand for any characters of its host.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a URL, not {kind(value)}")
    if _FORBIDDEN_IN_URL.search(value):
        raise ValueError("contains a space, a backslash or a control character")
    if not value.isascii():
        raise ValueError("contains a character outside ASCII; write names as xn--... and the rest percent-encoded")
    try:
        split = urlsplit(value)
        port = split.port
    except ValueError:
        raise ValueError("is not a valid URL") from None
    if split.scheme in _NOT_CARRIED:
        raise ValueError(f"is for {_NOT_CARRIED[split.scheme]}: only HTTP and WebSockets are carried; remove the route")
    if split.scheme not in schemes:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"must begin with {wanted}")
    if split.username is not None or split.password is not None:
        raise ValueError("must not contain a user name or password")
    hostname = split.hostname or ""
    if "*" in hostname and not wildcard:
        raise ValueError("has a wildcard in its host, which only the from of a route may have")
    if not is_host(hostname.replace("*", "x")):
        raise ValueError("has no valid host")
    if port == 0 or split.netloc.endswith(":"):
        raise ValueError("has no valid port")
    return split


def origin_of(split: SplitResult) -> Origin:
    """
    The origin of a URL taken apart by `split_url`.
    """
    host = (split.hostname or "").removesuffix(".")
    return Origin(scheme=split.scheme, host=f"[{IPv6Address(host)}]" if ":" in host else host, port=split.port)


def origin(value: object, *, wildcard: bool = False) -> Origin:
    """
    A URL that is an origin and nothing more.

    :param wildcard: Whether ``*`` may stand for any characters of its host.
    """
    if isinstance(value, Origin):
        return value
    split = split_url(value, wildcard=wildcard)
    if split.path not in ("", "/"):
        raise ValueError("must not have a path")
    if split.query or split.fragment or str(value).endswith(("?", "#")):
        raise ValueError("must not have a query or a fragment")
    return origin_of(split)


def absolute_url(value: object) -> str:
    """
    An absolute http or https URL, as it was written.
    """
    split_url(value)
    return str(value)


def origin_url(value: object) -> str:
    """
    A URL that is an origin and nothing more: lower-case host, the port only if one was written, no slash at its end.
    """
    return _as_written(origin(value))


def route_origin(value: object) -> str:
    """
    The same, for ``from``: any characters may be where its host has ``*``.
    """
    found = origin(value, wildcard=True)
    if "*" in found.host.rpartition(".")[2]:
        # Whoever signs in there is sent back there, with a session.
        raise ValueError("must end in a domain of yours, as https://*.example.com does: * stands for names of anybody")
    return _as_written(found)


def _as_written(found: Origin) -> str:
    port = "" if found.port is None else f":{found.port}"
    return f"{found.scheme}://{found.host}{port}"


def origin_list(value: object) -> tuple[str, ...]:
    """
    Origins as user agents write them, without default ports.
    """
    found = []
    for item in string_list(value):
        try:
            found.append(str(origin(item)))
        except ValueError as wrong:
            raise ValueError(f"{item!r} {wrong}") from None
    return tuple(found)


def is_host(host: str) -> bool:
    """
    Whether *host*, in lower case and without brackets, is a name or address.
    """
    if ":" in host:
        return _is_ipv6(host)
    name = host.removesuffix(".")
    if name.rpartition(".")[2].isdigit():
        # User agents take a name that ends in a number for an IPv4 address, or refuse it.
        return _is_ipv4(name)
    return _HOST.fullmatch(name) is not None


def is_loopback(host: str) -> bool:
    """
    Whether *host* names this machine wherever it is asked (RFC 6761, Section 6.3).
    """
    name = host.strip("[]").removesuffix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return (_is_ipv4(name) or _is_ipv6(name)) and ip_address(name).is_loopback


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        return IPv6Address(text).scope_id is None
    except ValueError:
        return False
