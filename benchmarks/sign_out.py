"""
How fast a sign-out is with ten thousand exchanges open, and whether anything passes after it.

``python -m benchmarks.sign_out`` runs ``twistd pomerium``, an OP, an application and user agents, each in processes of
their own, and ends sessions in all three ways: as their user, by the front channel, by the back channel. The time of an
end is counted from the moment in which the request for it is written, which is before the end itself, until the last
exchange of the session has seen that it is cut. ``--help`` names the choices.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.cost_of_an_end import cost_with
from benchmarks.deployment import MANY, Browser, Daemon, free_ports, run_provider
from benchmarks.peers import EVENT_STREAM, WEBSOCKET, Cut, raise_limit, run_application, run_user_agents
from pomerium_tx import paths

USER_AGENT_PROCESSES = 2
SPARE = 120
"""
Descriptors of the proxy that no exchange may take: listeners, the OP, sign-ins.
"""
WAYS = ("user", "front channel", "back channel")
PAUSE = 0.1
SETTLE = 2.0
_COLUMNS = "{:<36}{:>5}{:>10} {:>9}{:>8}{:>8} {:>9}{:>8}{:>8} {:>9}{:>6}"


class Deployment:
    """
    Everything that runs beside this process.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._stack = stack
        application = self._beside(run_application)
        (provider_port,) = free_ports(1)
        self.daemon = Daemon(
            folder,
            application_port=application.recv(),
            provider_port=provider_port,
            configure=lambda daemon: MANY,
        )
        self.provider = self._beside(run_provider, provider_port, self.daemon.redirect_uri)
        self.provider.recv()
        self.issuer = f"http://op.localhost:{provider_port}"
        stack.callback(self.daemon.stop)
        self.daemon.start()
        self._agents = [
            self._beside(run_user_agents, self.daemon.port, self.daemon.host) for _ in range(USER_AGENT_PROCESSES)
        ]

    def _beside(self, run: Any, *arguments: Any) -> Any:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=run, args=(theirs, *arguments), daemon=True)
        process.start()
        self._stack.callback(process.terminate)
        return ours

    def sign_in(self) -> tuple[str, str, str]:
        """
        The cookie of somebody new, and their ``sid`` and ``sub``.
        """
        cookie = Browser().sign_in(self.daemon.origin)
        self.provider.send(("newest",))
        sid, sub = self.provider.recv()
        return cookie, sid, sub

    def open(self, wanted: list[tuple[str, str, str]]) -> None:
        """
        Open exchanges: group, kind and cookie of each.
        """
        for number, agents in enumerate(self._agents):
            agents.send(("open", wanted[number :: len(self._agents)]))
        for agents in self._agents:
            agents.recv()

    def seen(self) -> list[Cut]:
        """
        What every user agent has seen.
        """
        for agents in self._agents:
            agents.send(("seen",))
        return [cut for agents in self._agents for cut in agents.recv()]

    def close(self) -> None:
        """
        Every user agent goes away.
        """
        for agents in self._agents:
            agents.send(("close",))
        for agents in self._agents:
            agents.recv()

    def end(self, way: str, cookie: str, sid: str, sub: str) -> tuple[int, int]:
        """
        End a session; when that was asked for, and when the answer came.
        """
        daemon = self.daemon
        if way == "user":
            url, fields, content = daemon.origin + paths.SIGN_OUT, {"Cookie": cookie}, ""
            fields |= {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        elif way == "front channel":
            query = urlencode({"iss": self.issuer, "sid": sid})
            url, content = f"{daemon.authenticate_origin}{paths.SIGN_OUT}?{query}", ""
            fields = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        else:
            self.provider.send(("token", sid, sub))
            content = urlencode({"logout_token": self.provider.recv()})
            url = daemon.authenticate_origin + paths.BACKCHANNEL_LOGOUT
            fields = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(content))}
        status, asked, answered = _ask(url, fields, content)
        if status != (302 if way == "user" else 200):
            raise RuntimeError(f"the {way} end is answered {status}")
        return asked, answered


