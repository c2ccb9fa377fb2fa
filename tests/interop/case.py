"""
What these tests share: whatever they start is ended, and is heard when one fails.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.python.components import proxyForInterface
from twisted.trial.itrial import IReporter
from twisted.trial.unittest import PyUnitResultAdapter, SynchronousTestCase

from tests.interop.browsers import Person
from tests.interop.processes import Program
from tests.interop.upstream import RecordingUpstream
from tests.interop.wire import Wire

HERE = Path(__file__).resolve().parent


class _Overheard(proxyForInterface(IReporter, "reporter")):  # type: ignore[misc]  # zope's class is made at run time
    """
    Tells a reporter everything, and remembers whether it was bad.
    """

    reporter: Any
    has_failed = False

    def addError(self, test: object, error: object) -> None:
        self.has_failed = True
        self.reporter.addError(test, error)

    def addFailure(self, test: object, failure: object) -> None:
        self.has_failed = True
        self.reporter.addFailure(test, failure)


class InteropCase(SynchronousTestCase):
    """
    A test that runs programs.
    """

    def run(self, result: Any) -> None:
        """
        As ever, but failures are noticed in time to ask the programs about them.
        """
        self._overheard = _Overheard(IReporter(result, None) or PyUnitResultAdapter(result))
        super().run(self._overheard)

    def on_failure(self, tell: Callable[[], str]) -> None:
        """
        If the test fails, what *tell* says then is printed.
        """
        self.addCleanup(self._tell, tell)

    def _tell(self, tell: Callable[[], str]) -> None:
        if self._overheard.has_failed:
            try:
                said = tell()
            except Exception as unheard:  # noqa: BLE001  # the test has failed already, of something else
                said = f"(nothing to be heard: {unheard})"
            sys.stdout.write(f"\n--- {said}\n")

    def folder(self) -> Path:
        """
        A new folder, for as long as the test runs.
        """
        made = tempfile.TemporaryDirectory(prefix="interop-")
        self.addCleanup(made.cleanup)
        return Path(made.name)

    def program(
        self, name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> Program:
        """
        A process that ends with the test.
        """
        started = Program(name, command, folder=folder, environment=environment)
        self.addCleanup(started.end)
        self.on_failure(lambda: f"{name} said:\n{started.output[-20000:]}")
        return started

    def person(self, *arguments: str, bypass_csp: bool = False) -> Person:
        """
        Somebody at a browser.
        """
        somebody = Person(*arguments, bypass_csp=bypass_csp)
        self.addCleanup(somebody.context.close)
        self.on_failure(lambda: f"a person sees:\n{somebody.describe()}")
        return somebody

    def upstream(self, title: str) -> RecordingUpstream:
        """
        An application.
        """
        application = RecordingUpstream(title)
        self.addCleanup(application.end)
        return application

    def wire(self, origin: str) -> Wire:
        """
        A connection by hand.
        """
        connected = Wire(origin)
        self.addCleanup(connected.close)
        return connected
