"""
Tests for `pomerium_tx.authorize.trusted_proxies`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.trusted_proxies import TrustedProxies
from pomerium_tx.config.forms.networks import networks
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.policy.client import Client

LIMITS = HeadLimits()
PROXY = Client(address="10.0.0.1")
STRANGER = Client(address="203.0.113.9")
BY_LIST = TrustedProxies(networks(["10.0.0.0/8", "fd00::/8"]))

TOLD = [
    ("nothing", [], "10.0.0.1"),
    ("one", [b"192.0.2.7"], "192.0.2.7"),
    ("what came before is anybody's word", [b"198.51.100.1, 192.0.2.7"], "192.0.2.7"),
    ("proxies behind one another", [b"192.0.2.7, 10.1.2.3, 10.0.0.2"], "192.0.2.7"),
    ("several lines", [b"198.51.100.1", b"192.0.2.7", b"10.0.0.2"], "192.0.2.7"),
    ("none but proxies", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ("IPv6", [b"2001:DB8:0::1, fd00::2"], "2001:db8::1"),
    ("mapped", [b"::ffff:192.0.2.7"], "192.0.2.7"),
    ("with port", [b"192.0.2.7:4711"], "192.0.2.7"),
    ("IPv6 with port", [b"[2001:db8::1]:4711"], "2001:db8::1"),
    ("IPv6 in brackets", [b"[2001:db8::1]"], "2001:db8::1"),
    ("IPv6 in brackets and capitals", [b"[2001:DB8::ABEF]:4711"], "2001:db8::abef"),
    ("empty members", [b", 192.0.2.7 ,, "], "192.0.2.7"),
    ("nonsense further left is not looked at", [b"' OR 1=1, unknown, 192.0.2.7"], "192.0.2.7"),
]

UNREADABLE = [
    b"unknown",
    b"_hidden",
    b"192.0.2.7, unknown",
    b"192.0.2.256",
    b"192.0.2.7:",
    b"192.0.2.7:123456",
    b"192.0.2",
    b"fe80::1%eth0",
    b"[192.0.2.7",
    b'"192.0.2.7"',
    b"for=192.0.2.7",
    b"0192.0.2.7",
    b"X192.0.2.7X",
    b"192.0.2.7 10.0.0.2",
    b"\xb9.0.2.7",
    b"x" * 5000,
    b"unknown, 10.0.0.2",
]

COUNTED = [
    (1, [b"198.51.100.1, 192.0.2.7"], "192.0.2.7"),
    (2, [b"198.51.100.1, 192.0.2.7"], "198.51.100.1"),
    (2, [b"198.51.100.1", b"192.0.2.7"], "198.51.100.1"),
    (3, [b"198.51.100.1, 192.0.2.7"], "203.0.113.9"),
    (1, [], "203.0.113.9"),
    # A proxy is a client, if it is the one at that place.
    (1, [b"192.0.2.7, 10.0.0.2"], "10.0.0.2"),
]


def head(*values: bytes) -> RequestHead:
    """
    A request with these lines of X-Forwarded-For.
    """
    lines = b"".join(b"X-Forwarded-For: %b\r\n" % value for value in values)
    return request_head(b"GET / HTTP/1.1\r\nHost: app.example.com\r\n%b\r\n" % lines, LIMITS)


class TrustedProxiesTests(SynchronousTestCase):
    """
    Whose word is taken.
    """

    def test_by_list(self) -> None:
        """
        The client is the last one in the field that is no proxy of the list.
        """
        for name, values, address in TOLD:
            with self.subTest(name):
                self.assertEqual(BY_LIST.client(PROXY, head(*values)).address, address)

    def test_strangers(self) -> None:
        """
        Who is not in the list may say what they like: they come from where they come from.
        """
        for name, values, _ in TOLD:
            with self.subTest(name):
                self.assertIs(BY_LIST.client(STRANGER, head(*values)), STRANGER)
        for value in UNREADABLE:
            with self.subTest(value):
                self.assertIs(BY_LIST.client(STRANGER, head(value)), STRANGER)

    def test_unreadable(self) -> None:
        """
        Where a proxy names no address, nobody is let through as the proxy itself.
        """
        for value in UNREADABLE:
            with self.subTest(value):
                problem = self.assertRaises(BadRequest, BY_LIST.client, PROXY, head(value))
                self.assertEqual(problem.status, 400)

    def test_by_number(self) -> None:
        """
        With a number of hops the client is the one at that place from the right, as in Pomerium, whoever connects.
        """
        for hops, values, address in COUNTED:
            with self.subTest(hops=hops, values=values):
                self.assertEqual(TrustedProxies((), hops).client(STRANGER, head(*values)).address, address)

    def test_number_and_list(self) -> None:
        """
        With both, the number is for those of the list, and nobody else is believed.
        """
        both = TrustedProxies(networks("10.0.0.0/8"), 1)
        self.assertEqual(both.client(PROXY, head(b"192.0.2.7, 10.0.0.2")).address, "10.0.0.2")
        self.assertIs(both.client(STRANGER, head(b"192.0.2.7")), STRANGER)

    def test_peers(self) -> None:
        """
        A peer is known by its address, in both families, and by nothing else.
        """
        for peer, is_trusted in (
            ("10.255.0.1", True),
            ("fd00::7", True),
            ("fd00::7%eth0", True),
            ("11.0.0.1", False),
            ("fe80::1", False),
            ("unknown", False),
            ("", False),
        ):
            with self.subTest(peer):
                self.assertEqual(BY_LIST.is_trusted(peer), is_trusted)
        self.assertFalse(TrustedProxies((), 1).is_trusted("10.0.0.1"))

    def test_memory_is_bounded(self) -> None:
        """
        However many peers there are, so many are remembered and no more, and each is known for what it is.
        """
        proxies = TrustedProxies(networks(["10.0.0.0/16"]))
        for number in range(5000):
            peer = f"10.{number % 2}.{number // 256}.{number % 256}"
            self.assertEqual(proxies.is_trusted(peer), number % 2 == 0)
        self.assertEqual(proxies._is_known.cache_info().currsize, 4096)

    def test_any(self) -> None:
        """
        Without either setting there is nothing to look at.
        """
        self.assertFalse(TrustedProxies(()).is_any)
        self.assertTrue(TrustedProxies((), 1).is_any)
        self.assertTrue(BY_LIST.is_any)

    def test_same_fields(self) -> None:
        """
        Like requests over one connection are one client's, and those of another connection are not mistaken for them.
        """
        first, again = head(b"192.0.2.7"), head(b"192.0.2.7")
        other = Client(address="10.0.0.1")
        self.assertIs(BY_LIST.client(PROXY, first), BY_LIST.client(PROXY, again))
        self.assertEqual(BY_LIST.client(STRANGER, again).address, "203.0.113.9")
        self.assertEqual(BY_LIST.client(other, again).address, "192.0.2.7")
