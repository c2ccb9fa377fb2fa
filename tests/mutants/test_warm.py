"""
Tests of the process that tries mutants.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent.parent
RULE = "LIMIT = 3\ndef fits(n):\n    return n <= LIMIT\n"
BESIDE = "LOADED = 'once'\n"
USER = "from toy.rule import fits\nimport toy.beside\ndef all_fit(numbers):\n    return all(map(fits, numbers))\n"
FAST = """
from twisted.trial.unittest import SynchronousTestCase
from toy.user import all_fit
class Tests(SynchronousTestCase):
    def test_small(self):
        self.assertTrue(all_fit([1, 2]))
    def test_large(self):
        with self.subTest("large"):
            self.assertFalse(all_fit([1, 9]))
"""
EXACT = FAST.replace("9", "4").replace("2", "3")
ASK = """
import json, sys
from pathlib import Path
from tests.mutants import warm
warm._SECONDS_OF_CPU = 1
asked = json.load(sys.stdin)
process = warm.Warm("toy.rule", Path("toy/rule.py").resolve(), ["toy.test_fast", "toy.test_exact"])
print(json.dumps([process.outcome(source) for source in asked] + [sorted(n for n in sys.modules if n[:4] == "toy.")]))
"""


class WarmTests(SynchronousTestCase):
    """
    Mutants of one module, each in a process of its own.
    """

    def test_outcomes(self) -> None:
        """
        A mistake is noticed by the first test that fails, be it in a function, in a table, or one that cannot be
        loaded or never ends; what is right passes; and nothing that depends on the module stays loaded.
        """
        place = Path(self.mktemp()) / "toy"
        place.mkdir(parents=True)
        for name, text in {
            "__init__": "",
            "rule": RULE,
            "beside": BESIDE,
            "user": USER,
            "test_fast": FAST,
            "test_exact": EXACT,
        }.items():
            (place / f"{name}.py").write_text(text)
        asked = {
            RULE: ["passed", ""],
            RULE.replace("<=", ">"): ["failed", "toy.test_fast.Tests.test_small"],
            RULE.replace("<=", "<"): ["failed", "toy.test_exact.Tests.test_small"],
            RULE.replace("3", "4"): ["failed", "toy.test_exact.Tests.test_large"],
            RULE.replace("return", "while n: pass\n    return"): ["endless", ""],
        }
        broken = RULE.replace("3", "absent")
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            input=json.dumps([*asked, broken]),
            cwd=place.parent,
            env={"PYTHONPATH": f"{ROOT}:{place.parent.resolve()}", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        *outcomes, unloadable, loaded = json.loads(done.stdout)
        self.assertEqual(dict(zip(asked, outcomes, strict=True)), asked)
        self.assertEqual(unloadable[0], "failed")
        self.assertIn("absent", unloadable[1])
        self.assertEqual(loaded, [])
