"""
What a program with all its processes and threads has cost, in the operating system's own accounting.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """
    Seconds of a core.

    The scheduler counts the sum in nanoseconds; how it divides into the program's and the kernel's part, in ticks.
    """

    total: float
    user: float
    system: float

    def since(self, earlier: Cpu) -> Cpu:
        """
        What has been taken since *earlier*, its parts adding up to the exact sum.
        """
        total = self.total - earlier.total
        user, system = self.user - earlier.user, self.system - earlier.system
        share = user / (user + system) if user + system > 0 else 1.0
        return Cpu(total=total, user=total * share, system=total * (1 - share))


class Accounts:
    """
    What the kernel tells of processes.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def family(self, pid: int) -> list[int]:
        """
        A process and all its descendants.
        """
        found = [pid]
        for one in found:
            for thread in self._threads(one):
                found += [int(child) for child in _read(thread / "children").split()]
        return found

    def cpu(self, pid: int) -> Cpu:
        """
        What a process and its descendants have taken until now.
        """
        taken = [self.cpu_alone(one) for one in self.family(pid)]
        return Cpu(
            total=sum(one.total for one in taken),
            user=sum(one.user for one in taken),
            system=sum(one.system for one in taken),
        )

    def cpu_alone(self, pid: int) -> Cpu:
        """
        What a process has taken until now, in all its threads; nothing if it is gone.
        """
        # Of a process as a whole the file of the same name tells only its first thread.
        nanoseconds = sum(int((_read(thread / "schedstat") or "0").split()[0]) for thread in self._threads(pid))
        # The name of a program may hold spaces and parentheses.
        fields = _read(self._proc / str(pid) / "stat").rpartition(")")[2].split() or ["0"] * 13
        return Cpu(total=nanoseconds / 1e9, user=int(fields[11]) / _TICKS, system=int(fields[12]) / _TICKS)

    def memory(self, pid: int) -> float:
        """
        Mebibytes of a process and its descendants; what they share is counted once.
        """
        return sum(
            int(found[1]) / 1024
            for one in self.family(pid)
            if (found := re.search(r"^Pss:\s+(\d+) kB", _read(self._proc / str(one) / "smaps_rollup"), re.MULTILINE))
        )

    def _threads(self, pid: int) -> list[Path]:
        try:
            return list((self._proc / str(pid) / "task").iterdir())
        except OSError:
            return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


ACCOUNTS = Accounts()
"""
Of this machine.
"""
