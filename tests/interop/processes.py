"""
Programs that run beside a test: started, waited for, listened to, ended.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""
Seconds after which something is held not to happen any more.
"""


class NeverHappened(AssertionError):
    """
    Something was waited for in vain.
    """


def eventually(what: str, attempt: Callable[[], T], *, patience: float = PATIENCE) -> T:
    """
    The first result of *attempt* that is true.

    :raises NeverHappened: If there is none.
    """
    until = time.monotonic() + patience
    while True:
        result = attempt()
        if result:
            return result
        if time.monotonic() > until:
            raise NeverHappened(f"in {patience:.0f} seconds: {what}")
        time.sleep(0.02)


def ports_in_a_row(count: int) -> list[int]:
    """
    Ports on loopback that nobody uses now, each the successor of the one before; hardly ever those of another process
    that runs these tests at the same time.
    """
    starts = range(21_000, 30_000, count)
    for first in random.sample(starts, len(starts)):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    taken.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return list(range(first, first + count))
    raise NeverHappened(f"{count} free ports in a row")


# Below those that the system gives to whoever connects, in an order of this process's own, and each only once: between
# being found free and being listened on, nobody else takes it.
_PORTS = iter(random.sample(range(10_000, 21_000), 11_000))


def free_ports(count: int) -> list[int]:
    """
    Ports of loopback that nobody listens on now.
    """
    found: list[int] = []
    while len(found) < count:
        port = next(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


def is_listening(port: int) -> bool:
    """
    Whether somebody answers there.
    """
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """
    A process, and what it has said so far.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Whoever runs the tests in the background has us ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        """
        Everything it has said.
        """
        return "\n".join(self.lines)

    @property
    def is_running(self) -> bool:
        """
        Whether it has not ended.
        """
        return self._process.poll() is None

    def events(self, **wanted: object) -> list[dict[str, Any]]:
        """
        The lines that are JSON objects with all of the *wanted* members, oldest first.
        """
        found = []
        for line in list(self.lines):
            if line.startswith("{"):
                event = json.loads(line)
                if wanted.items() <= event.items():
                    found.append(event)
        return found

    def wait_for_ports(self, *ports: int) -> None:
        """
        It is listening on all of *ports*.
        """
        for port in ports:
            eventually(f"{self.name} listens on {port}", partial(self._answers, port))

    def _answers(self, port: int) -> bool:
        if not self.is_running:
            raise NeverHappened(f"{self.name} ended with {self._process.returncode}:\n{self.output}")
        return is_listening(port)

    def wait(self, patience: float = PATIENCE) -> int:
        """
        Its exit status, once it has ended by itself.
        """
        status = self._process.wait(patience)
        self._listener.join(PATIENCE)
        return status

    def hang_up(self) -> None:
        """
        What a terminal does that goes away; services take it as a request to read their configuration again.
        """
        self._process.send_signal(signal.SIGHUP)

    def interrupt(self) -> int:
        """
        What Ctrl-C does.
        """
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def end(self) -> None:
        """
        It runs no more.
        """
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._listener.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
