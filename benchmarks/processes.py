"""
Programs that run beside the measurement: each on the core it is given, its output in a file, ended when all is done.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

LOAD_CORE, PROXY_CORE = 0, 1
"""
The load generator shares the first core with the application; what is measured has the second one for itself.
"""
_PATIENCE = 30.0
_POLL = 0.02


class DidNotStart(Exception):
    """
    A program ended, or did not answer in time.
    """


def cores() -> list[int]:
    """
    The cores that this process may use.
    """
    return sorted(os.sched_getaffinity(0))


def pin(*which: int) -> Callable[[], None]:
    """
    What a new process does to stay on some cores: the *which*-th, if there are that many.
    """
    usable = cores()
    wanted = {usable[number] for number in which if number < len(usable)} or set(usable)
    return lambda: os.sched_setaffinity(0, wanted)


def cores_for(workers: int) -> tuple[int, ...]:
    """
    Where so many processes of a proxy run: beside the load generator only if there is no other place.
    """
    usable = len(cores())
    apart = [core for core in range(usable) if core != LOAD_CORE]
    return tuple(apart[:workers]) if workers <= len(apart) else tuple(range(usable))


def start(
    stack: ExitStack,
    folder: Path,
    name: str,
    command: Sequence[str],
    *,
    core: int,
    ports: Sequence[int],
    environment: Mapping[str, str] | None = None,
) -> int:
    """
    The process id of *command*, which accepts connections at all of *ports* now; *stack* ends it.

    :raises DidNotStart: With what it said.
    """
    output = folder / f"{name}.out"
    with output.open("wb") as to:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=subprocess.STDOUT,
            preexec_fn=pin(core),
        )
    stack.callback(_end, process)
    until = time.monotonic() + _PATIENCE
    for port in ports:
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > until:
                raise DidNotStart(f"{name}: {output.read_text(errors='replace')[-2000:]}")
            time.sleep(_POLL)
    return process.pid


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
