"""
``twistd pomerium``: its command line, and the one place that imports the reactor.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.logger import ILogObserver, Logger, globalLogBeginner
from twisted.python import usage

from pomerium_tx import service
from pomerium_tx.collector import collector
from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.proxy.listener import NotBound
from pomerium_tx.tls.certificates import UnusableCertificate

log = Logger()

DEFAULT_CONFIG = "/etc/pomerium-tx/config.yaml"
EXIT_FAILED = 3
"""
The exit status when the service fails after it has begun to listen.
"""


class Options(usage.Options):
    """
    The options behind ``twistd pomerium``.
    """

    synopsis = "[options]"
    longdesc = (
        "Puts applications behind a sign-in, and signs people out of all of them at once. "
        "Reads Pomerium's config.yaml; every key can be overridden by an environment variable of its name in "
        "upper case."
    )
    optParameters: ClassVar[list[list[str | None]]] = [
        ["config", "c", DEFAULT_CONFIG, "The configuration file (YAML, JSON or TOML)."],
    ]
    optFlags: ClassVar[list[list[str | None]]] = [
        ["check", None, "Check the configuration and exit: status 0 if it is valid, 1 with all its problems if not."],
    ]

    loaded: Loaded

    def read(self) -> Loaded:
        """
        The configuration as it is now.

        :raises InvalidConfig: With all that is wrong with it.
        """
        return load(self._path, os.environ)

    def postOptions(self) -> None:
        """
        Read the configuration while a bad one can still be a plain error.
        """
        # A daemon leaves the working directory.
        path = Path(self["config"])
        self._path = path.absolute()
        try:
            self.loaded = load(path, os.environ)
        except InvalidConfig as invalid:
            for problem in invalid.problems:
                sys.stderr.write(f"{problem}\n")
            raise SystemExit(1) from None
        if self["check"]:
            for warning in self.loaded.warnings:
                sys.stderr.write(f"warning: {warning}\n")
            count = len(self.loaded.config.routes)
            sys.stdout.write(f"{path} is valid: {count} route{'s' * (count != 1)}.\n")
            raise SystemExit(0)
        self._choose_logger()
        _choose_reactor()

    def _choose_logger(self) -> None:
        twistd = self.parent
        if twistd is None or twistd["logger"] or twistd["logfile"] or twistd["syslog"]:
            return
        # By name: twistd imports it after us. A daemon has no standard output.
        twistd["logger"] = "pomerium_tx.logs." + ("json_lines" if twistd["nodaemon"] else "json_lines_in_twistd_log")


def _choose_reactor() -> None:
    """
    Take the leaner one where twistd would take its epoll reactor: unless it was told of one, there is none yet.
    """
    if "twisted.internet.reactor" in sys.modules:
        return
    try:
        from pomerium_tx import lean_reactor
    except ImportError:
        # Not on Linux.
        return
    lean_reactor.install()


def makeService(options: Options) -> IService:
    """
    The service that twistd runs, its addresses bound.

    Here twistd has neither become a daemon nor written a file: a taken port can be told of where the command was typed.
    """
    from twisted.internet import reactor

    try:
        built = service.build_service(options.loaded, reactor)
    except UnusableCertificate as unusable:
        # OpenSSL reads more strictly than what has read the configuration.
        sys.stderr.write(f"{options['config']}: a certificate cannot be used: {unusable.reason}\n")
        raise SystemExit(1) from None
    try:
        built.privilegedStartService()
    except NotBound as not_bound:
        sys.stderr.write(f"{not_bound}\n")
        raise SystemExit(1) from None

    def leave() -> None:
        if built.has_failed:
            # twistd has no exit status for what goes wrong after the start. Last of all, so that it removes its
            # pidfile.
            atexit.register(_exit_failed)

    reactor.addSystemEventTrigger("after", "startup", collector.start)
    reactor.addSystemEventTrigger("after", "startup", _heed_signals, reactor, built, options.read)
    reactor.addSystemEventTrigger("after", "shutdown", leave)
    return built


def _exit_failed() -> None:
    sys.stdout.flush()
    os._exit(EXIT_FAILED)


def _heed_signals(reactor: Any, running: service.PomeriumService, read: Callable[[], Loaded]) -> None:
    """
    Stop in order on SIGTERM and SIGINT, and at once on the second one; read the configuration again on SIGHUP.

    Twisted's own handlers stop as well, but make twistd die of the signal after all has gone well.
    """
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if is_stopping:
            running.hurry()
        else:
            is_stopping = True
            log.info("Stopping")
            reactor.stop()

    def install() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # A shell lets its background jobs ignore SIGINT.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *received: reactor.callFromThread(stop))
        signal.signal(signal.SIGHUP, lambda *received: reactor.callFromThread(running.reload, read))

    # The reactor installs its own after the start.
    reactor.callLater(0, install)


def run_in_foreground(build: Callable[[Any], IService], observer: ILogObserver) -> int:
    """
    Run a service until it is interrupted; the exit status of the process.

    :param build: Makes the service; what it raises is the caller's to explain, and nothing has started then.
    """
    from twisted.internet import reactor

    running = build(reactor)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    running.startService()  # type: ignore[no-untyped-call] # Twisted's own
    reactor.addSystemEventTrigger("before", "shutdown", running.stopService)
    reactor.run()
    return 0
