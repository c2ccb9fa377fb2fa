"""
Tests of ``pomerium-tx doctor``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.operations import test_command
from tests.operations.test_doctor_report import shown
from tests.operations.test_drill_report import PASSED


class DoctorTests(test_command.CommandCase):
    """
    Asks a listener that answers what it is told.
    """

    def setUp(self) -> None:
        super().setUp()
        self.providers = [shown()]
        self.drill = PASSED.as_json()

    def ask(self, method: str, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.asked.append((method, path, dict(parameters or {})))
        return {"providers": self.providers} if path == "/providers" else self.drill

    def test_report(self) -> None:
        """
        Providers first, then the drill; 0 where all is well.
        """
        self.assertEqual(self.run_command("doctor"), 0)
        self.assertEqual(self.asked, [("GET", "/providers", {}), ("POST", "/drill", {})])
        self.assertTrue(self.lines()[0].startswith("Provider https://op.example.com"))
        self.assertIn("Passed.", self.lines()[-1])

    def test_no_drill(self) -> None:
        """
        Where none is wanted none is held.
        """
        self.assertEqual(self.run_command("doctor", "--no-drill"), 0)
        self.assertEqual(self.asked, [("GET", "/providers", {})])
        self.assertNotIn("Drill", self.out.getvalue())

    def test_json(self) -> None:
        """
        The same for a program.
        """
        self.assertEqual(self.run_command("doctor", "--json"), 0)
        self.assertEqual(json.loads(self.out.getvalue()), {"providers": self.providers, "drill": self.drill})

    def test_status(self) -> None:
        """
        1 where the drill is not passed or a provider needs attention.
        """
        self.drill = {**self.drill, "passed": False}
        self.assertEqual(self.run_command("doctor"), 1)
        self.assertEqual(self.run_command("doctor", "--no-drill"), 0)
        self.providers = [shown(answers=False, can=None)]
        self.assertEqual(self.run_command("doctor", "--no-drill"), 1)
