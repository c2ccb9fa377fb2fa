"""
Who is asked: ``host[:port]``, in its one canonical form.

RFC 3986 section 3.2.2, RFC 9112 section 3.2. Percent-encoding, user information, an empty port and zone identifiers are
allowed somewhere in those grammars, used by no browser, and refused here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

_AUTHORITY = re.compile(
    rb"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]"
    rb"|(?P<name>(?=[^:]{1,254}+(?::|\Z))[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*+)\.?+)"
    rb"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_HIGHEST_PORT = 65_535


class Authority(NamedTuple):
    """
    A host and, if it was given, a port.
    """

    host: str
    """
    In lower case, without a trailing dot; an IPv6 address is compressed and in brackets.
    """
    port: int | None
    text: bytes
    """
    ``host[:port]``.
    """


NOBODY = Authority("", None, b"")
"""
What an HTTP/1.0 request without Host asks.
"""


class InvalidAuthority(ValueError):
    """
    Not a host with an optional port.
    """


@lru_cache(maxsize=4_096)
def authority(text: bytes) -> Authority:
    """
    The host and port that *text* names.

    :raises InvalidAuthority: If it names none, or more than that.
    """
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise InvalidAuthority
    address, name, digits = match.group("v6", "name", "port")
    if address is None:
        host = name.lower().decode("ascii")
    else:
        try:
            host = f"[{IPv6Address(address.decode('ascii')).compressed}]"
        except AddressValueError:
            raise InvalidAuthority from None
    if digits is None:
        return Authority(host, None, host.encode("ascii"))
    port = int(digits)
    if port > _HIGHEST_PORT:
        raise InvalidAuthority
    return Authority(host, port, b"%b:%d" % (host.encode("ascii"), port))
