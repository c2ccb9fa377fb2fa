"""
Tests of `pomerium_tx.resolver`.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pomerium_tx.resolver import LocalhostResolver, is_localhost


@implementer(IResolutionReceiver)
class Receiver:
    """
    Remembers what it is told.
    """

    def __init__(self) -> None:
        self.begun: list[IHostResolution] = []
        self.addresses: list[IAddress] = []
        self.complete = False

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.begun.append(resolutionInProgress)

    def addressResolved(self, address: IAddress) -> None:
        assert self.begun and not self.complete
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        self.complete = True


@implementer(IHostnameResolver)
class Elsewhere:
    """
    Remembers what it is asked.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append((hostName, portNumber, addressTypes, transportSemantics))
        return "in progress"  # type: ignore[return-value] # only handed on


class LocalhostResolverTests(SynchronousTestCase):
    """
    Names below ``localhost``.
    """

    def setUp(self) -> None:
        self.other = Elsewhere()
        self.resolver = LocalhostResolver(self.other)

    def test_interface(self) -> None:
        """
        A reactor accepts it, and its answers.
        """
        verifyObject(IHostnameResolver, self.resolver)
        verifyObject(IHostResolution, self.resolver.resolveHostName(Receiver(), "localhost"))

    def test_names(self) -> None:
        """
        Only ``localhost`` itself and what is below it are this machine, however they are spelt.
        """
        for name, expected in (
            ("localhost", True),
            ("LocalHost.", True),
            ("app.localhost", True),
            ("a.b.LOCALHOST", True),
            ("localhost.example.com", False),
            ("notlocalhost", False),
            ("app.localhost.example", False),
            ("127.0.0.1", False),
            ("", False),
        ):
            with self.subTest(name):
                self.assertEqual(is_localhost(name), expected)

    def test_addresses(self) -> None:
        """
        They are loopback, of the kind that is asked for, and nobody else is asked.
        """
        loopback = IPv4Address("TCP", "127.0.0.1", 80)
        for kinds, expected in (
            (None, [loopback]),
            ([IPv4Address, IPv6Address], [loopback]),
            ([IPv6Address], [IPv6Address("TCP", "::1", 80)]),
            ([], []),
        ):
            with self.subTest(kinds):
                receiver = Receiver()
                resolution = self.resolver.resolveHostName(receiver, "App.localhost", 80, kinds)
                self.assertEqual((receiver.addresses, receiver.complete), (expected, True))
                self.assertEqual((receiver.begun, resolution.name), ([resolution], "App.localhost"))
                resolution.cancel()
        self.assertEqual(self.other.asked, [])

    def test_other_names(self) -> None:
        """
        Every other name is somebody else's business, with all that was asked.
        """
        receiver = Receiver()
        answer = self.resolver.resolveHostName(receiver, "example.com", 443, [IPv6Address], "UDP")
        self.assertEqual(answer, "in progress")
        self.assertEqual(self.other.asked, [("example.com", 443, [IPv6Address], "UDP")])
        self.assertEqual(receiver.begun, [])
