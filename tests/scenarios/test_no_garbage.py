"""
What the data path leaves to the garbage collector: nothing, since what is old is never looked through again.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable

from pomerium_tx.sessions.store import Cause
from tests.doubles.network import Transport
from tests.scenarios.world import APP, CHAT, OPEN, WorldTestCase

TIMES = 5


class NoGarbageTests(WorldTestCase):
    """
    Things that happen a million times.
    """

    def setUp(self) -> None:
        """
        Transports that know their protocol no more once they are lost, as Twisted's.
        """
        super().setUp()
        lose = Transport._lose

        def lost(transport: Transport, reason: Exception) -> None:
            lose(transport, reason)
            transport.protocol = transport._producer = None

        self.patch(Transport, "_lose", lost)

    def assert_leaves_nothing(self, happen: Callable[[], object]) -> None:
        """
        Of what happens nothing of ours is left that refers to itself.
        """
        for _ in range(2):
            happen()
        gc.collect()
        was_enabled = gc.isenabled()
        self.addCleanup(gc.enable if was_enabled else gc.disable)
        self.addCleanup(gc.garbage.clear)
        self.addCleanup(gc.set_debug, gc.get_debug())
        gc.disable()
        gc.garbage.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        for _ in range(TIMES):
            happen()
        self.events.clear()
        gc.collect()
        gc.set_debug(0)
        left = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage)
        gc.garbage.clear()
        ours = {name: count for name, count in left.items() if name.startswith("pomerium_tx.") and count >= TIMES}
        self.assertEqual(ours, {})

    def test_requests(self) -> None:
        """
        Neither a request nor its connection, whether it is somebody's or nobody's, for an application or for us.
        """
        browser = self.browser()
        self.sign_in(browser)
        for name, ask in {
            "somebody's": lambda: browser.fetch(APP + "/"),
            "nobody's": lambda: self.browser().get(OPEN + "/"),
            "refused": lambda: self.browser().fetch(APP + "/"),
            "to the sign-in": lambda: self.browser().get(APP + "/", follow=False),
            "our own page": lambda: browser.fetch(APP + "/.pomerium/"),
            "not a request": lambda: browser.open("GET", APP + "/%zz"),
        }.items():
            with self.subTest(name=name):
                self.assert_leaves_nothing(ask)

    def test_tunnels(self) -> None:
        """
        Nor a WebSocket.
        """
        browser = self.browser()
        self.sign_in(browser, CHAT + "/")
        self.chat.answer = None

        def open_and_close() -> None:
            agent = browser.open(
                "GET",
                CHAT + "/socket",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            )
            assert self.chat.latest is not None
            self.chat.latest.say(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            )
            self.settle()
            assert b" 101 " in agent.received, agent.received
            agent.transport.abortConnection()
            self.settle()

        self.assert_leaves_nothing(open_and_close)

    def test_ends(self) -> None:
        """
        Nor the end of a session with what is open for it.
        """
        registry, ending = self.house.registry, self.house.ending

        def begin_and_end() -> None:
            browser = self.browser()
            self.sign_in(browser)
            (session,) = registry.sessions()
            self.app.answer = None
            browser.open("GET", APP + "/slow")
            gc.collect()
            gc.garbage.clear()
            self.successResultOf(ending.end([session.id], Cause.ADMINISTRATOR))
            self.settle()
            self.app.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

        self.assert_leaves_nothing(begin_and_end)
