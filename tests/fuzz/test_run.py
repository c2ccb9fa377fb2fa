"""
The command, as far as it goes without atheris.
"""

from __future__ import annotations

import io
import sys
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import run
from tests.fuzz.targets import TARGETS


class CommandTests(SynchronousTestCase):
    """
    ``make fuzz``.
    """

    def setUp(self) -> None:
        self.err = io.StringIO()
        self.patch(sys, "stderr", self.err)

    def test_without_atheris(self) -> None:
        """
        Where atheris is not to be had, the command says so, and what can be done, and fails.
        """
        with mock.patch.dict(sys.modules, {"atheris": None}):
            self.assertEqual(run.main(["--target", "cookies"]), 2)
        self.assertRegex(self.err.getvalue(), r"cannot be imported(.|\n)*pip install")

    def test_unknown_target(self) -> None:
        """
        A target that there is not is told of, with those that there are.
        """
        left = self.assertRaises(SystemExit, run.main, ["--target", "cookies,biscuits"])
        self.assertEqual(left.code, 2)
        for word in ("biscuits", *TARGETS):
            self.assertIn(word, self.err.getvalue())

    def test_every_target_states_its_promise(self) -> None:
        """
        What each target promises is written down beside it.
        """
        self.assertEqual([name for name, check in TARGETS.items() if not check.__doc__], [])
