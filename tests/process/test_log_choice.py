"""
Which log is written: ours, unless the command line says otherwise.
"""

from __future__ import annotations

import signal

from tests.process.daemon import DaemonTestCase

OWN_LOGGER = """
from pathlib import Path

def make():
    output = Path(__file__).with_name("own.txt").open("w", buffering=1)
    return lambda event: output.write("own: %s\\n" % event.get("log_format"))
"""


class LogChoiceTests(DaemonTestCase):
    """
    ``--logfile``, ``--logger`` and ``--syslog``.
    """

    def run_with(self, *options: str) -> str:
        """
        What a daemon with *options* wrote to its standard output in its life.
        """
        running = self.start(*options)
        running.signal(signal.SIGTERM)
        self.assertEqual((running.status(), running.err), (0, ""))
        return running.out

    def test_logfile(self) -> None:
        """
        With ``--logfile`` the log is twistd's, in that file.
        """
        self.assertEqual(self.run_with("--logfile", "own.log"), "")
        self.assertRegex((self.folder / "own.log").read_text(), r"(?m)^\S+ \[.*Listening on port")

    def test_logger(self) -> None:
        """
        With ``--logger`` the log is what that makes of it.
        """
        (self.folder / "own_logger.py").write_text(OWN_LOGGER)
        self.assertEqual(self.run_with("--logger", "own_logger.make"), "")
        self.assertIn("own: Listening on port {port}\n", (self.folder / "own.txt").read_text())

    def test_logger_of_ours_with_logfile(self) -> None:
        """
        Our logger can be asked for by name.
        """
        self.assertIn('"message": "Listening on port', self.run_with("--logger", "pomerium_tx.logs.json_lines"))

    def test_syslog(self) -> None:
        """
        With ``--syslog`` nothing is written to standard output nor to a file.
        """
        self.assertEqual(self.run_with("--syslog"), "")
        self.assertEqual([path.name for path in self.folder.glob("*.log*")], [])
