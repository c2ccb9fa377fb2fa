"""
What an application hears of requests that are good, unusual, or neither.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.doubles.peers import PeerFactory
from tests.proxy.harness import UPSTREAM, ProxyTestCase

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MOST_REQUESTS = 4
_NEVER_COMPLETE = ("CHUNK", "TRAILER")


def probe_cases() -> list[bytes]:
    """
    The cases of Http11Probe, asked by alice, of which what passes is complete.
    """
    found = []
    for case in json.loads((Path(__file__).parent / "http11probe_cases.json").read_text())["cases"]:
        if "timeout" not in case["expected"] and not any(word in case["id"] for word in _NEVER_COMPLETE):
            raw = case["raw"].replace("{HOST}", "app.example.com")
            found.append(raw.replace("\r\n", "\r\nWho: alice\r\n", 1).encode("latin-1"))
    return found


class PassedOnTestCase(ProxyTestCase):
    """
    Requests through the data path in memory.
    """

    def passed_on(self, asked: bytes) -> bytes:
        """
        What the application hears when *asked* is said; every request is answered.
        """
        self.upstreams = PeerFactory()
        self.network.listen(*UPSTREAM, self.upstreams)
        agent = self.connect()
        agent.say(asked)
        self.settle()
        heard = b""
        for _ in range(MOST_REQUESTS):
            news = b"".join(peer.take() for peer in self.upstreams.peers)
            heard += news
            if news:
                self.upstreams.last.say(OK.removesuffix(b"ok") if news.startswith(b"HEAD ") else OK)
                self.settle()
        agent.transport.abortConnection()
        for peer in self.upstreams.peers:
            peer.transport.abortConnection()
        self.settle()
        return heard
