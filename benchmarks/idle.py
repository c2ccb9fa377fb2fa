"""
What a connection costs that does nothing: KiB of ``twistd pomerium``, as the slope between two numbers of connections.

Each row is measured in a fresh process: memory that was used before and is free again would hide what grows.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.deployment import MANY, Browser, Daemon, free_ports, run_provider
from benchmarks.peers import raise_limit
from benchmarks.rivals.certificate import write_certificate
from benchmarks.sleepers import page_request, run_silent_application, run_sleepers, socket_request

SETTLE = 3.0
SPARE = 200
"""
Descriptors of the proxy that no sleeper may take.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One kind of connection.
    """

    name: str
    kind: str
    most: int
    is_encrypted: bool = False


ROWS = (
    Row(name="accepted only", kind="nothing", most=10_000),
    Row(name="after one request", kind="page", most=10_000),
    Row(name="WebSocket, both sides", kind="socket", most=5_000),
    Row(name="TLS, after one request", kind="page", most=10_000, is_encrypted=True),
    Row(name="TLS, WebSocket, both sides", kind="socket", most=5_000, is_encrypted=True),
)


class Scene:
    """
    A proxy with an application that says nothing, and somebody who has signed in.
    """

    def __init__(self, stack: ExitStack, *, is_encrypted: bool) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        application = self._beside(run_silent_application)
        (provider_port,) = free_ports(1)
        written = write_certificate(folder) if is_encrypted else None
        self.daemon = Daemon(
            folder,
            application_port=application.recv(),
            provider_port=provider_port,
            certificate=None if written is None else (written.path, written.key_path),
            configure=lambda daemon: MANY,
        )
        self._provider = self._beside(run_provider, provider_port, self.daemon.redirect_uri)
        self._provider.recv()
        stack.callback(self.daemon.stop)
        self.daemon.start()
        self.sleepers = self._beside(run_sleepers, self.daemon.port, self.daemon.host, is_encrypted)
        self.cookie = Browser().sign_in(self.daemon.origin)

    def _beside(self, run: Any, *arguments: Any) -> Any:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=run, args=(theirs, *arguments), daemon=True)
        process.start()
        self._stack.callback(process.terminate)
        return ours

    def request(self, kind: str) -> bytes:
        """
        What each of a kind of connections asks.
        """
        if kind == "nothing":
            return b""
        return (page_request if kind == "page" else socket_request)(self.daemon.host, self.cookie)

    def open(self, count: int, request: bytes) -> float:
        """
        Open so many more connections; the proxy's KiB then.
        """
        self.sleepers.send(("open", count, request))
        self.sleepers.recv()
        time.sleep(SETTLE)
        return self.daemon.memory() * 1024


def measure(row: Row, most: int) -> dict[str, Any]:
    """
    KiB of each connection, between a fifth and all of *most*.
    """
    with ExitStack() as stack:
        scene = Scene(stack, is_encrypted=row.is_encrypted)
        request = scene.request(row.kind)
        first = most // 5
        before = scene.open(first, request)
        after = scene.open(most - first, request)
        return {"name": row.name, "connections": most, "kib": round((after - before) / (most - first), 2)}


def rows(share: float = 1.0, wanted: str = "") -> list[dict[str, Any]]:
    """
    All of them, with as many connections as descriptors allow.

    :param share: Of the full numbers.
    """
    room = raise_limit() - SPARE
    found = []
    for row in ROWS:
        if wanted not in row.name:
            continue
        most = int(min(row.most * share, room // (2 if row.kind == "socket" else 1)))
        sys.stderr.write(f"\r{most} connections: {row.name}   ")
        sys.stderr.flush()
        found.append(measure(row, most))
    sys.stderr.write("\n")
    return found


def report(found: list[dict[str, Any]]) -> str:
    """
    All of it, for people.
    """
    lines = [f"{'idle connections':<32}{'number':>10}{'KiB each':>10}"]
    lines += [f"{one['name']:<32}{one['connections']:>10,}{one['kib']:>10.2f}" for one in found]
    return "\n".join(lines)
