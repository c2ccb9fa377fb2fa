"""
What each step of a request costs: nanoseconds of CPU in this process, without a network.

``python -m benchmarks.micro`` prints a table, and writes what it measured where ``--json`` says; ``--against`` compares
with what an earlier run has written. Every step is run in turn, round after round, so that a slow moment of the machine
is everybody's; a figure is the median of the rounds. The cost of the loop and of calling a function that does nothing
is the first line, and is in all the others.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from itertools import cycle, repeat
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.in_memory import (
    HOST,
    RESPONSE,
    InMemory,
    browser_request,
    configuration,
    log_to_nowhere,
    routes_on_hosts,
    routes_on_prefixes,
)
from benchmarks.sign_out import machine
from pomerium_tx.access import log_access
from pomerium_tx.http11.canonical import canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead, ResponseHead
from pomerium_tx.http11.reader import RequestReader, ResponseReader
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Answered
from pomerium_tx.proxy.heads.forwarding import ForwardedRequest, Framing
from pomerium_tx.proxy.heads.request_ids import request_id_line
from pomerium_tx.routing.route import build
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles

Step = Callable[[], object]
ROUTES = 50
ROUND = 0.01
"""
Seconds of CPU that one step takes in one round.
"""
CLIENT = Client(address="192.0.2.1")
REQUEST_ID = "0b8f9d0e-6f1c-4d3e-9f57-6f2f0c2b1a10"


def _nothing() -> None:
    pass


def _first(events: list[Any], kind: type) -> Any:
    return next(event for event in events if isinstance(event, kind))


def steps() -> dict[str, Step]:
    """
    Each step, by its name.
    """
    world = InMemory(routes_on_hosts(ROUTES), sessions=1_000)
    found: dict[str, Step] = {"calling a function": _nothing}
    found |= _reading_steps(world)
    found |= _deciding_steps(world)
    found |= _route_steps()
    found |= _writing_steps(world)
    found |= _whole_requests(world)
    return found


def _reading_steps(world: InMemory) -> dict[str, Step]:
    browser, plain = browser_request(world.cookie), f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    reader, answers, limits = RequestReader(HeadLimits()), ResponseReader(HeadLimits()), HeadLimits()
    head = _first(RequestReader(limits).feed(browser), RequestHead)

    def answered() -> None:
        answers.expect(b"GET")
        answers.feed(RESPONSE)

    return {
        "request head, two fields": lambda: reader.feed(plain),
        "request head, a browser's": lambda: reader.feed(browser),
        "canonical form": lambda: canonicalise(head, normalize_path=True, merge_slashes=True),
        "response head and 200 bytes": answered,
    }


def _deciding_steps(world: InMemory) -> dict[str, Step]:
    house = world.house
    registry, proxy, session, handles = house.registry, house.proxy, world.session, world.handles
    head, canonical, verdict = _asked(world, world.cookie)
    assert verdict.allow, verdict
    route = verdict.route
    nobodys_head, _, _ = _asked(world, "")
    handle, cookies = world.handle.encode(), [world.cookie.encode()]
    several = cycle([world.mint(one.id).encode() for one in house.registry.sessions()])
    names = cycle([one.id for one in house.registry.sessions()])
    return {
        "session look-up": lambda: registry.find(session.id),
        "session look-up, one of 1,000": lambda: registry.find(next(names)),
        "session touched": lambda: registry.touch(session.id, "192.0.2.1"),
        "handle, seen before": lambda: handles.open(handle),
        "handle, verified": lambda: Handles(world.key, world.cookie_name).open(next(several)),
        "handle in a cookie, seen before": lambda: handles.presented(cookies=cookies),
        "policy": lambda: route.policy(session, head, canonical, CLIENT),
        "check as a whole, not logged": lambda: proxy.decide(head, canonical, CLIENT),
        "check as a whole": lambda: proxy.check(head, canonical, CLIENT, REQUEST_ID),
        "check as a whole, nobody": lambda: proxy.check(nobodys_head, canonical, CLIENT, REQUEST_ID),
    }


def _route_steps() -> dict[str, Step]:
    found: dict[str, Step] = {}
    for count in (10, 1_000):
        hosts = _table(routes_on_hosts(count))
        found[f"route, {count:,} hosts"] = lambda hosts=hosts: hosts.at(HOST, None).find(b"/reports/2026/week")
        path = f"/service-{count - 1}/and/what/is/below/it".encode()
        prefixes = _table(routes_on_prefixes(count)).at(HOST, None)
        found[f"route, {count:,} prefixes of one host"] = lambda prefixes=prefixes, path=path: prefixes.find(path)
    many = _table(routes_on_prefixes(1_000, lengths=200)).at(HOST, None)
    assert many is not None
    longest = f"/service-999{'x' * 199}/and/below".encode()
    found["route, 1,000 prefixes of 200 lengths"] = lambda: many.find(longest)
    return found


def _table(routes: list[dict[str, object]]) -> RouteTable:
    config = configuration(routes)
    return RouteTable(build(section, config) for section in config.routes)


def _writing_steps(world: InMemory) -> dict[str, Step]:
    house, session = world.house, world.session
    head, canonical, verdict = _asked(world, world.cookie)
    resource = house.proxy.resources(verdict.route)
    assertions, forwarding = house.layout.assertions, resource.forwarding
    line = request_id_line(REQUEST_ID)
    facts = ForwardedRequest(b"192.0.2.1", b"https", line, house.proxy.identity(verdict, canonical))
    answers = ResponseReader(HeadLimits())
    answers.expect(b"GET")
    answer = _first(answers.feed(RESPONSE), ResponseHead)
    framing = Framing.of(answer, minor=1, keep_alive=True)
    asked = Asked(head, canonical, verdict, REQUEST_ID, CLIENT, time.monotonic())
    answered = Answered(asked, status=200, size=200, seconds=0.001, details="via_upstream")

    def signed() -> None:
        assertions.forget(session.id)
        assertions.headers(session, HOST)

    return {
        "assertion, kept": lambda: assertions.headers(session, HOST),
        "assertion, signed": signed,
        "head for the application": lambda: forwarding.request_head(head, canonical, resource.upstream, facts),
        "framing of the answer": lambda: Framing.of(answer, minor=1, keep_alive=True),
        "head for the user agent": lambda: forwarding.response_head(answer, framing.lines, line),
        "access log line": lambda: log_access(answered),
    }


def _whole_requests(world: InMemory) -> dict[str, Step]:
    """
    From the bytes of a request to the bytes of its answer.
    """
    browser, small = browser_request(world.cookie), browser_request(world.cookie).split(b"User-Agent")[0]
    small += f"Cookie: {world.cookie}\r\n\r\n".encode()
    downstream, transport = world.connect()

    def carried(request: bytes) -> Step:
        def carry() -> None:
            downstream.dataReceived(request)
            world.applications.latest.dataReceived(RESPONSE)

        carry()
        assert b"200 OK" in transport.last or transport.last.endswith(b"x" * 200), transport.last
        return carry

    nobodys, answer = world.connect()
    anonymous = browser_request()
    nobodys.dataReceived(anonymous)
    assert answer.last.startswith(b"HTTP/1.1 302 "), answer.last
    return {
        "a whole GET, two fields and a cookie": carried(small),
        "a whole GET, a browser's": carried(browser),
        "a whole GET of nobody's, 302": lambda: nobodys.dataReceived(anonymous),
    }


def _asked(world: InMemory, cookie: str) -> tuple[Any, Any, Any]:
    head = _first(RequestReader(HeadLimits()).feed(browser_request(cookie)), RequestHead)
    canonical = canonicalise(head)
    return head, canonical, world.house.proxy.decide(head, canonical, CLIENT)


def _spent(step: Step, times: int) -> int:
    began = time.thread_time_ns()
    for _ in repeat(None, times):
        step()
    return time.thread_time_ns() - began


def measure(rounds: int, wanted: str = "") -> dict[str, dict[str, float]]:
    """
    Nanoseconds of each step: median, least and most of the rounds.
    """
    log_to_nowhere()
    chosen = {name: step for name, step in steps().items() if wanted in name}
    gc.collect()
    gc.freeze()
    times = {}
    for name, step in chosen.items():
        count = 1
        while (spent := _spent(step, count)) < ROUND * 1e9 / 4:
            count *= 2
        times[name] = max(1, round(count * ROUND * 1e9 / spent))
    figures: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(rounds):
        for name, step in chosen.items():
            figures[name].append(_spent(step, times[name]) / times[name])
    return {
        name: {"median": round(median(of), 1), "least": round(min(of), 1), "most": round(max(of), 1)}
        for name, of in figures.items()
    }


def report(figures: dict[str, dict[str, float]], before: dict[str, dict[str, float]]) -> str:
    """
    All of it, for people.
    """
    lines = [f"{'nanoseconds of CPU':<42}{'median':>10}{'least':>10}{'most':>10}"]
    lines[0] += f"{'before':>10}{'now/before':>12}" if before else ""
    for name, one in figures.items():
        line = f"{name:<42}{one['median']:>10,.0f}{one['least']:>10,.0f}{one['most']:>10,.0f}"
        if name in before:
            earlier = before[name]["median"]
            line += f"{earlier:>10,.0f}{one['median'] / earlier:>12.2f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """
    Measure, and say what was found.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", help="steps whose name has this in it")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/micro.json"), help="where the figures go")
    parser.add_argument("--against", type=Path, help="the figures of an earlier run")
    arguments = parser.parse_args()
    before = {} if arguments.against is None else json.loads(arguments.against.read_text())["steps"]
    of = machine()
    figures = measure(arguments.rounds, arguments.only)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"machine": of, "steps": figures}, indent=2) + "\n")
    sys.stdout.write(
        f"{of['cpu']}, {of['cores']} cores, Python {of['python']}, load before: {of['load_before']:.2f}\n\n"
    )
    sys.stdout.write(report(figures, before) + "\n")


if __name__ == "__main__":
    main()
