"""
What grows: memory, look-ups, ends and pauses with the number of sessions; memory with connections that do nothing;
start and reload with the number of routes.

``python -m benchmarks.growth`` prints tables, and writes what it measured where ``--json`` says. ``--help`` names the
choices; all of it takes half an hour, most of it a million sign-ins several times over.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import idle
from benchmarks.machine import machine

TOKENS = (600, 3072)
PARTS = ("memory", "operations", "pauses", "routes", "idle")


def _measured(name: str, **arguments: Any) -> dict[str, Any]:
    said = ", ".join(f"{key} {value}" for key, value in arguments.items())
    sys.stderr.write(f"\r{name}: {said}          ")
    sys.stderr.flush()
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [sys.executable, "-m", "benchmarks.growing", json.dumps([name, arguments]), answer.name]
        subprocess.run(command, check=True)
        found: dict[str, Any] = json.loads(Path(answer.name).read_text())
    return arguments | found


def measure(parts: list[str], sessions: list[int], share: float) -> dict[str, Any]:
    """
    All that is asked for.
    """
    found: dict[str, Any] = {"machine": machine()}
    if "memory" in parts:
        found["memory"] = [
            _measured("memory", sessions=count, token_bytes=size) for size in TOKENS for count in sessions
        ]
    if "operations" in parts:
        found["operations"] = [_measured("operations", sessions=count) for count in sessions]
    if "pauses" in parts:
        found["pauses"] = [
            _measured("pauses", sessions=count, is_tuned=tuned) for count in sessions for tuned in (False, True)
        ]
    if "routes" in parts:
        found["routes"] = [
            _measured("routes", count=count, kind=kind) for kind in ("hosts", "prefixes") for count in (10, 1_000)
        ]
    if "idle" in parts:
        found["idle"] = idle.rows(share)
    sys.stderr.write("\n")
    return found


def _table(rows: list[dict[str, Any]]) -> list[str]:
    names = list(rows[0])
    shown = [[f"{value:,}" if type(value) in (int, float) else str(value) for value in row.values()] for row in rows]
    widths = [max(len(name), *map(len, column)) for name, column in zip(names, zip(*shown, strict=True), strict=True)]
    lines = ["  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))]
    return lines + ["  ".join(one.rjust(width) for one, width in zip(row, widths, strict=True)) for row in shown]


def report(found: dict[str, Any]) -> str:
    """
    All of it, for people.
    """
    of = found["machine"]
    titles = {
        "memory": "bytes of a session: all, its tokens and claims as the OP sent them, the rest; us of a sign-in",
        "operations": "microseconds of CPU",
        "pauses": "walks of the garbage collector, in milliseconds of CPU",
        "routes": "a house with so many routes: ms until it stands, ms of a reload, bytes of each route",
        "idle": "KiB of each connection that does nothing",
    }
    lines = [f"{of['cpu']}, {of['cores']} cores, Python {of['python']}, load before: {of['load_before']:.2f}"]
    for part, title in titles.items():
        if part in found:
            lines += ["", title, *_table(found[part])]
    return "\n".join(lines)


def main() -> None:
    """
    Measure, and say what was found.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--sessions", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--share", type=float, default=1.0, help="of the 10,000 and 5,000 idle connections")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/growth.json"), help="where figures go")
    arguments = parser.parse_args()
    found = measure(arguments.only, arguments.sessions, arguments.share)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(report(found) + "\n")


if __name__ == "__main__":
    main()
