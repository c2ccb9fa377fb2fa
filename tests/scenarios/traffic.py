"""
Exchanges of every kind, open between a browser and an application.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from twisted.internet.error import ConnectionDone

from tests.doubles.peers import UserAgent
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.world import APP, CHAT, Application, WorldTestCase

WEBSOCKET_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {WEBSOCKET_KEY}",
)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
"""
The answer to the example of RFC 6455 section 1.3.
"""
SIGNED_OUT = b"\x88\x0c\x11\x31signed out"
"""
A Close frame with code 4401.
"""
NOT_ADMITTED = b"\x88\x14\x03\xf0no longer admitted"
"""
A Close frame with code 1008.
"""


class TrafficTestCase(WorldTestCase):
    """
    A world in which applications leave answers to the test.
    """

    def begin(
        self, browser: Browser, method: str, url: str, *fields: str, content: bytes = b""
    ) -> tuple[UserAgent, Application]:
        """
        A request that its application has heard and not answered: both ends.
        """
        application = self.applications[(urlsplit(url).hostname or "").partition(".")[0]]
        answer, application.answer = application.answer, None
        agent = browser.open(method, url, *fields, content=content)
        application.answer = answer
        assert application.latest is not None and application.latest.by_hand
        return agent, application.latest

    def answer(self, upstream: Application, head: str, content: bytes = b"") -> None:
        """
        Have an application say the head and some content.
        """
        upstream.say(b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n\r\n" + content)
        self.settle()

    def download(self, browser: Browser, url: str = APP + "/file", *fields: str) -> tuple[UserAgent, Application]:
        """
        A download that has not come to its end.
        """
        agent, upstream = self.begin(browser, "GET", url, *fields)
        self.answer(upstream, "Content-Length: 1000000", b"some of it")
        assert agent.take().endswith(b"some of it")
        return agent, upstream

    def stream(self, browser: Browser, url: str = APP + "/events", *fields: str) -> tuple[UserAgent, Application]:
        """
        An event stream.
        """
        agent, upstream = self.begin(browser, "GET", url, "Accept: text/event-stream", *fields)
        self.answer(upstream, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked", b"9\r\ndata: 1\n\n\r\n")
        assert b"data: 1" in agent.take()
        return agent, upstream

    def upload(self, browser: Browser, url: str = APP + "/upload", *fields: str) -> tuple[UserAgent, Application]:
        """
        An upload of which half has come.
        """
        return self.begin(browser, "POST", url, "Content-Length: 8", *fields, content=b"half")

    def websocket(self, browser: Browser, origin: str = CHAT, *fields: str) -> tuple[UserAgent, Application]:
        """
        A WebSocket.
        """
        agent, upstream = self.begin(browser, "GET", origin + "/socket", *HANDSHAKE, f"Origin: {origin}", *fields)
        upstream.say(SWITCHING)
        self.settle()
        assert agent.take().startswith(b"HTTP/1.1 101 ")
        upstream.received = b""
        return agent, upstream

    def sign_out(self, browser: Browser, origin: str = APP, *, follow: bool = False) -> Response:
        """
        Click the sign-out link of a page.
        """
        return browser.get(origin + "/.pomerium/sign_out", site="same-origin", follow=follow)

    def both(self, person: str = "alice", *, house: str = "proxy") -> Browser:
        """
        A browser that is signed in at both applications.
        """
        browser = self.browser(house)
        self.sign_in(browser, person=person)
        browser.get(CHAT + "/")
        return browser

    def assert_broken_off(self, agent: UserAgent) -> None:
        """
        The user agent sees an error: never a clean end.
        """
        assert agent.lost is not None, "still open"
        self.assertFalse(agent.lost.check(ConnectionDone), "a clean end")

    def assert_answered(self, agent: UserAgent, status: int, method: str = "GET") -> Response:
        """
        The user agent gets that answer, and no other after it.
        """
        answered = read(agent.take(), method)
        self.assertEqual(answered.status, status)
        self.assertEqual(answered.get("Connection"), "close")
        return answered
