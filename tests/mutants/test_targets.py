"""
Tests of the table of modules and the tests that guard them.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.mutants.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent.parent


class TableTests(SynchronousTestCase):
    """
    What is tried, against what.
    """

    def test_exist(self) -> None:
        """
        Every module and every test that is named is there.
        """
        for path, tests in TARGETS.items():
            with self.subTest(path=path):
                self.assertTrue((ROOT / path).is_file())
                self.assertTrue(tests)
                self.assertEqual(len(set(tests)), len(tests))
                for test in tests:
                    self.assertTrue((ROOT / test.replace(".", "/")).with_suffix(".py").is_file(), test)
