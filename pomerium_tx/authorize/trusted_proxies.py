"""
Whose word is taken for where a request comes from.

A peer that is a trusted proxy says it by ``X-Forwarded-For``, to which each proxy on the way has appended whom it heard
(RFC 7239 section 7.4 says of its successor, and so it is here: only the end of the list can be believed). Of everybody
else the field means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from pomerium_tx.config.forms.networks import Network
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.policy.client import Client

_FIELD: Final = b"x-forwarded-for"
# Some proxies write the port too; an IPv6 address is in brackets then (RFC 7239 section 6).
_WITH_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
_REMEMBERED: Final = 4_096


class TrustedProxies:
    """
    Tells the user agent's address from a proxy's.

    :param networks: Where the trusted proxies are.
    :param hops: How many proxies there are between the user agent and us. Zero: as many as the list shows, which ends
        with the first address that is in none of *networks*.
    """

    def __init__(self, networks: Sequence[Network], hops: int = 0) -> None:
        self._networks = tuple(networks)
        self._hops = hops
        self._is_known = lru_cache(maxsize=_REMEMBERED)(self._is_in_networks)

    @property
    def is_any(self) -> bool:
        """
        Whether anybody's word is taken at all.
        """
        return bool(self._networks) or self._hops > 0

    def is_trusted(self, peer: str) -> bool:
        """
        Whether *peer* is one of the proxies that were named.
        """
        return self._is_known(peer)

    def client(self, peer: Client, head: RequestHead) -> Client:
        """
        Who has sent *head*, which came from *peer*.

        :raises BadRequest: If a proxy says so, but not in a form that can be read.
        """
        known: tuple[Client, Client] | None = head.derived.get(self)
        if known is None or known[0] is not peer:
            # One for each head: proxies keep their connections.
            known = head.derived[self] = peer, self._client(peer, head)
        return known[1]

    def _client(self, peer: Client, head: RequestHead) -> Client:
        # Pomerium knows hops only, and then believes whoever connects.
        if self._networks and not self.is_trusted(peer.address):
            return peer
        address = self._nth(head) if self._hops else self._first_stranger(head)
        return peer if address is None else replace(peer, address=address)

    def _nth(self, head: RequestHead) -> str | None:
        """
        As Envoy counts: the trusted ones from the right. Where there are fewer, nobody knows better than the peer.
        """
        for number, written in enumerate(_from_the_right(head), start=1):
            if number == self._hops:
                return _address(written)
        return None

    def _first_stranger(self, head: RequestHead) -> str | None:
        address = None
        for written in _from_the_right(head):
            address = _address(written)
            if not self.is_trusted(address):
                break
        return address

    def _is_in_networks(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _from_the_right(head: RequestHead) -> Iterator[bytes]:
    # RFC 9110 section 5.3: the lines of one field are one list.
    for line in reversed(head.get_all(_FIELD)):
        rest: bytes | None = line
        while rest is not None:
            before, comma, last = rest.rpartition(b",")
            rest = before if comma else None
            # Section 5.6.1.2: empty members do not count.
            if last := last.strip(b" \t"):
                yield last


def _address(written: bytes) -> str:
    """
    An address in the form in which connections show theirs.
    """
    text = written.decode("latin-1")
    match = _WITH_PORT.fullmatch(text)
    if match is not None:
        text = match[1] or match[2]
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or "%" in text:
        # What was meant cannot be guessed, and the peer's own address may be allowed what the user agent's is not.
        raise BadRequest(400, "The proxy in front names no address in X-Forwarded-For that can be read.")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(address if mapped is None else mapped)
