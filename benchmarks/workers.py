"""
More than one core: ours with one worker and with two, and how much of that this machine can show.

``python -m benchmarks.workers``. Of two cores the load generator and the application take their share. What can be
shown is how near the workers come to using all that is left, whether a request costs more when there are more of
them, and how evenly they share the connections; not how it goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import document, load, table
from benchmarks.accounting import ACCOUNTS
from benchmarks.compare import RESULTS
from benchmarks.machine import machine
from benchmarks.processes import cores, cores_for
from benchmarks.rivals.ours import with_workers
from benchmarks.rivals.peer import Peer
from benchmarks.rounds import fault
from benchmarks.scene import Scene
from benchmarks.works import WORKS, Work

_REMARK = (
    "Possible here: what these cores allow at most, a request costing workers, client and application what it has cost",
    "them. A worker has a core for itself only where there are more cores than workers. Least share: of the work, what",
    "the least busy worker did.",
)
_HEADS = ("workers", "req/s", "CPU us", "of the load", "least share", "possible here", "of it")


def possible(*, places: int, of_proxy: float, of_load: float, usable: int) -> float:
    """
    Requests a second that *usable* cores allow at most, *places* of them to the proxy.

    :param of_proxy: Seconds of a core that a request costs the proxy; *of_load*, client and application.
    """
    return min(places / of_proxy, usable / (of_proxy + of_load), 1 / of_load)


def take_turn(scene: Scene, peer: Peer, work: Work, *, workers: int, seconds: int) -> dict[str, Any]:
    """
    Load *peer* once, and say who has worked how much.
    """
    before = {pid: ACCOUNTS.cpu_alone(pid) for pid in ACCOUNTS.family(peer.pid)}
    behind, arrived, client = ACCOUNTS.cpu(scene.upstream.pid), scene.upstream.requests(), _of_children()
    outcome = load.run("wrk", peer, work, seconds)
    client = _of_children() - client
    taken = [ACCOUNTS.cpu_alone(pid).since(cpu).total for pid, cpu in before.items()]
    behind = ACCOUNTS.cpu(scene.upstream.pid).since(behind)
    # Who takes no connections does next to nothing.
    busiest = sorted(taken)[-workers:]
    of_proxy, of_load = sum(taken) / outcome.requests, (client + behind.total) / outcome.requests
    return {
        "workers": workers,
        "per_second": outcome.per_second,
        "cpu_us": of_proxy * 1e6,
        "load_us": of_load * 1e6,
        "least_share": busiest[0] / sum(busiest),
        "possible": possible(
            places=min(workers, len(cores_for(workers))),
            of_proxy=of_proxy,
            of_load=of_load,
            usable=len(cores()),
        ),
        "fault": fault(outcome, scene.upstream.requests() - arrived, work),
    }


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plain(result: dict[str, Any]) -> str:
    """
    All of it, to be read in a terminal.
    """
    return "\n".join([*table.about(result), "", *table.aligned(_HEADS, _cells(result)), "", *_REMARK]) + "\n"


def markdown(result: dict[str, Any]) -> str:
    """
    The same as a part of a document.
    """
    about = [f"{line}  " for line in table.about(result)]
    return "\n".join([*about, "", *table.piped(_HEADS, _cells(result)), "", *_REMARK])


def _cells(result: dict[str, Any]) -> list[tuple[str, ...]]:
    return [_row(workers, result["turns"]) for workers in result["workers"]]


def _row(workers: int, every: list[dict[str, Any]]) -> tuple[str, ...]:
    turns = [turn for turn in every if turn["workers"] == workers]
    faults = sorted({turn["fault"] for turn in turns if turn["fault"]})
    if faults:
        return (str(workers), f"INVALID: {'; '.join(faults)}")
    middle = {name: median(turn[name] for turn in turns) for name in turns[0] if name != "fault"}
    return (
        str(workers),
        f"{middle['per_second']:,.0f}",
        f"{middle['cpu_us']:.1f}",
        f"{middle['load_us']:.1f}",
        f"{middle['least_share']:.2f}",
        f"{middle['possible']:,.0f}",
        f"{median(turn['per_second'] / turn['possible'] for turn in turns):.2f}",
    )


def main() -> None:
    """
    Measure, and say what was found.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--work", choices=[work.name for work in WORKS if "pomerium" in work.peers], default="small")
    parser.add_argument("--write-docs", action="store_true", help="put them into docs/performance.md too")
    arguments = parser.parse_args()
    work = next(work for work in WORKS if work.name == arguments.work)
    result: dict[str, Any] = {
        "machine": machine(),
        "missing": [],
        "client": "wrk",
        "connections": load.CONNECTIONS,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "workers": arguments.workers,
        "turns": [],
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = {with_workers(count): count for count in arguments.workers}
        scene = Scene(stack, folder, names)
        for number in range(arguments.rounds + 1):
            for name, count in names.items():
                sys.stderr.write(f"\rround {number} of {arguments.rounds}: {count} workers ")
                turn = take_turn(scene, scene.peers[name], work, workers=count, seconds=arguments.seconds)
                # The first is to warm up.
                result["turns"] += [turn] if number else []
                os.truncate(scene.logs[name], 0)
    sys.stderr.write("\r\x1b[K")
    RESULTS.mkdir(exist_ok=True)
    written = RESULTS / time.strftime("workers-%Y%m%dT%H%M%SZ.json", time.gmtime())
    written.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(plain(result))
    if arguments.write_docs:
        document.write(document.WORKERS, markdown(result))


if __name__ == "__main__":
    main()
