"""
What goes wrong after the daemon has begun to listen.
"""

from __future__ import annotations

import sys

from pomerium_tx.tap import EXIT_FAILED
from tests.process.daemon import DaemonTestCase, eventually, is_listening, json_lines

WITHOUT_STORE = """
import sys
from twisted.scripts.twistd import run
from pomerium_tx.house import House
from pomerium_tx.sessions.store import StoreUnavailable

async def start(self):
    raise StoreUnavailable("out of order")

House.start = start
run()
"""


class LateFailureTests(DaemonTestCase):
    """
    A daemon whose store cannot be joined.
    """

    def test_foreground(self) -> None:
        """
        It says so as gravely as possible, ends in order with an exit status of its own, and leaves no pidfile.
        """
        path = self.write(self.configuration())
        running = self.run_command(sys.executable, "-c", WITHOUT_STORE, "-n", "pomerium", "--config", str(path))
        self.assertEqual((running.status(), running.err), (EXIT_FAILED, ""))
        lines = json_lines(running.out)
        (grave,) = [line for line in lines if line["level"] == "critical"]
        self.assertEqual(
            (grave["message"], grave["error"]), ("The service cannot start", "StoreUnavailable: out of order")
        )
        self.assertEqual(lines[-1]["message"], "Server Shut Down.")
        self.assertFalse(self.pidfile.exists() or is_listening(self.port))

    def test_background(self) -> None:
        """
        A daemon ends as well, and removes its pidfile.
        """
        path = self.write(self.configuration())
        running = self.run_command(sys.executable, "-c", WITHOUT_STORE, "pomerium", "--config", str(path))
        self.assertEqual(running.status(), 0)
        log = self.folder / "twistd.log"
        eventually("it ends", lambda: "Server Shut Down." in log.read_text())
        eventually("no process is left", lambda: not self.processes_left())
        self.assertFalse(self.pidfile.exists())
