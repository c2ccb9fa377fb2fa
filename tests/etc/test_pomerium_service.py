"""
Tests of ``etc/pomerium.service``.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

UNIT = Path(__file__).resolve().parents[2] / "etc" / "pomerium.service"


class PomeriumServiceTests(SynchronousTestCase):
    """
    The unit for systemd.
    """

    def test_command(self) -> None:
        """
        It runs the daemon in the foreground, without a pid file, with the configuration's usual place.
        """
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # names of units have capitals
        unit.read_string(UNIT.read_text("utf-8"))
        program, _, arguments = unit["Service"]["ExecStart"].partition(" ")
        self.assertEqual(Path(program).name, "twistd")
        self.assertEqual(arguments, "--nodaemon --pidfile= pomerium --config /etc/pomerium-tx/config.yaml")

    def test_verify(self) -> None:
        """
        systemd itself finds nothing wrong with it.
        """
        verifier = shutil.which("systemd-analyze")
        if verifier is None:
            if os.environ.get("CI") == "true":
                self.fail("systemd-analyze is not installed, and in CI this check is not left out")
            raise SkipTest("systemd-analyze is not installed")
        directory = Path(self.mktemp())
        directory.mkdir()
        copy = directory.resolve() / UNIT.name
        # What is installed where is not the question here, only what systemd reads.
        copy.write_text(UNIT.read_text("utf-8").replace("/usr/local/bin/twistd", sys.executable), "utf-8")
        done = subprocess.run([verifier, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60)
        about_us = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
        self.assertEqual(about_us, [])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
