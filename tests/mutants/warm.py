"""
A process that has everything loaded but what depends on one module, and forks for each mutant of it.

So a mutant costs a fork, the loading of what depends on it, and the tests up to the first that fails; and it is loaded
as Python loads any module, tables at module level and decorators included.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import traceback
import unittest
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PASSED, FAILED, ENDLESS = "passed", "failed", "endless"
_SECONDS_OF_CPU = 60
_SECONDS = 300
_BYTES = 4 << 30


class Withheld(BaseException):
    """
    The module is not to be had in this process; whatever imports it is left for later.
    """


class _OneModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """
    Finds one module, and loads it from the code at hand, or not at all.
    """

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path
        self.code: CodeType | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """
        The one module's spec.
        """
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """
        Run the code at hand.
        """
        if self.code is None:
            raise Withheld(self._name)
        exec(self.code, module.__dict__)


class Warm:
    """
    This process, ready to try mutants of one module with the tests that guard it.
    """

    def __init__(self, name: str, path: Path, tests: Sequence[str]) -> None:
        """
        :param name: The module's dotted name.
        :param tests: Dotted names of test modules, those to run first at the front.
        """
        self._tests = tests
        self._finder = _OneModule(name, path)
        self._path = path
        assert name not in sys.modules
        sys.meta_path.insert(0, self._finder)
        for test in tests:
            self._import_what_can_be(test)

    def _import_what_can_be(self, name: str) -> None:
        try:
            importlib.import_module(name)
        except Withheld:
            pass

    def outcome(self, source: str) -> tuple[str, str]:
        """
        What becomes of a source of the module, and by which test.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(reading)
                self._in_child(source, writing)
            except BaseException:  # noqa: BLE001 - a mutant that cannot even be loaded is noticed
                os.write(writing, f"{FAILED} {traceback.format_exc()[-300:]}".encode())
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading, "rb") as told:
            said = told.read().decode(errors="replace")
        os.waitpid(child, 0)
        # Killed by a limit, it could not say anything.
        outcome, _, test = (said or f"{ENDLESS} ").partition(" ")
        return outcome, test

    def _in_child(self, source: str, writing: int) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS_OF_CPU, _SECONDS_OF_CPU))
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
        faulthandler.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SECONDS)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        self._finder.code = compile(source, str(self._path), "exec")
        with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
            os.chdir(directory)
            failed = first_failure(self._tests)
            os.chdir("/")
        os.write(writing, f"{FAILED} {failed}".encode() if failed else f"{PASSED} ".encode())


def first_failure(tests: Sequence[str]) -> str:
    """
    The first test that fails, or an empty string. A module's tests are loaded only when those before have passed.
    """
    # Here, so that the process of the list and the table needs none of it.
    from hypothesis import is_hypothesis_test, settings
    from twisted.trial.runner import TestLoader

    settings.register_profile("mutants", deadline=None, max_examples=20, derandomize=True, database=None)
    settings.load_profile("mutants")

    def is_random(test: unittest.TestCase) -> bool:
        return is_hypothesis_test(getattr(test, test._testMethodName))

    for name in tests:
        result = unittest.TestResult()
        # Tables first: they are faster than examples without number.
        cases = sorted(_cases(TestLoader().loadModule(importlib.import_module(name))), key=is_random)
        for case in cases:
            case.run(result)
            if not result.wasSuccessful():
                return str(case.id())
        if not result.testsRun:
            return f"{name} has no tests"
    return ""


def _cases(suite: Iterable[Any]) -> Iterator[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestCase):
            yield one
        else:
            yield from _cases(one)
