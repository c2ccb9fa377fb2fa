"""
The table is whole and true: no check is missing, and every test that it names is there and is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.table import TABLE, Entry, Later, Overruled, Tested

CHECKS = range(1, 101)
EXCEPTED = {53, 54, 61, 62, 63, 88}
"""
What the Foundation is not asked for.
"""
OVERRULED = {8, 9, 11, 36, 38, 39, 41, 42, 46, 48, 49, 51, 53, 65, 77}
"""
Those that ``pomerium-behaviour.md`` itself says are overruled.
"""
PACKAGE = "tests.conformance"
WITHOUT_NUMBERS = tuple(f"{PACKAGE}.test_{topic}" for topic in ("wrong_", "migrating.", "pomerium_files."))
"""
Tests that are no checks of the table.
"""


def collected(name: str) -> set[str]:
    """
    The ids of the tests that trial runs for a module or package.
    """
    suite = TestLoader().loadByName(name, recurse=True)
    return {test.id() for test in _flat(suite)}


def _flat(suite: object) -> Iterator[SynchronousTestCase]:
    try:
        members = iter(suite)  # type: ignore[call-overload] # that is the question
    except TypeError:
        assert isinstance(suite, SynchronousTestCase), f"not loaded: {suite!r}"
        yield suite
        return
    for member in members:
        yield from _flat(member)


def problems(table: dict[int, Entry], is_run: set[str]) -> list[str]:
    """
    What is wrong with a table of checks.
    """
    found = [f"{number} is missing" for number in CHECKS if number not in table]
    found += [f"{number} is no check" for number in table if number not in CHECKS]
    for number, entry in table.items():
        if isinstance(entry, Later) != (number in EXCEPTED):
            found.append(f"{number} may {'not ' * (number not in EXCEPTED)}come later")
        if number in OVERRULED and isinstance(entry, Tested):
            found.append(f"{number} is overruled")
        if not entry.tests and not isinstance(entry, Later):
            found.append(f"{number} has no test")
        if isinstance(entry, Overruled) and not entry.by:
            found.append(f"{number} is overruled by nothing")
        if isinstance(entry, Later) and not entry.what:
            found.append(f"{number} waits for nothing")
        found += [f"{number}: {name} is not run" for name in entry.tests if name not in is_run]
    return found


class TableTests(SynchronousTestCase):
    """
    The table, against the tests that there are.
    """

    def setUp(self) -> None:
        modules = {name.rsplit(".", 2)[0] for entry in TABLE.values() for name in entry.tests}
        self.is_run = set().union(*map(collected, modules))

    def test_whole(self) -> None:
        """
        Every number from 1 to 100 is there, only the excepted ones come later, and every test named is run.
        """
        self.assertEqual(problems(dict(TABLE), self.is_run), [])
        self.assertEqual(len(TABLE), 100)

    def test_numbers(self) -> None:
        """
        Every test of this package that has a number stands in the table, under that number.
        """
        for name in collected(PACKAGE):
            number = re.match(r"test_([0-9]+)_", name.rpartition(".")[2])
            if number is not None:
                self.assertIn(name, TABLE[int(number[1])].tests)
            else:
                self.assertTrue(name.startswith((__name__, *WITHOUT_NUMBERS)), f"{name} has no number")

    def test_flaws_are_found(self) -> None:
        """
        A number that is missing, an exception that is none, and a test that is not run are each found.
        """
        good = TABLE[7]
        later = min(EXCEPTED - OVERRULED)
        for flaw, changed in (
            ("7 is missing", {number: entry for number, entry in TABLE.items() if number != 7}),
            ("101 is no check", {**TABLE, 101: good}),
            ("7 may not come later", {**TABLE, 7: Later("something")}),
            (f"{later} may come later", {**TABLE, later: good}),
            ("8 is overruled", {**TABLE, 8: good}),
            ("7 has no test", {**TABLE, 7: Tested(())}),
            ("7 is overruled by nothing", {**TABLE, 7: Overruled("", good.tests)}),
            (f"{later} waits for nothing", {**TABLE, later: Later("")}),
            ("7: tests.no.Such.test is not run", {**TABLE, 7: Tested(("tests.no.Such.test",))}),
            (
                "7: tests.conformance.table.Later.what is not run",
                {**TABLE, 7: Tested(("tests.conformance.table.Later.what",))},
            ),
        ):
            with self.subTest(flaw=flaw):
                self.assertEqual(problems(changed, self.is_run), [flaw])
