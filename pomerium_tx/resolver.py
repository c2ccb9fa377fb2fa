"""
`*.localhost` is this machine (RFC 6761 section 6.3), whatever the system's resolver thinks of it.

Browsers and curl say so by themselves; the C library of many systems does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer


def is_localhost(name: str) -> bool:
    """
    Whether *name* is ``localhost`` or below it.
    """
    name = name.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


@implementer(IHostResolution)
class _Resolved:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """
        It is done already.
        """


@implementer(IHostnameResolver)
class LocalhostResolver:
    """
    Answers for `*.localhost` and asks *other* about every other name.
    """

    def __init__(self, other: IHostnameResolver) -> None:
        self._other = other

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        if not is_localhost(hostName):
            return self._other.resolveHostName(
                resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics
            )
        resolution = _Resolved(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        if addressTypes is None or IPv4Address in addressTypes:
            resolutionReceiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        elif IPv6Address in addressTypes:
            resolutionReceiver.addressResolved(IPv6Address("TCP", "::1", portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution
