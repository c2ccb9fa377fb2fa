"""
The inputs that are kept: what was found once is not broken again.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.node import IS_THERE, NOT_THERE, by_node, origin_by_node
from tests.fuzz.targets import CORPUS, TARGETS, kept
from tests.hostile.readers import by_h11

MOST_BYTES = 1 << 20
"""
How large the whole of it may be.
"""
_OUR_OWN = re.compile(rb"PRIVATE KEY-----\s+[A-Za-z0-9+/]")


class CorpusTests(SynchronousTestCase):
    """
    The corpus.
    """

    def test_promises(self) -> None:
        """
        Every input that is kept keeps the promises of its target.
        """
        for target, check in TARGETS.items():
            for path in kept(target):
                with self.subTest(target=target, input=path.name):
                    check(path.read_bytes())

    def test_every_target_has_some(self) -> None:
        """
        No target begins with nothing, and no input belongs to no target.
        """
        self.assertEqual({path.name for path in CORPUS.iterdir()}, set(TARGETS))
        self.assertEqual([target for target in TARGETS if len(kept(target)) < 4], [])

    def test_small(self) -> None:
        """
        It is small, and nobody's key is in it.
        """
        inputs = [path.read_bytes() for target in TARGETS for path in kept(target)]
        self.assertLess(sum(map(len, inputs)), MOST_BYTES)
        self.assertEqual([octets[:40] for octets in inputs if _OUR_OWN.search(octets)], [])


class NodeTests(SynchronousTestCase):
    """
    The other reader.
    """

    skip = None if IS_THERE else NOT_THERE

    def test_requests(self) -> None:
        """
        Node reads requests one after another, in both framings and up to a handshake, as h11 does.
        """
        get = b"GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\nx: z\r\n\r\n"
        for octets in (
            get + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\n" + get,
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + get,
            get + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ):
            with self.subTest(octets=octets):
                self.assertEqual(by_node(octets), by_h11(octets))

    def test_disagreements_show(self) -> None:
        """
        What node refuses, and what is not complete, is noticed.
        """
        head = b"POST / HTTP/1.1\r\nHost: a\r\n"
        self.assertEqual(by_node(b"GET / HTTP/1.1\r\n\r\n"), [])
        for fields in (b"X : y\r\n\r\n", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
            with self.subTest(fields=fields):
                self.assertRaises(AssertionError, by_node, head + fields)

    def test_origins(self) -> None:
        """
        Node tells the origin of a URL as browsers see it.
        """
        self.assertEqual(origin_by_node("/\\evil.test"), None)
        self.assertEqual(origin_by_node("https:\\\\EVIL.test:443/"), "https://evil.test")
