"""
What is compressed is not ours to open.
"""

from __future__ import annotations

import gzip
import zlib
from urllib.parse import urlencode

from tests.doubles.peers import request
from tests.proxy.harness import ProxyTestCase

ALICE = "Who: alice"
HOST = "app.example.com"
BOMB = gzip.compress(bytes(1 << 24), 9)
"""
Sixteen mebibytes that are sixteen kibibytes on the way.
"""
CODINGS = ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, gzip", "nothing-known")


class CompressedTests(ProxyTestCase):
    """
    Content in any coding.
    """

    def test_passes(self) -> None:
        """
        Content passes byte for byte in both directions, whatever its coding says, and is never as large as it would be
        unpacked.
        """
        for coding in CODINGS:
            with self.subTest(coding=coding):
                agent = self.connect()
                agent.ask(request("POST", "/", HOST, ALICE, f"Content-Encoding: {coding}", content=BOMB))
                upstream = self.upstreams.last
                head, _, content = upstream.take().partition(b"\r\n\r\n")
                self.assertIn(f"Content-Encoding: {coding}".encode(), head)
                self.assertEqual(content, BOMB)
                answer = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(BOMB)}\r\n\r\n"
                upstream.say(answer.encode() + BOMB)
                self.settle()
                head, _, content = agent.take().partition(b"\r\n\r\n")
                self.assertIn(f"Content-Encoding: {coding}".encode(), head)
                self.assertEqual(content, BOMB)

    def test_transfer_codings(self) -> None:
        """
        A coding of the transfer, which we would have to undo, is refused, in a request and in an answer.
        """
        for coding, status in (("gzip", b" 501 "), ("gzip, chunked", b" 400 "), ("deflate, chunked", b" 400 ")):
            with self.subTest(coding=coding):
                agent = self.connect()
                asked = request("POST", "/", HOST, ALICE, f"Transfer-Encoding: {coding}")
                self.assertIn(status, agent.ask(asked)[:20])
                agent = self.connect()
                agent.ask(request("GET", "/", HOST, ALICE))
                self.upstreams.last.say(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n".encode() + BOMB)
                self.settle()
                self.assertIn(b" 502 ", agent.take()[:20])

    def test_forms(self) -> None:
        """
        A form to a page of ours is read as it comes: what is packed in it says nothing.
        """
        form = zlib.compress(urlencode({"logout_token": "x" * 60_000}).encode())
        fields = ("Content-Type: application/x-www-form-urlencoded", "Content-Encoding: deflate")
        answer = self.connect().ask(request("POST", "/.pomerium/backchannel_logout", HOST, *fields, content=form))
        self.assertIn(b" 4", answer[:13])
