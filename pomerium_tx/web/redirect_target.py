"""
The origin of a URL to which somebody wants to be sent: one strict reading.

Whatever two URL parsers could read differently (the WHATWG's and any other) is refused, so that the origin
compared here is the origin the user agent goes to.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

MAX_LENGTH = 2048
"""
Signed and percent-encoded it still fits into a request target.
"""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LABEL = r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"
_URL = re.compile(
    # No empty authority, userinfo, percent-encoding, trailing dot, empty port or port with leading zeros.
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    # Printable ASCII without space and backslash.
    r"(?P<rest>|[/?#][\x21-\x5b\x5d-\x7e]*)",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def origin_of(url: str) -> str | None:
    """
    The origin of an absolute http or https URL which every parser reads alike, else ``None``.
    """
    if len(url) > MAX_LENGTH:
        return None
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, host, port, rest = match["scheme"].lower(), match["host"].lower(), match["port"], match["rest"]
    if not _is_unambiguous(host) or (port is not None and int(port) > 65535):
        return None
    # "https://app.example.com?@evil.test/": older parsers end the authority at the slash only.
    if rest[:1] in ("?", "#") and "@" in rest:
        return None
    if port is None or port == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def _is_unambiguous(host: str) -> bool:
    if len(host) > 253:
        return False
    if host.startswith("["):
        return _is_canonical_ipv6(host[1:-1])
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # The WHATWG's parser reads "0x7f.1", "2130706433" and "127.000.0.1" as addresses too.
        return _is_canonical_ipv4(host)
    # A broken "xn--" label stops a user agent and sends it nowhere else, so it is let through.
    return True


def _is_canonical_ipv4(text: str) -> bool:
    try:
        return str(IPv4Address(text)) == text
    except AddressValueError:
        return False


def _is_canonical_ipv6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return False
    return address.ipv4_mapped is None and str(address) == text
