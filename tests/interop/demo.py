"""
What the tests of ``pomerium-tx demo`` share.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.interop.case import InteropCase, SharingCase
from tests.interop.processes import Program, eventually, ports_in_a_row
from tests.interop.wire import fetch

PORTS = ports_in_a_row(6)
"""
Not those that the demo uses by itself: somebody may be trying it while the tests run.
"""
APP = f"http://app.localhost:{PORTS[0]}"
CHAT = f"http://chat.localhost:{PORTS[0]}"
AUTHENTICATE = f"http://authenticate.localhost:{PORTS[1]}"
OP = f"http://op.localhost:{PORTS[2]}"
OTHER = f"http://other.localhost:{PORTS[5]}"
_OPEN = ("downloads_open", "events_open", "sockets_open")


class DemoCase(InteropCase):
    """
    A test with the demo.
    """

    def start_demo(self) -> Program:
        """
        The demo, not necessarily ready.
        """
        command = Path(sys.executable).with_name("pomerium-tx")
        return self.program("the demo", [str(command), "demo", "--first-port", str(PORTS[0])], folder=self.folder())

    def running_demo(self) -> Program:
        """
        The demo, ready.
        """
        demo = self.start_demo()
        demo.wait_for_ports(*PORTS)
        eventually("the demo says what to open", lambda: APP in demo.output)
        return demo

    def sign_in(self, page: Page, url: str, *, user: str = "Alice") -> None:
        """
        Somebody opens *url* and says who they are.
        """
        page.goto(url)
        page.click(f"text=Sign in as {user}")
        page.wait_for_url(url)


class SharedDemoCase(DemoCase, SharingCase):
    """
    Tests that use one demo, one after the other.
    """

    demo: Program

    def start(self) -> None:
        """
        It is running.
        """
        self.demo = self.running_demo()

    def setUp(self) -> None:
        """
        What earlier tests did is over, and does not count.
        """
        super().setUp()
        eventually("nothing is open", lambda: not any(self._counted()[name] for name in _OPEN))
        self._all_told()
        self._before = self._counted()
        self._earlier_ends = len(self._ends())

    def _counted(self) -> dict[str, int]:
        app, chat = (json.loads(fetch(f"http://127.0.0.1:{port}/counters").content) for port in PORTS[3:5])
        return {**app, "chat_requests": chat["requests"], "sockets_open": chat["sockets_open"]}

    def _ends(self) -> list[dict[str, Any]]:
        return self.demo.events(message="session_ended")

    def _owed(self) -> int:
        return sum(end["receipt"]["sessions_ended"] for end in self._ends() if APP in end["receipt"]["routes"])

    def _all_told(self) -> None:
        eventually("the application was told of every end", lambda: self._counted()["logouts_told"] == self._owed())

    def reached(self) -> dict[str, int]:
        """
        What the applications say has reached them, asked behind the proxy's back.
        """
        return {name: count - self._before[name] for name, count in self._counted().items()}

    def reached_with_the_end(self) -> dict[str, int]:
        """
        The same once there has been the one end, and the notice of it, which is a request too, has arrived.
        """
        self.the_end()
        self._all_told()
        return self.reached()

    def the_end(self) -> dict[str, Any]:
        """
        What the audit log says of the one end that there was.
        """
        [line] = eventually("a line session_ended in the audit log", lambda: self._ends()[self._earlier_ends :])
        return line

    def the_receipt(self) -> dict[str, Any]:
        """
        Its receipt.
        """
        receipt: dict[str, Any] = self.the_end()["receipt"]
        return receipt
