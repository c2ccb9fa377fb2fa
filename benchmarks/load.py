"""
Load: wrk or h2load on the first core, and what they say about it.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import LOAD_CORE, pin
from benchmarks.rivals.peer import Missing, Peer
from benchmarks.works import Work

CONNECTIONS = 32
CLIENTS = ("wrk", "h2load")
_GRACE = 30
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_VARIED_TARGETS = 20_000
_CLOSING_REQUESTS = 2_000


class Unreadable(Exception):
    """
    The client did not say what it always says; the message is what it said instead.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What a client saw.
    """

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int
    """
    Answers that are neither 2xx nor 3xx.
    """
    broken: int
    """
    Connections that could not be made, broke, or went silent.
    """


NOTHING = Outcome(requests=0, per_second=0.0, p50_ms=0.0, p99_ms=0.0, refused=0, broken=0)


def request_fields(peer: Peer, work: Work) -> dict[str, str]:
    """
    What one request says of itself.
    """
    cookies = [] if work.is_anonymous else [peer.cookie]
    cookies += [work.other_cookies] if work.other_cookies else []
    fields = {"Host": peer.host, **work.fields}
    if cookies:
        fields["Cookie"] = "; ".join(cookies)
    if work.closes:
        fields["Connection"] = "close"
    return fields


def run(client: str, peer: Peer, work: Work, seconds: int) -> Outcome:
    """
    Load *peer* for so long.

    :raises Missing: If there is no such client.
    :raises Unreadable: If it failed.
    """
    if shutil.which(client) is None:
        raise Missing(client)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = wrk_command if client == "wrk" else h2load_command
        command = make(folder, peer, work, seconds)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds + _GRACE, preexec_fn=pin(LOAD_CORE)
            )
        except subprocess.TimeoutExpired:
            raise Unreadable(f"{client} did not end") from None
        try:
            if client == "wrk":
                return read_wrk(done.stdout)
            return read_h2load(done.stdout, (folder / "log").read_text())
        except (Unreadable, OSError):
            raise Unreadable(f"{client}: {done.stdout[-500:]}{done.stderr[-500:]}") from None


def wrk_command(folder: Path, peer: Peer, work: Work, seconds: int) -> list[str]:
    """
    How wrk is called; its script is written to *folder*.
    """
    fields = request_fields(peer, work)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    if work.is_varied:
        script = _varying_script(work.path, fields)
    else:
        script = f'wrk.method = "POST"\nwrk.body = string.rep("u", {work.upload})\n' if work.upload else ""
        for name, value in fields.items():
            command += ["-H", f"{name}: {value}"]
    if script:
        (folder / "script.lua").write_text(script)
        command += ["-s", str(folder / "script.lua")]
    return [*command, peer.url + work.path]


def _varying_script(path: str, fields: Mapping[str, str]) -> str:
    """
    Lua that numbers path, ``Referer`` and ``If-None-Match``, from where no run before this one has been.
    """
    rest = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if name != "Referer")
    quoted = rest.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return (
        f"local number = {time.time_ns() // 1_000_000}\n"
        f'local fields = "{quoted}"\n'
        "request = function()\n"
        "  number = number + 1\n"
        f'  return "GET {path}/" .. number .. " HTTP/1.1\\r\\n" .. fields'
        ' .. "Referer: http://app.localhost/page/" .. number'
        ' .. "\\r\\nIf-None-Match: \\"" .. number .. "\\"\\r\\n\\r\\n"\n'
        "end\n"
    )


def read_wrk(said: str) -> Outcome:
    """
    The outcome, in wrk's words.

    :raises Unreadable: If these are not its words.
    """
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Outcome(
        requests=int(_found(r"(\d+) requests in ", said)),
        per_second=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50_ms=_milliseconds(_found(r"^\s+50%\s+(\S+)", said)),
        p99_ms=_milliseconds(_found(r"^\s+99%\s+(\S+)", said)),
        refused=int(refused[1]) if refused else 0,
        broken=sum(int(number) for number in errors.groups()) if errors else 0,
    )


def h2load_command(folder: Path, peer: Peer, work: Work, seconds: int) -> list[str]:
    """
    How h2load is called; it varies no more than the path of a request.
    """
    command = ["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", f"--log-file={folder / 'log'}"]
    # It never ends where every connection closes, unless it has counted its requests.
    command += ["-n", str(_CLOSING_REQUESTS * seconds)] if work.closes else ["-D", str(seconds)]
    for name, value in request_fields(peer, work).items():
        # By this name it replaces its own; by the other it would send both.
        command += ["-H", f"{':authority' if name == 'Host' else name}: {value}"]
    if work.upload:
        (folder / "content").write_bytes(b"u" * work.upload)
        command += ["-d", str(folder / "content")]
    if work.is_varied:
        first = time.time_ns() // 1_000_000
        targets = [f"{peer.url}{work.path}/{first + number}" for number in range(_VARIED_TARGETS)]
        (folder / "targets").write_text("\n".join(targets))
        return [*command, "-i", str(folder / "targets")]
    return [*command, peer.url + work.path]


def read_h2load(said: str, log: str) -> Outcome:
    """
    The outcome, in h2load's words and its list of requests: start, status, microseconds.

    :raises Unreadable: If these are not its words.
    """
    succeeded = int(_found(r"(\d+) succeeded", said))
    times = sorted(int(line.split("\t")[2]) / 1000 for line in log.splitlines())
    if not times:
        raise Unreadable(said)
    return Outcome(
        requests=succeeded,
        per_second=float(_found(r"([\d.]+) req/s", said)),
        p50_ms=median(times),
        p99_ms=times[math.ceil(len(times) * 0.99) - 1],
        refused=sum(int(number) for number in re.findall(r"(\d+) [45]xx", said)),
        broken=int(_found(r"(\d+) errored", said)) + int(_found(r"(\d+) timeout", said)),
    )


def _found(pattern: str, said: str) -> str:
    found = re.search(pattern, said, re.MULTILINE)
    if found is None:
        raise Unreadable(said)
    return found[1]


def _milliseconds(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if found is None:
        raise Unreadable(text)
    return float(found[1]) * _MILLISECONDS[found[2]]
