"""
Tests for `pomerium_tx.config.forms.networks`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.networks import networks


class NetworksTests(SynchronousTestCase):
    """
    How networks may be written.
    """

    def test_good(self) -> None:
        """
        An address is a network of its own; one may stand alone.
        """
        for written, expected in (
            ([], ()),
            ("192.0.2.1", (IPv4Network("192.0.2.1/32"),)),
            (
                ["10.0.0.0/8", " ::1 ", "fd00::/8"],
                (IPv4Network("10.0.0.0/8"), IPv6Network("::1"), IPv6Network("fd00::/8")),
            ),
            ("0.0.0.0/0", (IPv4Network("0.0.0.0/0"),)),
            (["::ffff:10.0.0.1", "::ffff:10.0.0.0/104"], (IPv4Network("10.0.0.1"), IPv4Network("10.0.0.0/8"))),
            ("::/0", (IPv6Network("::/0"),)),
        ):
            with self.subTest(written):
                self.assertEqual(networks(written), expected)

    def test_bad(self) -> None:
        """
        Anything else is named, also a network of which nobody knows how large it was meant to be.
        """
        for written in ("10.0.0.1/8", "localhost", "10.0.0.0/33", "*", 10, [None], {"a": "b"}):
            with self.subTest(written):
                self.assertRaises(ValueError, networks, written)
