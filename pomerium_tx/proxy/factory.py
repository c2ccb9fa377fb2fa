"""
All the connections from user agents, whichever listener accepted them.
"""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pomerium_tx.proxy.connection import Proxy
from pomerium_tx.proxy.downstream import Downstream

_MAPPED = "::ffff:"
"""
How a socket for both families shows an IPv4 address (RFC 4291 section 2.5.5.2).
"""


class DownstreamFactory(Factory):
    """
    Makes a `Downstream` of every accepted connection, and ends them all in the end.
    """

    noisy = False

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._open: set[Downstream] = set()

    def buildProtocol(self, addr: IAddress | None) -> Downstream:
        peer = str(getattr(addr, "host", "unknown")).removeprefix(_MAPPED)
        return Downstream(self._proxy, peer=peer, open_connections=self._open)

    @property
    def open_connections(self) -> int:
        """
        How many connections there are.
        """
        return len(self._open)

    def close_idle(self) -> None:
        """
        Close the connections on which nothing is being answered; the others close after their answer while draining.
        """
        for downstream in list(self._open):
            downstream.close_if_idle()

    def recheck(self) -> None:
        """
        Cut every exchange of nobody's whose request would not be let through any more; those of sessions are known to
        the registry.
        """
        for downstream in list(self._open):
            downstream.recheck()

    def abort_all(self) -> None:
        """
        End every connection at once.
        """
        for downstream in list(self._open):
            downstream.abort()
