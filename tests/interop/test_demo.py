"""
``pomerium-tx demo``, as whoever tries it sees it.
"""

from __future__ import annotations

import re
import socket

from playwright.sync_api import Page

from tests.interop.browsers import Person
from tests.interop.demo import APP, AUTHENTICATE, CHAT, PORTS, DemoCase, SharedDemoCase
from tests.interop.processes import eventually
from tests.interop.wire import End, Wire, fetch

CLOSE_SIGNED_OUT = b"\x88\x0c\x11\x31signed out"
"""
A whole WebSocket frame: Close, code 4401.
"""
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class NothingSurvivesTests(SharedDemoCase):
    """
    At the moment of the sign-out everything of the person's is over, and nothing of anybody else's.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.person()
        self.page = self.alice.tab()
        self.sign_in(self.page, f"{APP}/")

    def open_streams(self, person: Person) -> tuple[Page, Page]:
        """
        The person's application page, with event stream and download going on, and their chat, connected.
        """
        app, chat = person.tab(f"{APP}/"), person.tab(f"{CHAT}/")
        app.click("#events-open")
        app.click("#download-open")
        app.wait_for_selector("#events-last:not(:empty)")
        app.wait_for_selector("#download-last:not(:empty)")
        chat.wait_for_selector("text=Connected.")
        return app, chat

    def opened(self, target: str, *, awaited: bytes, origin: str = APP, fields: str = "", method: str = "GET") -> Wire:
        """
        One more exchange of alice's, by hand.
        """
        connection = self.wire(origin)
        connection.request(target, cookie=self.alice.cookies(origin), method=method, fields=fields)
        if awaited:
            connection.read_until(awaited)
        return connection

    def click_sign_out(self) -> None:
        """
        Alice presses the link of the application's page.
        """
        self.page.click("text=Sign out")
        self.page.wait_for_url(f"{AUTHENTICATE}/.pomerium/signed_out**")

    def test_pages_see_the_cut(self) -> None:
        """
        The idle chat is closed with code 4401; event stream and download break off with an error and never end well;
        the last page says *signed out everywhere*; bob's chat, stream and download go on.
        """
        bob = self.person()
        bobs = bob.tab()
        self.sign_in(bobs, f"{APP}/", user="Bob")
        bobs_app, bobs_chat = self.open_streams(bob)
        app, chat = self.open_streams(self.alice)
        self.click_sign_out()
        self.assertIn("signed out everywhere", self.page.inner_text("body"))
        chat.wait_for_selector("text=Closed (code 4401).")
        app.wait_for_selector("#download-state:text('Cut.')")
        app.wait_for_selector("#events-state:text('Cut.')")
        receipt = self.the_receipt()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 0, "download": 1})
        self.assertEqual((receipt["sessions_ended"], receipt["cause"]), (1, "user_route"))
        self.assertEqual(set(receipt["routes"]), {APP, CHAT})
        self.assertIn(receipt["id"], self.page.inner_text("body"))
        self.assertEqual(bobs_app.inner_text("#events-state"), "Open.")
        self.assertEqual(bobs_app.inner_text("#download-state"), "Receiving...")
        bobs_chat.fill("#chat-text", "still here")
        bobs_chat.click("#chat-send")
        bobs_chat.wait_for_selector("text=Bob Dobbs: still here")
        counted = self.reached()
        self.assertEqual((counted["sockets_open"], counted["events_open"], counted["downloads_open"]), (1, 1, 1))

    def test_connections_are_broken_off(self) -> None:
        """
        Download and event stream end in a reset, an upload is answered and its connection closed, an idle socket is
        told why; the receipt counts each of them once, by kind and, where an answer was lost, by method; the
        applications hold nothing any more.
        """
        self.page.goto(f"{CHAT}/")
        self.page.goto(f"{APP}/")
        download = self.opened("/download", awaited=b"bytes before this line")
        events = self.opened("/events", awaited=b"data: ")
        chat = self.opened("/ws", awaited=b"\r\n\r\n", origin=CHAT, fields=HANDSHAKE)
        upload = self.opened("/upload", awaited=b"", method="POST", fields="Transfer-Encoding: chunked\r\n")
        upload.send(b"5\r\nhello\r\n")
        eventually("five bytes at the application", lambda: self.reached()["bytes_uploaded"] == 5)
        self.click_sign_out()
        for connection in (download, events):
            self.assertEqual(connection.read_to_the_end(), End.RESET)
            self.assertFalse(connection.received.endswith(b"0\r\n\r\n"))
        chat.read_until(CLOSE_SIGNED_OUT)
        self.assertNotEqual(chat.read_to_the_end(), End.OPEN)
        self.assertTrue(chat.received.endswith(CLOSE_SIGNED_OUT))
        self.assertNotEqual(upload.read_to_the_end(), End.OPEN)
        self.assertIn(upload.received[9:12], (b"302", b"401"))
        self.assertIn(b"\r\nconnection: close\r\n", upload.received.lower())
        receipt = self.the_receipt()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 1, "tunnel": 0, "sse": 1, "upload": 1, "download": 1})
        in_doubt = {key.split()[0]: count for key, count in receipt["in_doubt"].items()}
        self.assertEqual(in_doubt, {"GET": 2, "POST": 1})
        eventually("the upload is cut at the application", lambda: self.reached()["uploads_cut"] == 1)
        counted = self.reached()
        self.assertEqual(
            [counted[name] for name in ("sockets_open", "events_open", "downloads_open", "uploads_complete")], [0] * 4
        )

    def test_replayed_cookies_are_refused(self) -> None:
        """
        Cookies from before open neither application, on new connections or on one that was open before.
        """
        self.page.goto(f"{CHAT}/")
        self.page.goto(f"{APP}/")
        kept = {origin: self.alice.cookies(origin) for origin in (APP, CHAT)}
        open_before = {origin: self.wire(origin) for origin in kept}
        for origin, connection in open_before.items():
            connection.request("/style.css", cookie=kept[origin])
            connection.read_until(b"}")
        self.click_sign_out()
        reached = self.reached_with_the_end()
        for origin, cookie in kept.items():
            with self.subTest(origin=origin):
                self.assertIn(fetch(f"{origin}/", headers={"Cookie": cookie}).status, (302, 401))
                connection = open_before[origin]
                connection.received = b""
                connection.request("/", cookie=cookie, fields="Connection: close\r\n")
                connection.read_to_the_end()
                self.assertIn(connection.received[9:12], (b"302", b"401"))
        handshake = dict(line.split(": ") for line in HANDSHAKE.splitlines())
        self.assertEqual(fetch(f"{CHAT}/ws", headers={"Cookie": kept[CHAT], **handshake}).status, 401)
        self.assertEqual(self.reached(), reached)

    def test_nothing_passes_behind_the_sign_out(self) -> None:
        """
        A request that waits on the same connection behind the sign-out itself gets nothing of the application's.
        """
        cookie = self.alice.cookies(APP)
        reached = self.reached()
        connection = self.wire(APP)
        head = f"Host: {connection.host}\r\nCookie: {cookie}\r\n"
        connection.send(
            f"GET /.pomerium/sign_out HTTP/1.1\r\n{head}\r\nGET / HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode()
        )
        self.assertNotEqual(connection.read_to_the_end(), End.OPEN)
        first, _, second = connection.received[1:].partition(b"HTTP/1.1 ")
        self.assertEqual(first[8:11], b"302")
        self.assertIn(b"pomerium_ended", first)
        self.assertIn(second[:3], (b"302", b"401"))
        self.assertNotIn(b"Sample application", connection.received)
        the_notice = {"requests": reached["requests"] + 1, "logouts_told": 1}
        self.assertEqual(self.reached_with_the_end(), {**reached, **the_notice})
        self.assertEqual(self.the_receipt()["sessions_ended"], 1)


class OneBrowserOnePersonTests(SharedDemoCase):
    """
    A browser has one session.
    """

    def test_a_second_sign_in_replaces_the_first(self) -> None:
        """
        When two tabs have begun to sign in, the one that is done last counts, and cookies of the other open nothing.
        """
        somebody = self.person()
        first, second = somebody.tab(), somebody.tab()
        second.goto(f"{CHAT}/")
        self.sign_in(first, f"{APP}/")
        older = somebody.cookies(APP)
        self.assertEqual(fetch(f"{APP}/", headers={"Cookie": older}).status, 200)
        second.click("text=Sign in as Bob")
        second.wait_for_url(f"{CHAT}/")
        self.assertIn("You are Bob Dobbs", second.inner_text("body"))
        self.assertEqual(self.the_receipt()["cause"], "replaced")
        reached = self.reached_with_the_end()
        self.assertIn(fetch(f"{APP}/", headers={"Cookie": older}).status, (302, 401))
        self.assertEqual(self.reached(), reached)
        first.goto(f"{APP}/")
        self.assertIn("You are Bob Dobbs", first.inner_text("body"))

    def test_a_repeated_sign_in_replaces_the_first(self) -> None:
        """
        A browser that has lost its session's cookies and signs in again leaves no older session usable.
        """
        alice = self.person()
        page = alice.tab()
        self.sign_in(page, f"{APP}/")
        older = alice.cookies(APP)
        alice.context.clear_cookies(name=re.compile("^_pomerium(?!_csrf)"))
        page.goto(f"{APP}/")
        self.assertIn("You are Alice", page.inner_text("body"))
        self.assertEqual(self.the_receipt()["cause"], "replaced")
        self.assertIn(fetch(f"{APP}/", headers={"Cookie": older}).status, (302, 401))


class CommandTests(DemoCase):
    """
    The command itself.
    """

    def test_twice_in_a_row(self) -> None:
        """
        Ended with Ctrl-C while somebody uses it, the demo can be started again at once.
        """
        first = self.running_demo()
        page = self.person().tab()
        self.sign_in(page, f"{APP}/")
        page.click("#events-open")
        page.wait_for_selector("#events-state:text('Open.')")
        self.assertEqual(first.interrupt(), 0)
        self.running_demo()
        self.sign_in(page, f"{APP}/?again")
        self.assertIn("You are Alice", page.inner_text("body"))

    def test_a_taken_port(self) -> None:
        """
        If a port is taken the demo says so, and nothing else, in one line that names the port, with exit status 1.
        """
        for port in PORTS:
            with self.subTest(port=port), socket.socket() as taker:
                taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taker.bind(("127.0.0.1", port))
                taker.listen()
                demo = self.start_demo()
                self.assertEqual(demo.wait(), 1)
                self.assertEqual(len(demo.lines), 1, demo.output)
                self.assertIn(str(port), demo.lines[0])
