"""
Tests of `pomerium_tx.cli`.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx import cli, tap
from pomerium_tx.config.loader import Loaded
from pomerium_tx.demo.config import DemoPorts
from pomerium_tx.demo.start import PortTaken
from pomerium_tx.operations import command
from pomerium_tx.proxy.listener import NotBound


class Recorded(Service):
    """
    A service that says when it binds.
    """

    def __init__(self, name: str, done: list[str], refused: Exception | None = None) -> None:
        self._label = name
        self._done = done
        self._refused = refused

    def privilegedStartService(self) -> None:
        if self._refused is not None:
            raise self._refused
        self._done.append(f"bind {self._label}")


class DemoTests(SynchronousTestCase):
    """
    ``pomerium-tx demo``.
    """

    def setUp(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        self.done: list[str] = []
        self.loaded: Loaded | None = None
        self.observer: Any = None
        self.refused: Exception | None = None
        self.demo_refused: Exception | None = None
        self.patch(cli, "build_service", self.build_service)
        self.patch(cli, "start", self.start)
        self.patch(tap, "run_in_foreground", self.run_in_foreground)

    def build_service(self, loaded: Loaded, reactor: object, *, drain_seconds: float) -> Service:
        """
        The daemon.
        """
        self.loaded = loaded
        return Recorded("daemon", self.done, self.refused)

    def start(self, reactor: object, settings: object) -> Service:
        """
        What the demo adds to the daemon.
        """
        if self.demo_refused is not None:
            raise self.demo_refused
        self.done.append("bind demo")
        return Recorded("demo", self.done)

    def run_in_foreground(self, build: Callable[[Any], Any], observer: Any) -> int:
        """
        Runs no reactor.
        """
        built = build("reactor")
        assert isinstance(built, MultiService)
        self.assertEqual(len(list(built)), 2)
        self.observer = observer
        return 0

    def test_demo(self) -> None:
        """
        Everything is listened on, and then the person is told what to open.
        """
        self.assertEqual(cli.main(["demo"]), 0)
        self.assertEqual(self.done, ["bind daemon", "bind demo"])
        self.assertIn(f"http://app.localhost:{DemoPorts().proxy}/", self.out.getvalue())
        self.assertEqual(self.err.getvalue(), "")

    def test_other_ports(self) -> None:
        """
        A second demo can run beside the first, and ports that cannot be are refused.
        """
        self.assertEqual(cli.main(["demo", "--first-port", "9000"]), 0)
        assert self.loaded is not None
        self.assertEqual(self.loaded.config.address.port, 9000)
        self.assertIn("http://chat.localhost:9000/", self.out.getvalue())
        for port in ("0", "65532", "x"):
            with self.subTest(port):
                left = self.assertRaises(SystemExit, cli.main, ["demo", "--first-port", port])
                self.assertEqual(left.code, 2)

    def test_own_configuration(self) -> None:
        """
        The demo's configuration has no problem and no warning, comes from nowhere else, and stays nowhere.
        """
        self.patch(os, "environ", {**os.environ, "COOKIE_NAME": "_mine", "ROUTES": "nonsense"})
        self.assertEqual(cli.main(["demo"]), 0)
        assert self.loaded is not None
        self.assertEqual(self.loaded.warnings, ())
        self.assertEqual((self.loaded.config.cookie_name, len(self.loaded.config.routes)), ("_pomerium", 2))
        self.assertEqual(self.loaded.config.address.host, "127.0.0.1")
        self.assertNotIn("secret", self.out.getvalue())

    def test_taken_port(self) -> None:
        """
        Each taken port is one line, and the status is 1; the person is not told that anything runs.
        """
        for refused, demo_refused, expected in (
            (
                NotBound("address: cannot listen on a\nother: cannot listen on b"),
                None,
                ["cannot listen on a", "cannot listen on b"],
            ),
            (None, PortTaken("The demo cannot listen."), ["The demo cannot listen."]),
        ):
            with self.subTest(expected):
                self.refused, self.demo_refused = refused, demo_refused
                self.err.truncate(self.err.seek(0))
                self.assertEqual(cli.main(["demo"]), 1)
                self.assertEqual(
                    self.err.getvalue().splitlines(),
                    [f"pomerium-tx demo: {line} (or try --first-port)" for line in expected],
                )
                self.assertEqual(self.out.getvalue(), "")

    def test_usage(self) -> None:
        """
        Without a command, or with an unknown one, the person is told how to use it; ``--help`` is no error.
        """
        for arguments, status in (([], 2), (["nothing"], 2), (["--help"], 0), (["demo", "--help"], 0)):
            with self.subTest(arguments):
                left = self.assertRaises(SystemExit, cli.main, arguments)
                self.assertEqual(left.code, status)
        self.assertIn("demo", self.out.getvalue())
        self.assertIn("pomerium-tx", self.err.getvalue())

    def logged(self, *arguments: str) -> list[str]:
        """
        The messages that are shown of one of each kind.
        """
        cli.main(["demo", *arguments])
        verifyObject(ILogObserver, self.observer)
        self.out.truncate(self.out.seek(0))
        log = Logger(observer=LogPublisher(self.observer))
        log.info("http-request", service="proxy")
        log.info("session_begun", service="audit")
        log.warn("a warning")
        log.debug("a detail")
        return [json.loads(line)["message"] for line in self.out.getvalue().splitlines()]

    def test_log(self) -> None:
        """
        Who signs in and out is shown, and what goes wrong; everything only if that is asked for.
        """
        self.assertEqual(self.logged(), ["session_begun", "a warning"])
        self.assertEqual(self.logged("--verbose"), ["http-request", "session_begun", "a warning", "a detail"])

    def test_leaves_no_file(self) -> None:
        """
        The file with the configuration is gone once it is read.
        """
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        import tempfile

        self.patch(tempfile, "tempdir", str(folder))
        cli.main(["demo"])
        self.assertEqual(list(folder.iterdir()), [])


class AdminTests(SynchronousTestCase):
    """
    The administrator's commands.
    """

    def test_commands(self) -> None:
        """
        They are the program's own, ask the listener that is named, and their status is the program's.
        """
        asked: list[tuple[str, str, str]] = []

        class Client:
            """
            The way to the listener.
            """

            def __init__(self, address: object, token: str | None) -> None:
                self.address = str(address)

            def ask(self, method: str, path: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
                asked.append((self.address, method, path))
                name = path[1:]
                return {"count": 0, name: [], "next": None}

        self.patch(command, "AdminClient", Client)
        self.patch(sys, "stdout", io.StringIO())
        self.assertEqual(cli.main(["sessions", "list", "--address", "unix:/run/s"]), 0)
        self.assertEqual(cli.main(["revocations", "--address", "unix:/run/s"]), 0)
        self.assertEqual(
            asked,
            [
                ("unix:/run/s", "GET", "/sessions"),
                ("unix:/run/s", "GET", "/revocations"),
                ("unix:/run/s", "GET", "/notices"),
            ],
        )
        self.patch(sys, "stderr", io.StringIO())
        self.assertEqual(cli.main(["sessions", "list", "--address", "nowhere"]), 2)