def _ask(url: str, fields: dict[str, str], content: str) -> tuple[int, int, int]:
    parts = urlsplit(url)
    target = f"{parts.path}{'?' * bool(parts.query)}{parts.query}"
    lines = [f"{'POST' if content else 'GET'} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n" + content).encode("ascii")
    with socket.create_connection(("127.0.0.1", parts.port or 80), timeout=30) as connection:
        asked = time.monotonic_ns()
        connection.sendall(request)
        answer = connection.recv(65536)
        answered = time.monotonic_ns()
    return int(answer.split(b" ", 2)[1]), asked, answered


def _milliseconds(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    at = {"p50": median(ordered), "p99": ordered[ceil(len(ordered) * 0.99) - 1], "max": ordered[-1]}
    return {name: round(value / 1e6, 2) for name, value in at.items()}


def _outcome(cuts: list[Cut], ends: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """
    What became of the exchanges of some ends, as their user agents see it.
    """
    last: dict[str, int] = {}
    how: dict[str, int] = {}
    late = still_open = 0
    for cut in cuts:
        asked, answered = ends[cut.group]
        if cut.at is None:
            still_open += 1
            continue
        last[cut.group] = max(last.get(cut.group, 0), cut.at - asked)
        how[f"{cut.kind}: {cut.how}"] = how.get(f"{cut.kind}: {cut.how}", 0) + 1
        late += (cut.last_written > answered) + (cut.after_close > 0)
    return {
        "ends": len(ends),
        "exchanges": len(cuts),
        "last_cut_ms": _milliseconds(last.values()),
        "answer_ms": _milliseconds(answered - asked for asked, answered in ends.values()),
        "seen_as": how,
        "exchanges_with_bytes_after_the_cut": late,
        "exchanges_still_open": still_open,
    }


def _kinds(count: int) -> list[str]:
    return [WEBSOCKET if number % 2 else EVENT_STREAM for number in range(count)]


def many_sessions(deployment: Deployment, *, sessions: int, each: int, ends: int) -> dict[str, Any]:
    """
    Sessions with a few exchanges each, of which some end, one after another.
    """
    people = {}
    for number in range(sessions):
        people[f"session {number}"] = deployment.sign_in()
        if number % 50 == 0:
            _say(f"\r{number} of {sessions} signed in ")
    wanted = [(name, kind, people[name][0]) for name in people for kind in _kinds(each)]
    deployment.open(wanted)
    _say(f"\r{len(wanted)} exchanges are open; the proxy has {deployment.daemon.memory():.0f} MB\n")
    time.sleep(SETTLE)
    names = iter(people)
    ended: dict[str, dict[str, tuple[int, int]]] = {}
    for way in WAYS:
        ended[way] = {}
        for name in (next(names) for _ in range(ends)):
            ended[way][name] = deployment.end(way, *people[name])
            time.sleep(PAUSE)
        time.sleep(SETTLE)
    cuts = deployment.seen()
    every = {name for of_way in ended.values() for name in of_way}
    result: dict[str, Any] = {
        way: _outcome([cut for cut in cuts if cut.group in ended[way]], ended[way]) for way in WAYS
    }
    others = [cut for cut in cuts if cut.group not in every]
    result["open_exchanges"] = len(wanted)
    result["other_exchanges"] = len(others)
    result["other_exchanges_lost"] = sum(cut.at is not None for cut in others)
    deployment.close()
    return result


def one_session(deployment: Deployment, way: str, exchanges: int) -> dict[str, Any]:
    """
    One session with all the exchanges there can be.
    """
    cookie, sid, sub = deployment.sign_in()
    deployment.open([("the one", kind, cookie) for kind in _kinds(exchanges)])
    _say(f"\rone session has {exchanges} exchanges open ")
    time.sleep(SETTLE)
    before = deployment.daemon.cpu()
    ends = {"the one": deployment.end(way, cookie, sid, sub)}
    time.sleep(SETTLE)
    result = _outcome(deployment.seen(), ends)
    result["cpu_ms"] = round((deployment.daemon.cpu() - before) * 1e3)
    deployment.close()
    return result


def machine() -> dict[str, Any]:
    """
    What it was measured on.
    """
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    import twisted

    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "twisted": twisted.__version__,
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "load_before": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _row(name: str, outcome: dict[str, Any]) -> str:
    answer, last = outcome["answer_ms"], outcome["last_cut_ms"]
    return _COLUMNS.format(
        name,
        outcome["ends"],
        outcome["exchanges"],
        answer["p50"],
        answer["p99"],
        answer["max"],
        last["p50"],
        last["p99"],
        last["max"],
        outcome["exchanges_with_bytes_after_the_cut"],
        outcome["exchanges_still_open"],
    )


def report(result: dict[str, Any]) -> str:
    """
    All of it, for people.
    """
    of = result["machine"]
    lines = [f"{of['cpu']}, {of['cores']} cores, {of['system']}, Python {of['python']}, Twisted {of['twisted']}"]
    lines += [f"load before: {of['load_before']:.2f}; descriptors a process may have: {of['descriptors']}", ""]
    lines += result["notes"]
    if "many sessions" in result:
        lines += [
            "In milliseconds after an end was asked for: its answer, until which the proxy drops everything, and",
            "the last cut that a user agent has seen.",
            "",
        ]
        above = ("", "", "", "answered", "", "", "seen", "", "", "after", "still")
        heads = ("", "ends", "exchanges", "p50", "p99", "max", "p50", "p99", "max", "the cut", "open")
        lines += [_COLUMNS.format(*above), _COLUMNS.format(*heads)]
        many = result["many sessions"]
        lines += [_row(f"{many['each']} exchanges each, {way}", many[way]) for way in WAYS]
        lines += [_row(f"one session with all, {way}", one) for way, one in result["one session"].items()]
        lost, others = many["other_exchanges_lost"], many["other_exchanges"]
        work = ", ".join(f"{way} {one['cpu_ms']} ms" for way, one in result["one session"].items())
        lines += [f"Work of the proxy for one session with all, from asking to the last socket closed: {work}."]
        lines += ["", f"Of {others} exchanges of other sessions {lost} were lost.", ""]
    if "cost of an end" in result:
        lines.append(f"{'sessions':>12}{'begin, us':>12}" + "".join(f"{way + ', us':>20}" for way in WAYS))
        for row in result["cost of an end"]:
            lines.append(f"{row['sessions']:>12,}{row['begin']:>12.0f}" + "".join(f"{row[way]:>20.0f}" for way in WAYS))
    return "\n".join(lines)


def main() -> None:
    """
    Measure, and say what was found.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--each", type=int, default=10, help="exchanges of each session")
    parser.add_argument("--ends", type=int, default=100, help="sessions that are ended in each of the three ways")
    parser.add_argument("--registry", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--only", choices=("exchanges", "registry"))
    parser.add_argument("--json", type=Path, default=Path("build/sign_out.json"), help="where the figures go")
    arguments = parser.parse_args()
    room = (raise_limit() - SPARE) // 2
    sessions, notes = arguments.sessions, []
    if sessions * arguments.each > room and arguments.only != "registry":
        sessions = room // arguments.each
        notes = [
            f"{arguments.sessions * arguments.each} exchanges do not fit: each takes two descriptors of the proxy.",
            f"Measured with {sessions} sessions and {sessions * arguments.each} exchanges instead.",
            "",
        ]
    result: dict[str, Any] = {"machine": machine(), "notes": notes}
    if arguments.only != "registry":
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            deployment = Deployment(stack, folder)
            ends = min(arguments.ends, sessions // len(WAYS))
            many = many_sessions(deployment, sessions=sessions, each=arguments.each, ends=ends)
            result["many sessions"] = {**many, "each": arguments.each}
            total = sessions * arguments.each
            result["one session"] = {way: one_session(deployment, way, total) for way in WAYS}
    if arguments.only != "exchanges":
        result["cost of an end"] = []
        for count in arguments.registry:
            _say(f"\r{count} sessions in one registry ")
            result["cost of an end"].append(cost_with(count))
    _say("\n")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(report(result) + "\n")


if __name__ == "__main__":
    main()
