"""
Tests for `pomerium_tx.demo.loopback`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.loopback import NotLoopback, require_loopback


class LoopbackTests(SynchronousTestCase):
    """
    An OP without passwords is for one computer only.
    """

    def test_refused(self) -> None:
        """
        Addresses that others can reach are refused, and so is what is no address.
        """
        for address in ("", "0.0.0.0", "::", "192.168.1.1", "10.0.0.1", "2001:db8::1", "localhost"):
            with self.subTest(address=address):
                self.assertRaises(NotLoopback, require_loopback, address)

    def test_admitted(self) -> None:
        """
        Loopback addresses of both families will do.
        """
        for address in ("127.0.0.1", "127.8.8.8", "::1"):
            require_loopback(address)
