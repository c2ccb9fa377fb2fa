"""
How long applications may take, route by route, from the reload on that says so.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import APP, CHAT

GOING_AWAY = b"\x88\x0e\x03\xe9idle timeout"
"""
A Close frame with code 1001.
"""


class RouteTimesTests(ReloadTestCase):
    """
    Alice, in front of applications that take their time.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()

    def use(self, **change: Any) -> None:
        """
        Both applications' routes say this too.
        """
        self.reload(routes=self.routes(app=change, chat=change))

    def test_timeout(self) -> None:
        """
        An application that does not begin its answer in time is answered for, with 504; until then it is waited for.
        """
        self.use(timeout="3s")
        agent, _ = self.begin(self.alice, "GET", APP + "/slow")
        self.advance(2.0)
        self.assertEqual(agent.take(), b"")
        self.advance(3.0)
        self.assertTrue(agent.take().startswith(b"HTTP/1.1 504 "))
        self.use()
        agent, _ = self.begin(self.alice, "GET", APP + "/slow")
        self.advance(10.0)
        self.assertEqual(agent.take(), b"")

    def test_default_upstream_timeout(self) -> None:
        """
        What holds for all routes holds for those that say nothing.
        """
        self.reload(default_upstream_timeout="3s")
        agent, _ = self.begin(self.alice, "GET", APP + "/slow")
        self.advance(5.0)
        self.assertTrue(agent.take().startswith(b"HTTP/1.1 504 "))

    def test_idle_timeout(self) -> None:
        """
        An answer that stops in the middle is broken off, and a WebSocket that is silent is closed.
        """
        self.use(idle_timeout="3s")
        download, _ = self.download(self.alice)
        chat, _ = self.websocket(self.alice)
        self.advance(2.0)
        self.assertIsNone(download.lost)
        self.assertIsNone(chat.lost)
        chat.take()
        self.advance(4.0)
        self.assert_broken_off(download)
        self.assertEqual(chat.take(), GOING_AWAY)
        self.use()
        chat, _ = self.websocket(self.alice)
        chat.take()
        self.advance(400.0, 50.0)
        self.assertEqual((chat.take(), chat.lost), (b"", None))
        self.assertEqual(self.alice.get(CHAT + "/").status, 200)
