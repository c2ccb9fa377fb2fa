"""
Tests of ``setup.cfg``: what is built can be used.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import counted

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("pomerium_tx", "twisted", "setup.cfg", "pyproject.toml", "LICENSE", "README.md")


def run(command: list[str], folder: Path, **environ: str) -> str:
    """
    The output of *command*, which must succeed.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class WheelTests(SynchronousTestCase):
    """
    The wheel.
    """

    def build(self) -> Path:
        """
        A wheel, built without an index from a copy, so that nothing is left behind in the tree.
        """
        source = Path(self.mktemp()).resolve()
        source.mkdir()
        for name in COPIED:
            if (ROOT / name).exists():
                run(["cp", "-R", str(ROOT / name), str(source / name)], source)
        wheels = source / "wheels"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), "."], source)
        (wheel,) = wheels.glob("*.whl")
        return wheel

    def test_plugin_shows(self) -> None:
        """
        From any folder, ``twistd --help`` knows ``pomerium`` once the wheel is installed.
        """
        wheel = self.build()
        target, elsewhere = wheel.parent / "installed", wheel.parent / "elsewhere"
        elsewhere.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
            names = set(archive.namelist())
        self.assertIn("twisted/plugins/pomerium_tx_plugin.py", names)
        self.assertNotIn("twisted/plugins/__init__.py", names)
        self.assertEqual({name for name in names if name.startswith(("tests", "etc", "build"))}, set())
        missing = [
            str(path.relative_to(ROOT))
            for path in sorted((ROOT / "pomerium_tx").rglob("*"))
            if path.is_file() and path.suffix != ".pyc" and path.relative_to(ROOT).as_posix() not in names
        ]
        self.assertEqual(missing, [], "files of ours that the wheel lacks")
        twistd = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--help"]
        shown = run(twistd, elsewhere, PYTHONPATH=str(target))
        self.assertRegex(shown, r"(?m)^ +pomerium +An identity-aware")
        self.assertTrue((target / "twisted" / "plugins" / "dropin.cache").exists(), "the plugin came from elsewhere")

    def test_demo_environment(self) -> None:
        """
        An editable install is made in the form that ``twistd`` can see through.
        """
        self.assertIn("[editable_wheel]\nmode = compat\n", (ROOT / "setup.cfg").read_text("utf-8"))


class CountedTests(SynchronousTestCase):
    """
    The line at the end of ``make test``.
    """

    def test_counts(self) -> None:
        """
        Passed and failed are what trial says.
        """
        for summary, expected in (
            ("PASSED (successes=7)", (7, 0)),
            ("PASSED (skips=1, successes=7)", (7, 0)),
            ("FAILED (failures=1, errors=2, successes=7)", (7, 3)),
            ("FAILED (skips=1, unexpectedSuccesses=1, successes=2)", (2, 1)),
        ):
            with self.subTest(summary):
                self.assertEqual(counted.counts(f"test ... [OK]\nRan 9 tests in 1.0s\n\n{summary}\n"), expected)

    def test_no_summary(self) -> None:
        """
        Without a summary of trial's nothing is claimed.
        """
        self.assertRaises(SystemExit, counted.counts, "Traceback (most recent call last):\nRan away\n")

    def test_interop_is_apart(self) -> None:
        """
        Tests that need a browser are not among those of ``make test``; all others are.
        """
        names = counted.test_names(ROOT / "tests")
        self.assertNotIn("tests.interop", names)
        self.assertTrue({"tests.config", "tests.etc", "tests.test_packaging", "tests.test_architecture"} <= set(names))
