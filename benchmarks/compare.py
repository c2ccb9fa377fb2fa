"""
Side by side: nginx, Apache, Envoy and stock Twisted, and ours with everything on.

``python -m benchmarks.compare`` starts them all on this machine, asks the same of each in rounds, and says what a
request costs at each in the operating system's own accounting. ``docs/performance.md`` tells how to read it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import document, plot, table
from benchmarks.load import CLIENTS, CONNECTIONS
from benchmarks.machine import machine
from benchmarks.rivals.ours import OF_THE_OTHER
from benchmarks.rivals.peer import Missing
from benchmarks.rounds import turns
from benchmarks.scene import Scene
from benchmarks.verify import Untrue, verify, verify_log
from benchmarks.works import WORKS, Work

RESULTS = Path(__file__).resolve().parent / "results"


def chosen_client(wanted: str) -> tuple[str, list[str]]:
    """
    The client to use, and what to say of the one that is missing.

    :raises Missing: If there is none at all.
    """
    for client in (wanted, *CLIENTS):
        if shutil.which(client) is not None:
            return client, [] if client == wanted else [f"{wanted}; {client} is used instead"]
    raise Missing(f"{wanted}, and any other client")


def compare(arguments: argparse.Namespace, chosen: tuple[str, list[str]]) -> dict[str, Any]:
    """
    Everything that was measured, and on what.
    """
    client, lacking = chosen
    works = [work for work in WORKS if not arguments.work or work.name in arguments.work]
    wanted = {name for work in works for name in work.peers}
    if arguments.only:
        wanted &= set(arguments.only)
    result: dict[str, Any] = {
        "machine": machine(),
        "wanted": sorted(wanted),
        "client": client,
        "connections": CONNECTIONS,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        scene = Scene(stack, folder, wanted, arguments.against)
        if arguments.against:
            works = [work.beside_others(OF_THE_OTHER) for work in works]
        untrue = _untrue(scene, works)
        for name in untrue:
            del scene.peers[name]
        result["missing"] = [*lacking, *scene.missing, *untrue.values()]
        for line in result["missing"]:
            _say(f"missing: {line}\n")
        result["turns"] = [
            turn.as_json()
            for turn in turns(scene, works, rounds=arguments.rounds, seconds=arguments.seconds, client=client, say=_say)
        ]
        for name, why in _untrue(scene, works).items():
            for turn in result["turns"]:
                turn["fault"] = why if turn["peer"] == name else turn["fault"]
        result["titles"] = {name: peer.title for name, peer in scene.peers.items()}
        result["works"] = {work.name: work.title for work in works}
    return result


def _untrue(scene: Scene, works: Sequence[Work]) -> dict[str, str]:
    """
    Which peers do not do what is claimed of them, and what they do instead.
    """
    found = {}
    for name, peer in scene.peers.items():
        try:
            verify(peer, [work for work in works if name in work.peers])
            if name in scene.logs:
                verify_log(peer, scene.logs[name])
        except Untrue as untrue:
            found[name] = str(untrue)
    return found


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def main() -> int:
    """
    Measure, and say what was found.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of each turn")
    parser.add_argument("--only", type=_names, help="peers, with commas")
    parser.add_argument("--work", type=_names, help=", ".join(work.name for work in WORKS))
    parser.add_argument("--client", choices=CLIENTS, default=CLIENTS[0])
    parser.add_argument("--against", type=Path, help="another checkout of ours, measured beside this one")
    parser.add_argument("--json", type=Path, help="where the figures go; the picture goes beside them")
    parser.add_argument("--again", type=Path, metavar="JSON", help="show earlier figures, and measure nothing")
    parser.add_argument("--write-docs", action="store_true", help="put them into docs/performance.md too")
    arguments = parser.parse_args()
    peers = {name for work in WORKS for name in work.peers}
    unknown = {*(arguments.only or ())} - peers | {*(arguments.work or ())} - {work.name for work in WORKS}
    if unknown:
        parser.error(f"nobody is called {', '.join(sorted(unknown))}; peers are {', '.join(sorted(peers))}")
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 2)
    # Everything that was started is ended then too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if arguments.again:
        result = json.loads(arguments.again.read_text())
    else:
        try:
            result = compare(arguments, chosen_client(arguments.client))
        except Missing as missing:
            _say(f"missing: {missing}\n")
            return 1
        written = arguments.json or RESULTS / time.strftime("compare-%Y%m%dT%H%M%SZ.json", time.gmtime())
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(result, indent=1) + "\n")
        written.with_suffix(".svg").write_text(plot.svg(result))
        _say(f"{written}\n")
    sys.stdout.write(table.plain(result))
    if arguments.write_docs:
        document.write(document.COMPARISON, table.markdown(result))
        (document.DOCS / "performance.svg").write_text(plot.svg(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
