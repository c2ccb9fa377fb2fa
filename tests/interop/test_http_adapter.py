"""
``pomerium_http_adapter``, which others have written for Pomerium, as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO

from tests.interop.case import HERE
from tests.interop.processes import free_ports
from tests.interop.secure import SecureDeploymentCase


class HttpAdapterTests(SecureDeploymentCase):
    """
    A script with the adapter, and a person with a browser.
    """

    def setUp(self) -> None:
        super().setUp()
        self.deploy_securely()

    def test_life(self) -> None:
        """
        The adapter opens the sign-in, gets its handle once the person allows it, uses the application without asking
        again, and is out the moment the person signs out in the browser.
        """
        page = self.colleague().tab()
        self.sign_in(page, f"{self.site.chat}/")
        script = self.script()
        self.ask(script, f"{self.site.app}/first")
        word, url = self.said(script).split(" ", 1)
        self.assertEqual(word, "open")
        self.assertTrue(url.startswith(f"{self.site.authenticate}/.pomerium/sign_in?"), url)
        page.goto(url)
        page.get_by_role("button", name="Allow").click()
        page.get_by_text("Authentication successful").wait_for()
        self.assertTrue(self.said(script).startswith("answer 200 "))
        self.ask(script, f"{self.site.app}/second")
        self.assertTrue(self.said(script).startswith("answer 200 "))
        self.assertEqual([each.target for each in self.app.received], ["/first", "/second"])
        for received in self.app.received:
            self.assertIsNone(received.headers["Authorization"])
        page.goto(f"{self.site.chat}/.pomerium/sign_out")
        self.ask(script, f"{self.site.app}/third")
        self.assertTrue(self.said(script).startswith("answer 401 "))
        self.assertEqual(len(self.app.received), 2)

    def script(self) -> subprocess.Popen[str]:
        """
        The script, waiting for URLs.
        """
        [listen_port] = free_ports(1)
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(self.certificate)}
        command = [sys.executable, str(HERE / "with_adapter.py"), str(self.port), str(listen_port), str(self.folder())]
        running = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
        )
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        return running

    def ask(self, script: subprocess.Popen[str], url: str) -> None:
        """
        Have the script get *url*.
        """
        assert script.stdin is not None
        script.stdin.write(f"{url}\n")
        script.stdin.flush()

    def said(self, script: subprocess.Popen[str]) -> str:
        """
        The next line that the script has written.
        """
        out: IO[str] | None = script.stdout
        assert out is not None
        return out.readline().rstrip("\n")
