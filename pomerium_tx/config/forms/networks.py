"""
IP networks, as they may be written.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from pomerium_tx.config.forms.values import string_list

Network = IPv4Network | IPv6Network

_MAPPED = 96


def networks(value: object) -> tuple[Network, ...]:
    """
    Addresses and networks: ``192.0.2.1``, ``10.0.0.0/8``, ``fd00::/8``.
    """
    found: list[Network] = []
    for text in string_list(value):
        try:
            found.append(_plain(ip_network(text.strip())))
        except ValueError:
            problem = "must be IP addresses and networks, such as 192.0.2.1 or 10.0.0.0/8 (no bit set behind the /8)"
            raise ValueError(f"{problem}, not {text!r}") from None
    return tuple(found)


def _plain(network: Network) -> Network:
    """
    An IPv4 network in the form in which connections show their addresses (RFC 4291 section 2.5.5.2).
    """
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return (
        network if mapped is None or network.prefixlen < _MAPPED else IPv4Network((mapped, network.prefixlen - _MAPPED))
    )
