"""
A session that is not used: only the arrival of a request's head is use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pomerium_tx.sessions.store import SessionStore
from tests.doubles.peers import UserAgent, request
from tests.doubles.stores import UnreliableStore
from tests.scenarios.browser import Browser
from tests.scenarios.test_session_events import EVENTS, METADATA
from tests.scenarios.traffic import HANDSHAKE, SIGNED_OUT, TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OPEN, Application

LIMIT = 20.0


class IdleTestCase(TrafficTestCase):
    """
    Alice is idle after twenty seconds.
    """

    settings: Mapping[str, Any] = {"session_idle_timeout": "20s"}

    def make_store(self) -> SessionStore:
        self.unreliable = UnreliableStore()
        return self.unreliable

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        [self.session] = self.house.registry.sessions()
        self.handle = self.handle_of(self.alice, APP)

    def is_alive(self) -> bool:
        """
        Whether the session lives; nobody asks for it.
        """
        return self.session.id in {session.id for session in self.house.registry.sessions()}

    def causes(self) -> list[str]:
        """
        The causes of all ends.
        """
        return [receipt["cause"] for receipt in self.receipts()]

    def assert_idle_after(self, seconds: float) -> None:
        """
        The session ends in just so many seconds, and not a moment earlier.
        """
        self.advance(seconds - 0.5, step=0.5)
        self.assertTrue(self.is_alive(), "ended too early")
        self.advance(0.5)
        self.assertFalse(self.is_alive(), "not ended")
        self.assertEqual(self.causes(), ["idle"])


class WhenTests(IdleTestCase):
    """
    When it ends.
    """

    def test_unused(self) -> None:
        """
        A session that nobody uses ends at the limit, with one receipt that says so; its handles are worth nothing.
        """
        self.assert_idle_after(LIMIT)
        [receipt] = self.receipts()
        self.assertEqual((receipt["sessions_ended"], receipt["tokens_to_revoke"]), (1, 2))
        self.assertEqual(receipt["op_logout"], "not_needed")
        for origin in (APP, CHAT):
            self.assertEqual(self.replay(self.handle, origin).status, 302)
        self.advance(1.0)
        self.assertEqual(len(self.provider.revocations), 2)

    def test_used(self) -> None:
        """
        Each request puts the end off, on any route, for as long as the session may last.
        """
        for origin in (APP, CHAT) * 5:
            self.advance(LIMIT - 1.0, step=LIMIT)
            self.assertEqual(self.alice.get(origin + "/").status, 200)
        self.assert_idle_after(LIMIT)

    def test_no_stale_request(self) -> None:
        """
        At the very limit no request is let through, also before anybody has noticed, nor while the end cannot be
        recorded; and none of them brings the session back.
        """
        self.unreliable.break_down()
        self.app.take()
        agent = UserAgent.connect(self.network, "proxy", 443)
        asked = request("GET", "/x", "app.example.com", f"Cookie: _pomerium={self.handle}")
        # The clock jumps, and the request is there before any delayed call has run.
        self.clock.rightNow += LIMIT  # type: ignore[attr-defined] # a Clock's
        agent.transport.peer.protocol.dataReceived(asked)
        for _ in range(8):
            self.settle()
            self.assertEqual(agent.take()[9:12], b"302")
            self.advance(3.0)
            agent.say(asked)
        self.assertEqual(self.app.take(), b"")
        self.unreliable.failure = None
        self.advance(10.0)
        self.assertEqual(self.causes(), ["idle"])

    def test_a_moment_before(self) -> None:
        """
        A moment before the limit a request is let through, and counts.
        """
        self.clock.rightNow += LIMIT - 0.001  # type: ignore[attr-defined] # a Clock's
        self.assertEqual(self.replay(self.handle, APP).status, 200)
        self.assert_idle_after(LIMIT)

    def test_off(self) -> None:
        """
        Without the setting, and with nought, nobody is idle.
        """
        for off in (None, "0s"):
            with self.subTest(off):
                self.house.reload(self.read(session_idle_timeout=off))
                self.advance(600.0, step=100.0)
                self.assertTrue(self.is_alive())
                self.assertEqual(self.replay(self.handle, APP).status, 200)

    def test_others(self) -> None:
        """
        Who is idle ends alone: not the person's other devices, nor bob.
        """
        others = [self.both(), self.both("bob")]
        for _ in range(int(LIMIT)):
            for other in others:
                other.get(CHAT + "/")
            self.advance(1.0)
        self.assertFalse(self.is_alive())
        self.assertEqual(self.house.registry.count, 2)

    def test_hold(self) -> None:
        """
        It is no sign-out of the person's own: the OP that still knows them signs them in again.
        """
        self.assert_idle_after(LIMIT)
        page = self.alice.get(APP + "/")
        self.assertEqual((page.status, page.url), (200, APP + "/"))
        self.assertEqual(self.replay(self.handle, APP).status, 302)


class WhatCountsTests(IdleTestCase):
    """
    What is use.
    """

    def test_heads(self) -> None:
        """
        The head of any request with any handle of the session counts: whatever the route, and whatever its answer.
        """
        used: dict[str, Callable[[], object]] = {
            "HEAD": lambda: self.alice.open("HEAD", APP + "/"),
            "public route": lambda: self.browser().open("GET", OPEN + "/", f"Cookie: _pomerium={self.handle}"),
            "field": lambda: self.browser().open("GET", APP + "/", f"Authorization: Pomerium {self.handle}"),
            "query": lambda: self.browser().open("GET", f"{APP}/?pomerium_session={self.handle}"),
            "waiting": lambda: self.begin(self.alice, "GET", APP + "/slow"),
            "half an upload": lambda: self.upload(self.alice),
            "handshake": lambda: self.begin(self.alice, "GET", CHAT + "/socket", *HANDSHAKE, f"Origin: {CHAT}"),
        }
        for name, use in used.items():
            with self.subTest(name):
                self.setUp()
                self.advance(LIMIT - 1.0, step=LIMIT)
                use()
                self.assert_idle_after(LIMIT)

    def test_heads_that_no_application_gets(self) -> None:
        """
        So does that of a request which is refused by the route's policy, or which is for a page of ours.
        """
        for url in (DENIED + "/", APP + "/.pomerium/", APP + "/.pomerium/user", AUTHENTICATE + "/.pomerium/"):
            with self.subTest(url):
                self.setUp()
                self.alice.get(DENIED + "/")
                self.advance(LIMIT - 1.0, step=LIMIT)
                self.assertIn(self.alice.get(url, follow=False).status, (200, 403))
                self.advance(LIMIT - 1.0, step=LIMIT)
                self.assertTrue(self.is_alive(), url)

    def test_not_complete(self) -> None:
        """
        Half a head is none, and neither is a connection.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.say(request("GET", "/x", "app.example.com", f"Cookie: _pomerium={self.handle}")[:-2])
        self.assert_idle_after(LIMIT)
        agent.say(b"\r\n")
        self.settle()
        self.assertEqual(agent.take()[9:12], b"302")

    def test_content(self) -> None:
        """
        Neither what is uploaded nor what is downloaded counts, nor what passes in a WebSocket; all are cut at the end.
        """
        upload, uploaded = self.begin(self.alice, "POST", APP + "/upload", "Content-Length: 1000000", content=b"x")
        download, downloaded = self.download(self.alice)
        stream, streaming = self.stream(self.alice)
        socket, chat = self.websocket(self.alice)
        for _ in range(int(LIMIT) - 1):
            self.pass_bytes(upload, downloaded, streaming, socket, chat)
        self.assertTrue(self.is_alive())
        socket.take()
        self.advance(1.0)
        self.assertEqual(self.causes(), ["idle"])
        for agent in (download, stream):
            self.assert_broken_off(agent)
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assert_answered(upload, 302)
        self.assertIsNotNone(uploaded.lost)
        [receipt] = self.receipts()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 1, "download": 1})

    def pass_bytes(
        self, upload: UserAgent, downloaded: Application, streaming: Application, socket: UserAgent, chat: Application
    ) -> None:
        """
        A second in which something passes everywhere.
        """
        upload.say(b"x")
        downloaded.say(b"x")
        streaming.say(b"9\r\ndata: 2\n\n\r\n")
        socket.say(b"\x81\x82\x00\x00\x00\x00yo")
        chat.say(b"\x81\x02hi")
        self.advance(1.0)

    def test_session_events(self) -> None:
        """
        A page that listens for the end of the session does not put it off, however often it begins to; it is told.
        """
        listening = self.listen(self.alice)
        for _ in range(int(LIMIT) - 1):
            self.advance(1.0)
            self.listen(self.alice).transport.loseConnection()
        self.assertTrue(self.is_alive())
        self.advance(1.0)
        self.assertEqual(self.causes(), ["idle"])
        self.assertIn(b"event: signed_out\n", listening.take())

    def listen(self, browser: Browser) -> UserAgent:
        """
        What the script of a page does by itself.
        """
        return browser.open("GET", CHAT + EVENTS, *METADATA)

    def test_foreign_requests(self) -> None:
        """
        Nobody keeps a session alive whose handle they do not have.
        """
        for _ in range(int(LIMIT) - 1):
            self.advance(1.0)
            self.both("bob")
            self.browser().once("GET", APP + "/", {"Cookie": f"_pomerium={self.handle}x"})
        self.advance(1.0)
        self.assertFalse(self.is_alive())

    def test_refresh(self) -> None:
        """
        A refresh is no use, nor is a UserInfo call: both go on for a session only as long as it is used.
        """
        self.house.reload(self.read(session_idle_timeout="15m"))
        self.alice.get(APP + "/")
        self.advance(899.0, step=10.0)
        self.assertEqual((self.is_alive(), len(self.provider.refreshes)), (True, 1))
        self.advance(1.0)
        self.assertEqual(self.causes(), ["idle"])
        calls = len(self.provider.userinfo_calls)
        self.advance(700.0, step=10.0)
        self.assertEqual((len(self.provider.refreshes), len(self.provider.userinfo_calls)), (1, calls))


