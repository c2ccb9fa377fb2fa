"""
A soak: millions of requests, people who sign in and out meanwhile, and what is left of it all in ``twistd pomerium``.

``python -m benchmarks.soak`` asks in rounds. In each somebody signs in, ``wrk`` asks with their cookie, others sign in,
ask and sign out all the while, and at last the somebody signs out too. After each round resident memory, descriptors
and what the garbage collector has found are noted. The slope of memory is that of the rounds after the first quarter,
in which caches fill. A sign-out is remembered for a day, whoever asks: ``--people 0`` tells what of the slope is that.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import linear_regression
from typing import Any

from benchmarks.deployment import Browser, Daemon, connection_to, free_ports, run_provider
from benchmarks.machine import machine
from benchmarks.sleepers import run_silent_application
from pomerium_tx import paths

ROUND_SECONDS = 10
CONNECTIONS = 32
WARM_UP = 0.25
MIB = 1024.0
STRANGERS = 300
"""
Who come and go before the first round: the caches of heads are full after them.
"""


class Scene:
    """
    The proxy, watched, with an application and an OP beside it.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._application = self._beside(run_silent_application)
        (provider_port,) = free_ports(1)
        self.witness = folder / "witness.json"
        self.daemon = Daemon(folder, application_port=self._application.recv(), provider_port=provider_port)
        twistd, *arguments = self.daemon._command
        python = str(Path(twistd).with_name("python"))
        self.daemon._command = [python, "-m", "benchmarks.watched", str(self.witness), *arguments]
        self._provider = self._beside(run_provider, provider_port, self.daemon.redirect_uri)
        self._provider.recv()
        stack.callback(self.daemon.stop)
        self.daemon.start()

    def _beside(self, run: Any, *arguments: Any) -> Any:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=run, args=(theirs, *arguments), daemon=True)
        process.start()
        self._stack.callback(process.terminate)
        return ours

    def sign_in(self) -> str:
        """
        The cookie of somebody new.
        """
        return Browser().sign_in(self.daemon.origin)

    def sign_out(self, cookie: str) -> None:
        """
        They are signed out.
        """
        fields = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        status = self._get(paths.SIGN_OUT, cookie, fields)
        if status != 302 or self._get("/", cookie, fields) != 302:
            raise RuntimeError("a sign-out did not work")

    def _get(self, path: str, cookie: str, fields: dict[str, str]) -> int:
        connection = connection_to(self.daemon.origin, timeout=60)
        connection.request("GET", path, headers={"Host": self.daemon.host, "Cookie": cookie, **fields})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def load(self, cookie: str, seconds: int) -> tuple[int, int]:
        """
        Requests that were answered well, and the others.
        """
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {self.daemon.host}"]
        command += ["-H", f"Cookie: {cookie}", f"http://127.0.0.1:{self.daemon.port}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        asked = re.search(r"(\d+) requests in", done.stdout)
        assert asked is not None, done.stdout
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
        others = sum(map(int, errors.groups())) if errors else 0
        return int(asked[1]), others + (int(bad[1]) if bad else 0)

    def state(self) -> dict[str, Any]:
        """
        What is left of it all now.
        """
        time.sleep(2.0)
        # The log is for nobody: it must not fill the disk.
        os.truncate(self.daemon.log, 0)
        return {
            "rss_mib": round(self.daemon.memory(), 2),
            "descriptors": len(os.listdir(f"/proc/{self.daemon.pid}/fd")),
            **json.loads(self.witness.read_text()),
        }


class Comings:
    """
    People who sign in, ask and sign out, one after another, until they are told to stop.
    """

    def __init__(self, scene: Scene, a_second: float) -> None:
        self._scene = scene
        self._pause = 1.0 / a_second if a_second else None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0
        self.failed: Exception | None = None

    def __enter__(self) -> Comings:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while self._pause is not None and not self._stopped.wait(self._pause):
            try:
                self._scene.sign_out(self._scene.sign_in())
            except Exception as failed:  # noqa: BLE001 - told of at the end of the round
                self.failed = failed
                return
            self.count += 1


def soak(requests: int, a_second: float, round_seconds: int) -> dict[str, Any]:
    """
    Rounds until so many *requests* are answered, with so many people *a second* who come and go.
    """
    rounds: list[dict[str, Any]] = []
    total = ends = 0
    with ExitStack() as stack:
        scene = Scene(stack)
        for number in range(STRANGERS):
            _say(f"\r{number} of {STRANGERS} have come and gone ")
            scene.sign_out(scene.sign_in())
        while total < requests:
            cookie = scene.sign_in()
            with Comings(scene, a_second) as comings:
                answered, others = scene.load(cookie, round_seconds)
            if comings.failed is not None:
                raise comings.failed
            scene.sign_out(cookie)
            total, ends = total + answered, ends + comings.count + 1
            rounds.append({"requests": total, "ends": ends, "not_well": others, **scene.state()})
            said = " ".join(f"{name}={value}" for name, value in rounds[-1].items())
            _say(f"\r{said}   ")
    _say("\n")
    return {"rounds": rounds, **summary(rounds)}


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """
    What the rounds after the first quarter say.
    """
    later = rounds[int(len(rounds) * WARM_UP) :]
    if len(later) < 3:
        return {}
    asked = [one["requests"] / 1e6 for one in later]
    slope = linear_regression(asked, [one["rss_mib"] for one in later]).slope
    ends = later[-1]["ends"] - later[0]["ends"]
    millions = asked[-1] - asked[0]
    return {
        "mib_per_million": round(slope, 2),
        "ends_per_million": round(ends / millions),
        "kib_per_end_if_all_of_it_were_that": round(slope * millions * MIB / ends, 2) if ends else None,
        "descriptors": [min(one["descriptors"] for one in later), max(one["descriptors"] for one in later)],
        "not_well": sum(one["not_well"] for one in rounds),
        "garbage_found": later[-1]["collected"] - later[0]["collected"],
        "longest_walk_ms": later[-1]["longest_ms"],
    }


def report(result: dict[str, Any]) -> str:
    """
    All of it, for people.
    """
    rounds = result["rounds"]
    shown = rounds[:: max(1, len(rounds) // 20)]
    names = ("requests", "ends", "not_well", "rss_mib", "descriptors", "collected", "longest_ms")
    lines = ["".join(f"{name:>13}" for name in names)]
    lines += ["".join(f"{one[name]:>13,}" for name in names) for one in shown]
    lines += [""] + [f"{name}: {value}" for name, value in result.items() if name not in ("rounds", "machine")]
    return "\n".join(lines)


def main() -> None:
    """
    Soak, and say what is left.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000_000)
    parser.add_argument("--people", type=float, default=1.0, help="who sign in and out each second; 0 is nobody")
    parser.add_argument("--round", type=int, default=ROUND_SECONDS, help="seconds of a round")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/soak.json"), help="where the figures go")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.exit(1, "wrk is needed, and is not there: apt-get install wrk\n")
    result = {"machine": machine(), **soak(arguments.requests, arguments.people, arguments.round)}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(report(result) + "\n")


if __name__ == "__main__":
    main()
