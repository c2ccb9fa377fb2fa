"""
The ``pomerium-tx`` command.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from pomerium_tx import tap
from pomerium_tx.advice import command as advice
from pomerium_tx.config.loader import load
from pomerium_tx.demo.config import DemoPorts, DemoSettings, banner, demo_config
from pomerium_tx.demo.start import PortTaken, start
from pomerium_tx.logs import json_line
from pomerium_tx.operations import command
from pomerium_tx.proxy.listener import NotBound
from pomerium_tx.service import build_service

DRAIN_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command; its exit status.
    """
    parser = argparse.ArgumentParser(prog="pomerium-tx", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="sample applications, a provider and the proxy, on loopback")
    demo.add_argument("--verbose", action="store_true", help="write every log line, not only who signs in and out")
    demo.add_argument(
        "--first-port", type=int, default=8000, metavar="PORT", help="use PORT and the five after it (default: 8000)"
    )
    command.add_commands(commands)
    advice.add_commands(commands)
    chosen = parser.parse_args(arguments)
    if chosen.command != "demo":
        return command.run(chosen)
    try:
        ports = DemoPorts.starting_at(chosen.first_port)
    except ValueError as problem:
        parser.error(str(problem))
    return _demo(DemoSettings.fresh(ports), verbose=chosen.verbose)


def _demo(settings: DemoSettings, *, verbose: bool) -> int:

    def build(reactor: Any) -> IService:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "config.yaml")
            path.touch(mode=0o600)
            path.write_text(demo_config(settings))
            # Not the environment's: whoever tries the demo may have a real configuration there.
            loaded = load(path, {})
        service = MultiService()  # type: ignore[no-untyped-call] # Twisted's own
        service.addService(build_service(loaded, reactor, drain_seconds=DRAIN_SECONDS))  # type: ignore[no-untyped-call] # Twisted's own
        service.privilegedStartService()  # type: ignore[no-untyped-call] # Twisted's own
        service.addService(start(reactor, settings))  # type: ignore[no-untyped-call] # Twisted's own
        print(banner(settings), flush=True)
        return service

    try:
        return tap.run_in_foreground(build, _DemoLog(verbose=verbose))
    except (PortTaken, NotBound) as taken:
        for line in str(taken).splitlines():
            # The configuration, whose key comes first, is not one that the person has written.
            _, key, problem = line.partition(": cannot listen")
            print(
                f"pomerium-tx demo: {'cannot listen' + problem if key else line} (or try --first-port)", file=sys.stderr
            )
        return 1


@implementer(ILogObserver)
class _DemoLog:
    """
    Shows who signs in and out, and what goes wrong.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._output = sys.stdout

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if self._verbose or level >= LogLevel.warn or event.get("service") == "audit":
            self._output.write(json_line(event) + "\n")
            self._output.flush()
