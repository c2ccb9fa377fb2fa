"""
Tests of `pomerium_tx.tap`.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import twisted.internet
import yaml
from twisted.application.service import IService
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogBeginner
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import logs, service, tap
from pomerium_tx.collector import collector
from pomerium_tx.proxy.listener import NotBound
from pomerium_tx.tls.certificates import UnusableCertificate
from tests.config.material import ROUTE, SMALLEST


class Twistd(dict[str, Any]):
    """
    The options of twistd itself.
    """

    def __init__(self, **chosen: object) -> None:
        super().__init__({"logger": None, "logfile": None, "syslog": False, "nodaemon": True} | chosen)


class OptionsTests(SynchronousTestCase):
    """
    The command line.
    """

    def setUp(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        self.patch(os, "environ", {})

    def file(self, **changes: object) -> Path:
        """
        A configuration file.
        """
        path = Path(self.mktemp())
        values = {**SMALLEST, "routes": [ROUTE], **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        return path

    def parse(self, *arguments: str, twistd: Twistd | None = None) -> tap.Options:
        """
        The options of a command line.
        """
        options = tap.Options()
        options.parent = Twistd() if twistd is None else twistd  # type: ignore[assignment] # what is used of one
        options.parseOptions(arguments)
        return options

    def test_config(self) -> None:
        """
        ``--config`` and ``-c`` name the file, which is read at once.
        """
        path = self.file()
        for arguments in (("--config", str(path)), ("-c", str(path)), (f"--config={path}",)):
            with self.subTest(arguments):
                self.assertEqual(len(self.parse(*arguments).loaded.config.routes), 1)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))

    def test_read_again(self) -> None:
        """
        The same file is read again, wherever the process has gone meanwhile.
        """
        path = self.file()
        options = self.parse("-c", str(path))
        path.write_text(path.read_text() + "cookie_name: _other\n")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir("/")
        self.assertEqual(options.read().config.cookie_name, "_other")

    def test_default(self) -> None:
        """
        Without it the file is where packages put it.
        """
        self.assertEqual(tap.Options()["config"], "/etc/pomerium-tx/config.yaml")

    def test_environment(self) -> None:
        """
        Variables of the environment override the file.
        """
        self.patch(os, "environ", {"COOKIE_NAME": "_other"})
        self.assertEqual(self.parse("-c", str(self.file())).loaded.config.cookie_name, "_other")

    def test_bad_configuration(self) -> None:
        """
        All problems are told, each in a line with file, line and key, with and without ``--check``; the status is 1.
        """
        path = self.file(unknown=1, idp_client_id=None)
        for arguments in ((), ("--check",)):
            with self.subTest(arguments):
                self.err.truncate(self.err.seek(0))
                left = self.assertRaises(SystemExit, self.parse, "-c", str(path), *arguments)
                self.assertEqual(left.code, 1)
                lines = self.err.getvalue().splitlines()
                self.assertEqual(len(lines), 2, lines)
                self.assertTrue(all(line.startswith(f"{path}:") for line in lines), lines)
                self.assertEqual({line.split(": ")[1] for line in lines}, {"unknown", "idp_client_id"})
        self.assertEqual(self.out.getvalue(), "")

    def test_check(self) -> None:
        """
        ``--check`` of a good file says so, tells the warnings, and ends with 0.
        """
        path = self.file(proxy_log_level="info")
        left = self.assertRaises(SystemExit, self.parse, "-c", str(path), "--check")
        self.assertEqual(left.code, 0)
        self.assertEqual(self.out.getvalue(), f"{path} is valid: 1 route.\n")
        self.assertRegex(self.err.getvalue(), r"\Awarning: \S+:\d+: proxy_log_level: .*\n\Z")

    def test_unknown_option(self) -> None:
        """
        An option that does not exist is an error of usage.
        """
        self.assertRaises(usage.UsageError, self.parse, "--nothing")

    def test_logger(self) -> None:
        """
        The log is JSON lines, unless the command line chooses another; what is chosen by name exists.
        """
        path = str(self.file())
        for chosen, expected in (
            ({}, "pomerium_tx.logs.json_lines"),
            ({"nodaemon": False}, "pomerium_tx.logs.json_lines_in_twistd_log"),
            ({"logger": "a.b"}, "a.b"),
            ({"logfile": "x"}, None),
            ({"logfile": "-"}, None),
            ({"syslog": True}, None),
        ):
            with self.subTest(chosen):
                twistd = Twistd(**chosen)
                self.parse("-c", path, twistd=twistd)
                self.assertEqual(twistd["logger"], expected)
                if expected and expected.startswith("pomerium_tx.logs."):
                    self.assertTrue(callable(getattr(logs, expected.rpartition(".")[2])))

    def test_alone(self) -> None:
        """
        Without twistd around it there is no logger to choose.
        """
        options = tap.Options()
        options.parseOptions(["-c", str(self.file())])
        self.assertEqual(len(options.loaded.config.routes), 1)


class Reactor(MemoryReactorClock):
    """
    A reactor that remembers its triggers and that it was stopped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[tuple[str, str], list[Callable[[], object]]] = {}
        self.stopped = 0

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: object, **kw: object
    ) -> Any:
        self.events.setdefault((phase, eventType), []).append(lambda: callable(*args, **kw))

    def fire(self, phase: str, event: str) -> None:
        """
        An event happens.
        """
        for trigger in self.events.get((phase, event), []):
            trigger()

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:
        self.callLater(0, callable, *args, **kw)

    def stop(self) -> None:
        self.stopped += 1


