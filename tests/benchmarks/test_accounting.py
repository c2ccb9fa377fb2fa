"""
What a program has cost.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.accounting import Accounts, Cpu

TICKS = os.sysconf("SC_CLK_TCK")
NOTHING = Cpu(total=0.0, user=0.0, system=0.0)


class CpuTests(SynchronousTestCase):
    """
    The difference of two times.
    """

    def test_parts(self) -> None:
        """
        The exact sum is divided as the ticks are.
        """
        earlier, later = Cpu(total=10.5, user=5.0, system=3.0), Cpu(total=12.5, user=8.0, system=4.0)
        self.assertEqual(later.since(earlier), Cpu(total=2.0, user=1.5, system=0.5))

    def test_less_than_a_tick(self) -> None:
        """
        What no tick has seen is the program's own.
        """
        later = Cpu(total=0.001, user=0.0, system=0.0)
        self.assertEqual(later.since(NOTHING), Cpu(total=0.001, user=0.001, system=0.0))


class AccountsTests(SynchronousTestCase):
    """
    What the kernel tells of a master with two threads, its worker, and the worker's child.
    """

    def setUp(self) -> None:
        self.proc = Path(self.mktemp())
        self._process(10, "master (nginx) x", threads={10: 1_000_000_000, 11: 500_000_000}, children={11: "20 "})
        self._process(20, "worker", threads={20: 2_000_000_000}, children={20: "30 "})
        self._process(30, "child", threads={30: 250_000_000}, children={})
        self._process(40, "somebody else", threads={40: 9_000_000_000}, children={})
        self.accounts = Accounts(self.proc)

    def _process(self, pid: int, name: str, *, threads: dict[int, int], children: dict[int, str]) -> None:
        for thread, nanoseconds in threads.items():
            folder = self.proc / str(pid) / "task" / str(thread)
            folder.mkdir(parents=True)
            (folder / "schedstat").write_text(f"{nanoseconds} 77 88\n")
            (folder / "children").write_text(children.get(thread, ""))
        (self.proc / str(pid) / "stat").write_text(
            f"{pid} ({name}) S 1 2 3 4 5 6 7 8 9 10 {3 * TICKS} {TICKS} 0 0 20 0\n"
        )
        (self.proc / str(pid) / "smaps_rollup").write_text("Rss:  9999 kB\nPss:  2048 kB\nPss_Dirty:  7 kB\n")

    def test_family(self) -> None:
        """
        Descendants belong to it, whichever thread has begun them.
        """
        self.assertEqual(self.accounts.family(10), [10, 20, 30])

    def test_threads(self) -> None:
        """
        The work of every thread counts, and a name that looks like figures does not confuse them.
        """
        self.assertEqual(self.accounts.cpu_alone(10), Cpu(total=1.5, user=3.0, system=1.0))

    def test_sum(self) -> None:
        """
        The whole is the sum of all processes.
        """
        self.assertEqual(self.accounts.cpu(10), Cpu(total=3.75, user=9.0, system=3.0))

    def test_memory(self) -> None:
        """
        Of what processes share each counts its part.
        """
        self.assertEqual(self.accounts.memory(10), 6.0)

    def test_nobody(self) -> None:
        """
        A process that is gone has taken nothing.
        """
        self.assertEqual((self.accounts.cpu(99), self.accounts.memory(99)), (NOTHING, 0.0))
