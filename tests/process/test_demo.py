"""
The ``pomerium-tx demo`` command.
"""

from __future__ import annotations

import socket
import sys

from pomerium_tx.demo.config import DemoPorts
from tests.process.daemon import DaemonTestCase

MAIN = "import sys; from pomerium_tx.cli import main; sys.exit(main())"


class DemoTests(DaemonTestCase):
    """
    The demo, as a process.
    """

    def test_taken_port(self) -> None:
        """
        A taken port is one line that names it, and exit status 1.
        """
        ports = DemoPorts()
        try:
            taken = socket.create_server(("127.0.0.1", ports.proxy))
            self.addCleanup(taken.close)
        except OSError:
            pass  # another demo is running on this machine
        running = self.run_command(sys.executable, "-c", MAIN, "demo")
        self.assertEqual(running.status(), 1)
        self.assertEqual(running.out, "")
        lines = running.err.splitlines()
        self.assertEqual(
            lines[0],
            f"pomerium-tx demo: cannot listen on 127.0.0.1:{ports.proxy}: Address already in use (or try --first-port)",
        )
        # Another demo on this machine has the other ports too.
        self.assertEqual(
            [line for line in lines if not line.startswith("pomerium-tx demo: ") or "already in use" not in line], []
        )
