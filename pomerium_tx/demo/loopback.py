"""
The rule that the demo can be reached from this computer only.
"""

from __future__ import annotations

import ipaddress


class NotLoopback(Exception):
    """
    An OP that asks for no password would be reachable from elsewhere.
    """


def require_loopback(address: str) -> None:
    """
    *address* can be reached from this computer only.

    :raises NotLoopback: If it can be reached from elsewhere, or is not an address.
    """
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise NotLoopback(f"the development OpenID Provider does not listen on {address or 'every address'}")
