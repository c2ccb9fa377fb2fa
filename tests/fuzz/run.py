"""
Fuzzing guided by coverage, with atheris: ``make fuzz [SECONDS=60] [TARGET=cookies,policy]``.

Each target runs in a process of its own, beginning with the inputs that are kept and with those that earlier runs have
found. What breaks a promise is left in a file, whose name is shown; the exit status is 1 then, and 2 where atheris is
not to be had. With ``--keep``, inputs that reach what no kept one reaches become kept ones.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "fuzz"
MOST_KEPT = 40
LONGEST_KEPT = 1_024
"""
How many inputs are kept for each target, and how long one may be.
"""
_PATIENCE = 20
_MEGABYTES = 1_024
_LONGEST = 4_096
_WITHOUT_ATHERIS = """\
atheris cannot be imported, so there is nothing to be guided by.
It has wheels for Linux on x86_64 and CPython 3.11 to 3.14: pip install 'pomerium-tx[fuzz]'
The inputs that are kept are read without it: python -m twisted.trial tests.fuzz"""


def one(target: str, arguments: Sequence[str]) -> None:
    """
    Fuzz *target* in this process, which ends with it.

    :param arguments: libFuzzer's.
    """
    import atheris

    with atheris.instrument_imports(include=["pomerium_tx", "yaml", "tomllib"]):
        from tests.fuzz.targets import TARGETS
    check = TARGETS[target]
    atheris.Setup([str(_again(target)), *arguments], lambda octets: check(bytes(octets)))
    atheris.Fuzz()


def _again(target: str) -> Path:
    """
    A program that does what this one does: libFuzzer begins itself anew where it puts inputs together.
    """
    path = WORK / target / "again"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m tests.fuzz.run --one {target} "$@"\n')
    path.chmod(0o755)
    return path


def _command(target: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.run", "--one", target, *map(str, arguments)]


def fuzz(target: str, seconds: float) -> bool:
    """
    Whether *target* has kept its promises for so long.
    """
    from tests.fuzz.targets import CORPUS

    found, broken = WORK / target / "found", WORK / target / "broken"
    for folder in (found, broken, CORPUS / target):
        folder.mkdir(parents=True, exist_ok=True)
    limits = (f"-timeout={_PATIENCE}", f"-rss_limit_mb={_MEGABYTES}", f"-max_len={_LONGEST}")
    dictionary = CORPUS.parent / "words.dict"
    command = _command(
        target,
        f"-max_total_time={seconds:g}",
        *limits,
        f"-dict={dictionary}",
        f"-artifact_prefix={broken}/",
        "-print_final_stats=1",
        found,
        CORPUS / target,
    )
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (WORK / target / "log").write_text(done.stdout)
    ran = re.search(r"stat::number_of_executed_units: (\d+)", done.stdout)
    print(f"{target:20} {ran[1] if ran else '?':>10} executions", "" if done.returncode == 0 else "BROKEN", flush=True)
    if done.returncode:
        told = re.search(r"=== Uncaught Python exception: ===\n.*?(?=\n==\d+==)", done.stdout, re.DOTALL)
        print(told.group() if told else done.stdout[-4_000:], flush=True)
    return done.returncode == 0


def keep(target: str) -> None:
    """
    What was found for *target* is kept, as far as it reaches what nothing kept reaches.
    """
    from tests.fuzz.targets import CORPUS, kept

    merged = WORK / target / "merged"
    merged.mkdir(parents=True, exist_ok=True)
    for path in [*merged.iterdir()]:
        path.unlink()
    before = kept(target)
    for path in before:
        (merged / path.name).write_bytes(path.read_bytes())
    found = WORK / target / "found"
    found.mkdir(parents=True, exist_ok=True)
    command = _command(target, "-merge=1", f"-max_len={LONGEST_KEPT}", merged, found)
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    names = {path.name for path in before}
    new = sorted((path for path in merged.iterdir() if path.name not in names), key=lambda path: path.stat().st_size)
    for path in new[: max(0, MOST_KEPT - len(before))]:
        octets = path.read_bytes()
        (CORPUS / target / hashlib.sha256(octets).hexdigest()[:12]).write_bytes(octets)
    print(f"{target:20} {len(kept(target))} kept")


def main(arguments: Sequence[str]) -> int:
    """
    The command.
    """
    if arguments[:1] == ["--one"]:
        one(arguments[1], arguments[2:])
        return 0
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--target", default="", help=f"some of {', '.join(TARGETS)}, with commas between; default: all")
    parser.add_argument("--keep", action="store_true", help="keep what was found")
    chosen = parser.parse_args(arguments)
    targets = [name for name in chosen.target.split(",") if name] or list(TARGETS)
    unknown = [name for name in targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    try:
        import atheris  # noqa: F401
    except ImportError:
        print(_WITHOUT_ATHERIS, file=sys.stderr)
        return 2
    if chosen.keep:
        for target in targets:
            keep(target)
        return 0
    # Every one of them, whatever became of those before.
    broken = [target for target in targets if not fuzz(target, chosen.seconds)]
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