class StreamsCountTests(IdleTestCase):
    """
    ``session_idle_counts_streams``.
    """

    settings: Mapping[str, Any] = {"session_idle_timeout": "20s", "session_idle_counts_streams": True}

    def test_bytes_count(self) -> None:
        """
        Any byte of an exchange counts, in either direction.
        """
        ways: dict[str, Callable[[], Callable[[], object]]] = {
            "download": lambda: self.saying(self.download(self.alice)[1], b"x"),
            "event stream": lambda: self.saying(self.stream(self.alice)[1], b"9\r\ndata: 2\n\n\r\n"),
            "upload": lambda: self.saying(
                self.begin(self.alice, "POST", APP + "/up", "Content-Length: 1000", content=b"x")[0], b"x"
            ),
            "from the application": lambda: self.saying(self.websocket(self.alice)[1], b"\x81\x02hi"),
            "from the page": lambda: self.saying(self.websocket(self.alice)[0], b"\x81\x82\x00\x00\x00\x00yo"),
        }
        for name, opened in ways.items():
            with self.subTest(name):
                self.setUp()
                say = opened()
                for _ in range(6):
                    self.advance(LIMIT / 2, step=LIMIT)
                    say()
                self.settle()
                self.assertTrue(self.is_alive(), name)
                self.assert_idle_after(LIMIT)

    def saying(self, end: UserAgent | Application, said: bytes) -> Callable[[], object]:
        """
        What has one end say that.
        """
        return lambda: end.say(said)

    def test_open_and_silent(self) -> None:
        """
        Being open is not enough, and the listening of our own script does not count here either.
        """
        socket, _ = self.websocket(self.alice)
        listening = self.alice.open("GET", CHAT + EVENTS, *METADATA)
        self.assert_idle_after(LIMIT)
        self.assertEqual(socket.take(), SIGNED_OUT)
        self.assertIn(b"event: signed_out\n", listening.take())

    def test_too_late(self) -> None:
        """
        Bytes that pass after the limit, while the end cannot be recorded, bring nobody back.
        """
        download, upstream = self.download(self.alice)
        self.unreliable.break_down()
        self.advance(LIMIT, step=LIMIT)
        for _ in range(3):
            upstream.say(b"x")
            self.advance(2.0)
            self.assertEqual(self.replay(self.handle, APP).status, 302)
        self.unreliable.failure = None
        self.advance(6.0)
        self.assertEqual(self.causes(), ["idle"])
        self.assert_broken_off(download)
