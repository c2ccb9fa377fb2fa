"""
What these tests share: whatever they start is ended, and is heard when one fails.
"""

from __future__ import annotations

import atexit
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

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

    @classmethod
    def owner(cls) -> type | None:
        """
        The same for the tests that share what they use; most share nothing.
        """
        return None

    def run(self, result: Any) -> None:
        """
        As ever, but failures are noticed in time to ask the programs about them.
        """
        if _Shared.owner is not self.owner():
            _Shared.end()
        self._overheard = _Overheard(IReporter(result, None) or PyUnitResultAdapter(result))
        super().run(self._overheard)

    def on_failure(self, tell: Callable[[], str]) -> None:
        """
        If the test fails, what *tell* says then is printed.
        """
        self.addCleanup(self._tell, tell)

    def _tell(self, tell: Callable[[], str]) -> None:
        if self._overheard.has_failed:
            self._tell_anyway(tell)

    def _tell_anyway(self, tell: Callable[[], str]) -> None:
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


class _Shared:
    """
    What the tests of one class share, and no other class after it.
    """

    owner: ClassVar[type | None] = None
    attributes: ClassVar[dict[str, Any]] = {}
    tellers: ClassVar[list[Callable[[], str]]] = []
    _cleanups: ClassVar[ExitStack] = ExitStack()

    @classmethod
    def clean_up_later(cls, function: Callable[..., object], *arguments: Any, **keywords: Any) -> None:
        cls._cleanups.callback(function, *arguments, **keywords)

    @classmethod
    def end(cls) -> None:
        cls.owner = None
        cls.attributes = {}
        cls.tellers = []
        cls._cleanups.close()


class SharingCase(InteropCase):
    """
    Tests for which the first of them starts what all of them use: a proxy and a browser take seconds.
    """

    _is_starting = False

    def start(self) -> None:
        """
        Everything that the tests of this class share is running; what is stored on ``self`` is theirs too.
        """
        raise NotImplementedError

    @classmethod
    def owner(cls) -> type:
        """
        The same for the classes that share with one another: unless a class says otherwise, those that inherit the same
        :meth:`start`.
        """
        return next(each for each in cls.__mro__ if "start" in vars(each))

    def setUp(self) -> None:
        """
        It is running.
        """
        owner = self.owner()
        if _Shared.owner is None:
            _Shared.owner = owner
            mine = set(self.__dict__)
            self._is_starting = True
            try:
                self.start()
            except BaseException:
                for tell in _Shared.tellers:
                    self._tell_anyway(tell)
                _Shared.end()
                raise
            finally:
                self._is_starting = False
                # The last one that was registered is the first one called: before the browsers' own end.
                atexit.unregister(_Shared.end)
                atexit.register(_Shared.end)
            _Shared.attributes = {name: self.__dict__[name] for name in self.__dict__.keys() - mine - {"_is_starting"}}
        self.__dict__.update(_Shared.attributes)
        for tell in _Shared.tellers:
            self.on_failure(tell)

    def addCleanup(self, function: Callable[..., object], *arguments: Any, **keywords: Any) -> None:
        """
        After the test, or after the last one of the class for what they share.
        """
        if self._is_starting:
            _Shared.clean_up_later(function, *arguments, **keywords)
        else:
            super().addCleanup(function, *arguments, **keywords)

    def on_failure(self, tell: Callable[[], str]) -> None:
        """
        If a test fails that uses it, what *tell* says then is printed.
        """
        if self._is_starting:
            _Shared.tellers.append(tell)
        else:
            super().on_failure(tell)
