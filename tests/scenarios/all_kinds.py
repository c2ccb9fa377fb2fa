"""
One exchange of every kind, each with what must become of it when its session ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from twisted.internet.error import ConnectionDone

from pomerium_tx.sessions.receipt import EXCHANGE_KINDS
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import Browser
from tests.scenarios.traffic import HANDSHAKE, SIGNED_OUT, TrafficTestCase
from tests.scenarios.world import APP, CHAT, OPEN, Application

RESET, TOLD, ANSWERED, REFUSED = "reset", "told", "answered", "refused"
"""
Broken off; a Close frame with 4401; the answer of nobody to a page; the same to a script.
"""
FRAMINGS = (
    ("Content-Length: 1000000", b"some"),
    ("Transfer-Encoding: chunked", b"4\r\nsome\r\n"),
    ("Connection: close", b"some"),
)
LATE = b"\x82\x04LATE"
"""
A WebSocket frame, and anywhere else just bytes.
"""
KERNEL = 100
"""
Bytes that the kernel of a reader holds who does not read.
"""


@dataclass(kw_only=True)
class Open:
    """
    An exchange that is open, from both ends.
    """

    name: str
    agent: UserAgent
    upstream: Application | None
    """
    None as long as there is no connection to the application.
    """
    fate: str = RESET
    kind: str = "download"
    method: str = "GET"
    route: str
    in_doubt: bool = True
    heard: int = 0
    """
    Bytes that the application had before the end.
    """
    was_cut: bool = False
    """
    Whether it was cut in the turn of the end.
    """

    def note(self) -> None:
        """
        Look at both ends, as they are now.
        """
        here = self.agent.transport.peer
        ended = here.aborted if self.fate == RESET else here.unsent
        if self.upstream is not None:
            there = self.upstream.transport.peer
            ended = ended and (there.aborted or (self.kind == "websocket" and there.unsent))
            self.heard = len(self.upstream.received)
        self.was_cut = ended

    def go_on(self) -> None:
        """
        Both ends go on as if nothing had happened.
        """
        if self.upstream is not None:
            self.upstream.say(LATE)
        self.agent.say(b"\x82\x84\x00\x00\x00\x00LATE")


class AllKindsTestCase(TrafficTestCase):
    """
    A world in which everything is open at once.
    """

    def everything(self, browser: Browser) -> list[Open]:
        """
        One exchange of each kind on `CHAT`, and what a handle opens elsewhere; connections to `CHAT` are held after.
        """
        return [*self.downloads(browser), *self.requests(browser), *self.websockets(browser), *self.behind(browser)]

    def downloads(self, browser: Browser) -> Iterator[Open]:
        """
        What is being answered, on `CHAT`.
        """
        for framing, begun in FRAMINGS:
            agent, upstream = self.begin(browser, "GET", CHAT + "/file")
            self.answer(upstream, framing, begun)
            assert b"some" in agent.take()
            yield Open(name=framing, agent=agent, upstream=upstream, route="chat")
        agent, upstream = self.stream(browser, CHAT + "/events")
        yield Open(name="event stream", agent=agent, upstream=upstream, kind="sse", route="chat")

    def requests(self, browser: Browser) -> Iterator[Open]:
        """
        What is on its way to the application, or waits for its answer, on `CHAT`.
        """
        agent, upstream = self.upload(browser, CHAT + "/upload")
        yield Open(
            name="upload", agent=agent, upstream=upstream, fate=ANSWERED, kind="upload", method="POST", route="chat"
        )
        agent, upstream = self.upload(browser, CHAT + "/upload")
        self.answer(upstream, "Transfer-Encoding: chunked", b"2\r\nok\r\n")
        agent.take()
        yield Open(
            name="upload, answer begun", agent=agent, upstream=upstream, kind="upload", method="POST", route="chat"
        )
        for method, fields, content, fate in (
            ("GET", (), b"", ANSWERED),
            ("GET", ("Sec-Fetch-Mode: cors",), b"", REFUSED),
            ("DELETE", (), b"", ANSWERED),
            ("POST", ("Content-Length: 4",), b"full", ANSWERED),
        ):
            agent, upstream = self.begin(browser, method, CHAT + "/slow", *fields, content=content)
            yield Open(name=f"waiting {method}", agent=agent, upstream=upstream, fate=fate, method=method, route="chat")
        agent, upstream = self.begin(browser, "GET", CHAT + "/socket", *HANDSHAKE, f"Origin: {CHAT}")
        yield Open(name="handshake", agent=agent, upstream=upstream, fate=REFUSED, route="chat")

    def websockets(self, browser: Browser) -> Iterator[Open]:
        """
        WebSockets: between two frames, between two fragments, and in the middle of a frame.
        """
        for said, fate in ((b"", TOLD), (b"\x01\x02he", TOLD), (b"\x81", RESET), (b"\x81\x05he", RESET)):
            agent, upstream = self.websocket(browser)
            upstream.say(said)
            self.settle()
            agent.take()
            yield Open(
                name=f"websocket after {said!r}", agent=agent, upstream=upstream, fate=fate, kind="websocket",
                route="chat", in_doubt=False,
            )  # fmt: skip

    def behind(self, browser: Browser) -> Iterator[Open]:
        """
        What is easily forgotten: a complete answer that is not sent, requests behind others, no connection yet, other
        ways to present a handle, a public route.
        """
        agent, upstream = self.begin(browser, "GET", CHAT + "/file")
        agent.transport.pauseProducing()
        agent.transport.peer.window = KERNEL
        self.answer(upstream, "Content-Length: 30000", b"secret" * 5000)
        upstream.by_hand = False
        assert agent.transport.peer.unsent
        # Its connection to the application is free again: what comes next may use it.
        yield Open(name="not taken", agent=agent, upstream=None, route="chat")
        agent, upstream = self.download(browser)
        agent.say(request("GET", "/queued", "app.example.com", f"Cookie: _pomerium={self.handle_of(browser, APP)}"))
        self.settle()
        yield Open(name="with another behind", agent=agent, upstream=upstream, route="app")
        handle, program = self.handle_of(browser, APP), self.browser()
        for name, url, field in (
            ("public", OPEN + "/file", f"Cookie: _pomerium={handle}"),
            ("public, in the query", f"{OPEN}/file?pomerium_session={handle}", "Accept: */*"),
            ("in a field", APP + "/file", f"Authorization: Pomerium {handle}"),
            ("in the query", f"{APP}/file?pomerium_session={handle}", "Accept: */*"),
        ):
            agent, upstream = self.download(program, url, field)
            yield Open(name=name, agent=agent, upstream=upstream, route="open" if OPEN in url else "app")
        self.network.hold("chat.internal", 8080)
        # The first finds the connection that is free.
        agent, upstream = self.begin(browser, "GET", CHAT + "/last")
        yield Open(name="last connection", agent=agent, upstream=upstream, fate=ANSWERED, route="chat")
        agent = browser.open("GET", CHAT + "/connecting")
        yield Open(name="connecting", agent=agent, upstream=None, fate=ANSWERED, route="chat", in_doubt=False)

    def some(self, browser: Browser) -> list[Open]:
        """
        What another session has open.
        """
        download, downloaded = self.download(browser)
        socket, switched = self.websocket(browser)
        return [
            Open(name="download of another", agent=download, upstream=downloaded, route="app"),
            Open(
                name="websocket of another",
                agent=socket,
                upstream=switched,
                fate=TOLD,
                kind="websocket",
                route="chat",
                in_doubt=False,
            ),
        ]

    # -- what has become of them ---------------------------------------------------------------------------------------

    def cut_of(self, opened: Iterable[Open]) -> dict[str, int]:
        """
        What a receipt says about the cut of these.
        """
        counted = Counter(one.kind for one in opened)
        return {kind: counted[kind] for kind in EXCHANGE_KINDS}

    def doubts_of(self, opened: Iterable[Open]) -> dict[str, int]:
        """
        What it says about those that the application may have acted on.
        """
        ids = {route.name: route.id for route in self.house.layout.table.routes}
        return dict(Counter(f"{one.method} {ids[one.route]}" for one in opened if one.in_doubt))

    def assert_cut(self, one: Open, told: bytes = SIGNED_OUT) -> None:
        """
        It was cut as its kind is, and not a byte passed in either direction afterwards.

        :param told: What a WebSocket's page is told.
        """
        self.assertTrue(one.agent.lost or one.agent.received or one.agent.transport.closed_by_peer, f"{one.name}: open")
        if one.name == "not taken":
            one.agent.transport.peer.window = 1 << 20
            one.agent.transport.resumeProducing()
            self.settle()
            self.assertLessEqual(len(one.agent.take()), KERNEL)
        if one.fate == TOLD:
            self.assertEqual(one.agent.take(), told, one.name)
            self.assertTrue(one.agent.transport.closed_by_peer, one.name)
        elif one.fate == RESET:
            self.assertEqual(one.agent.take(), b"", one.name)
            self.assert_broken_off(one.agent)
        else:
            self.assert_answered(one.agent, 302 if one.fate == ANSWERED else 401)
        self.assert_upstream_cut(one)

    def assert_upstream_cut(self, one: Open) -> None:
        """
        The application has lost the connection, and heard nothing but, on a WebSocket, a Close frame.
        """
        if one.upstream is None:
            return
        assert one.upstream.lost is not None, f"{one.name}: the application's connection is open"
        heard = one.upstream.received[one.heard :]
        if one.kind == "websocket":
            self.assertEqual((heard[:2], len(heard)), (b"\x88\x82", 8), one.name)
        else:
            self.assertEqual(heard, b"", one.name)
            self.assertFalse(one.upstream.lost.check(ConnectionDone), one.name)

    def assert_open(self, one: Open) -> None:
        """
        Nothing has happened to it, and it goes on in both directions.
        """
        self.assertEqual((one.agent.take(), one.agent.lost), (b"", None), one.name)
        assert one.upstream is not None
        self.assertIsNone(one.upstream.lost)
        one.upstream.say(LATE)
        self.settle()
        self.assertEqual(one.agent.take(), LATE, one.name)
