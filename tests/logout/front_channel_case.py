"""
What the tests of the front channel begin with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.session import Session
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, World

FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
OP = "https://op.example.com"
ENCODED = quote(OP, safe="")


class FrontChannelCase(SynchronousTestCase):
    """
    A world in which alice has a session, and frames.
    """

    settings: Mapping[str, Any] = {}
    second_provider = False

    def setUp(self) -> None:
        self.world = World(settings=self.settings, second_provider=self.second_provider)
        self.addCleanup(lambda: self.world.stop())
        self.alice = UserAgent(self.world)
        self.session = self.alice.sign_in()
        self.stranger = UserAgent(self.world)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    @property
    def sid(self) -> str:
        """
        What the OP calls alice's session.
        """
        return self.session.sids[0]

    def frame(self, query: str, *, at: str = A, browser: UserAgent | None = None, **fields: str) -> Asked:
        """
        What a frame at *at* with that query gets; cookies are of *browser*, or there are none.
        """
        headers = {**FRAME, **{name.replace("_", "-"): value for name, value in fields.items()}}
        return (browser or self.stranger).get(f"{at}/.pomerium/sign_out{query}", headers)

    def is_live(self, session: Session | None = None) -> bool:
        """
        Whether a session lives.
        """
        return self.world.registry.find((session or self.session).id) is not None

    def assert_tiny(self, answer: Asked, status: int = 200) -> None:
        """
        A page for a frame: nothing to click, no redirect, not kept, and it may be framed.
        """
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertIsNone(answer.header("x-frame-options"))
        self.assertNotIn("frame-ancestors", answer.header("content-security-policy") or "")
        self.assertIsNone(answer.header("location"))
        self.assertEqual(answer.headers("set-cookie"), [])
        for tag in ("<a", "<form", "<button", "<input", "<script", "<meta"):
            self.assertNotIn(tag, answer.text)