class Built:
    """
    A service as `service.build_service` makes it.
    """

    def __init__(self, refused: str = "") -> None:
        self.has_failed = False
        self.done: list[str] = []
        self._refused = refused

    def privilegedStartService(self) -> None:
        if self._refused:
            raise NotBound(self._refused)
        self.done.append("bound")

    def startService(self) -> None:
        self.done.append("started")

    def stopService(self) -> None:
        self.done.append("stopped")

    def hurry(self) -> None:
        self.done.append("hurried")

    def reload(self, read: Callable[[], object]) -> None:
        self.done.append("reloaded")
        self.read = read


def install(test: SynchronousTestCase, reactor: Reactor) -> None:
    """
    *reactor* is the process's until the end of the test.
    """
    test.addCleanup(collector.stop)
    if hasattr(twisted.internet, "reactor"):
        test.patch(twisted.internet, "reactor", reactor)
    else:
        vars(twisted.internet)["reactor"] = reactor
        test.addCleanup(delattr, twisted.internet, "reactor")


class MakeServiceTests(SynchronousTestCase):
    """
    The service that twistd runs.
    """

    def make(self, built: Built) -> Any:
        """
        What twistd gets for *built*.
        """
        self.reactor = Reactor()
        install(self, self.reactor)
        self.patch(service, "build_service", lambda loaded, reactor: built if reactor is self.reactor else None)
        options = tap.Options()
        options.loaded = None  # type: ignore[assignment] # not looked at here
        return tap.makeService(options)

    def test_binds(self) -> None:
        """
        Its addresses are bound when it is made, while the command's terminal is still there.
        """
        built = Built()
        self.assertIs(self.make(built), built)
        self.assertEqual(built.done, ["bound"])

    def test_taken(self) -> None:
        """
        A taken address is told on standard error, and the status is 1.
        """
        err = io.StringIO()
        self.patch(sys, "stderr", err)
        left = self.assertRaises(SystemExit, self.make, Built("address: cannot listen\nother: cannot listen"))
        self.assertEqual((left.code, err.getvalue()), (1, "address: cannot listen\nother: cannot listen\n"))
        self.assertEqual(self.reactor.events, {})

    def test_unusable_certificate(self) -> None:
        """
        So is a certificate with which TLS cannot be spoken, though the configuration was good.
        """

        def refused(loaded: object, reactor: object) -> IService:
            raise UnusableCertificate("OpenSSL refuses the certificate")

        err = io.StringIO()
        self.patch(sys, "stderr", err)
        self.patch(service, "build_service", refused)
        install(self, Reactor())
        options = tap.Options()
        options.loaded = None  # type: ignore[assignment] # not looked at here
        options["config"] = "c.yaml"
        left = self.assertRaises(SystemExit, tap.makeService, options)
        self.assertEqual(
            (left.code, err.getvalue()), (1, "c.yaml: a certificate cannot be used: OpenSSL refuses the certificate\n")
        )

    def test_exit_status_of_a_failure(self) -> None:
        """
        What goes wrong after the start has an exit status of its own, given when twistd has cleaned up.
        """
        left: list[int] = []
        registered: list[Callable[[], object]] = []
        self.patch(os, "_exit", left.append)
        self.patch(atexit, "register", registered.append)
        for failed, expected in ((False, []), (True, [tap.EXIT_FAILED])):
            with self.subTest(failed):
                built = Built()
                self.make(built)
                built.has_failed = failed
                self.reactor.fire("after", "shutdown")
                self.assertEqual(left, [])
                for registration in registered:
                    registration()
                self.assertEqual(left, expected)

    def handlers(self, ignored: int = 0) -> Mapping[int, Callable[..., object]]:
        """
        The signal handlers that are installed once the reactor runs.
        """
        installed: dict[int, Callable[..., object]] = {}
        self.patch(signal, "signal", installed.__setitem__)
        # Not the real one: whoever runs the tests in the background has us ignore SIGINT.
        self.patch(signal, "getsignal", lambda number: signal.SIG_IGN if number == ignored else signal.SIG_DFL)
        self.reactor.fire("after", "startup")
        self.assertEqual(installed, {}, "the reactor would put its own in their place")
        self.reactor.advance(0)
        return installed

    def test_signals(self) -> None:
        """
        SIGTERM and SIGINT stop the reactor in order, in its own thread, and the second one hurries.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                built = Built()
                self.make(built)
                handler = self.handlers()[number]
                handler(number, None)
                self.assertEqual(self.reactor.stopped, 0)
                self.reactor.advance(0)
                self.assertEqual((self.reactor.stopped, built.done), (1, ["bound"]))
                handler(number, None)
                self.reactor.advance(0)
                self.assertEqual((self.reactor.stopped, built.done), (1, ["bound", "hurried"]))

    def test_reload(self) -> None:
        """
        SIGHUP has the configuration read again, in the reactor's own thread, from where the file was at the start.
        """
        built = Built()
        self.make(built)
        handler = self.handlers()[signal.SIGHUP]
        handler(signal.SIGHUP, None)
        self.assertEqual(built.done, ["bound"])
        self.reactor.advance(0)
        self.assertEqual((built.done, self.reactor.stopped), (["bound", "reloaded"], 0))

    def test_ignored_signal(self) -> None:
        """
        A signal that whoever started us wants ignored stays ignored.
        """
        self.make(Built())
        self.assertEqual(set(self.handlers(ignored=signal.SIGINT)), {signal.SIGTERM, signal.SIGHUP})


class RunInForegroundTests(SynchronousTestCase):
    """
    Running a service without twistd.
    """

    def test_runs(self) -> None:
        """
        The service is built before anything is logged elsewhere, then started, and stopped at the shutdown.
        """
        reactor, built = Reactor(), Built()
        begun: list[object] = []
        install(self, reactor)
        self.patch(globalLogBeginner, "beginLoggingTo", lambda observers, **settings: begun.extend(observers))

        def build(given: object) -> Any:
            self.assertIs(given, reactor)
            self.assertEqual(begun, [])
            return built

        def observer(event: object) -> None:
            raise AssertionError("nothing is logged here")

        reactor.run = lambda: built.done.append("ran")  # type: ignore[method-assign] # this test's double
        self.assertEqual(tap.run_in_foreground(build, observer), 0)
        self.assertEqual((built.done, begun), (["started", "ran"], [observer]))
        reactor.fire("before", "shutdown")
        self.assertEqual(built.done[-1], "stopped")

    def test_not_built(self) -> None:
        """
        What cannot be built is the caller's to explain; nothing has started.
        """
        install(self, Reactor())

        def build(reactor: object) -> Any:
            raise NotBound("taken")

        self.assertRaises(NotBound, tap.run_in_foreground, build, lambda event: None)
