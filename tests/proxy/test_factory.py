"""
Tests of `pomerium_tx.proxy.factory`; what it does at the end of the service is in `tests.proxy.test_local`.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address

from tests.proxy.harness import ProxyTestCase


class PeerTests(ProxyTestCase):
    """
    Who a connection comes from.
    """

    def test_one_spelling(self) -> None:
        """
        An IPv4 address is the same one, whether the socket that accepted it is for IPv4 or for both families.
        """
        for address, peer in (
            (IPv4Address("TCP", "192.0.2.7", 1), "192.0.2.7"),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 1), "192.0.2.7"),
            (IPv6Address("TCP", "2001:db8::1", 1), "2001:db8::1"),
        ):
            with self.subTest(address):
                self.assertEqual(self.factory.buildProtocol(address).peer, peer)
