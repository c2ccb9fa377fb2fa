"""
What grows with sessions and routes, each figure from a process of its own: ``python -m benchmarks.growing '<JSON>'``.
"""

from __future__ import annotations

import gc
import json
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from twisted.internet.task import Clock

from benchmarks.in_memory import (
    RESPONSE,
    InMemory,
    browser_request,
    configuration,
    done,
    log_to_nowhere,
    routes_on_hosts,
    routes_on_prefixes,
)
from benchmarks.people import People, payload_of
from pomerium_tx.collector import collector
from pomerium_tx.logout.ending import Ending
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause

START = 1_700_000_000.0
DAY = 8 * 3600.0
"""
In so many seconds all have signed in: the first quarter of an hour of a session costs more, and not of all at once.
"""
IDLE = 8 * 3600.0
ENDS = 300
LOOK_UPS = 50_000


def _resident() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


class _Registry:
    """
    A registry with its store, as a process with one worker has them.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.registry = SessionRegistry(MemoryStore(), self.clock)
        done(self.registry.join())
        self.registry.set_idle_timeout(IDLE)
        self.ids: list[str] = []

    def sign_in(self, session: Session) -> None:
        """
        Somebody signs in, and uses one route.
        """
        registry, now = self.registry, self.clock.seconds()
        done(registry.begin(session, state_issued=now - 5.0))
        done(registry.use_route(session.id, "the-id-of-a-route", f"https://app.example.com:{8443}"))
        registry.touch(session.id, session.address)


def memory(sessions: int, token_bytes: int) -> dict[str, float]:
    """
    Bytes of each session: all, and without its tokens and claims as the OP sent them.
    """
    world, people = _Registry(), People(token_bytes)
    collector.start()
    before, payload, sampled = _resident(), 0, 0
    began = time.process_time()
    for number in range(sessions):
        world.clock.advance(DAY / sessions)
        session = people.next(world.clock.seconds())
        if number % 997 == 0:
            payload, sampled = payload + payload_of(session), sampled + 1
        world.sign_in(session)
    spent = (time.process_time() - began) / sessions
    del session
    gc.collect()
    each, told = (_resident() - before) / sessions, payload / sampled
    return {"bytes": round(each), "payload": round(told), "besides": round(each - told), "us": round(spent * 1e6, 1)}


def operations(sessions: int) -> dict[str, float]:
    """
    Microseconds of CPU of a look-up and of an end by each door, the medians of many.
    """
    world, people = _Registry(), People(600)
    clock, registry = world.clock, world.registry
    door = Ending(
        registry=registry,
        providers={},
        clock=clock,
        key=b"a key of the benchmark, 32 bytes",
        revocation_delay=60.0,
        audit=lambda receipt: None,
    )
    collector.start()
    chosen = random.Random(0)  # noqa: S311 - nothing is to be kept secret
    step = max(1, sessions // (4 * ENDS))
    asked: list[str] = []
    some: list[tuple[str, str, str]] = []
    for number in range(sessions):
        clock.advance(DAY / sessions)
        session = people.another(clock.seconds())
        world.sign_in(session)
        if number % step == 0:
            some.append((session.id, session.iss, session.sids[0]))
        if chosen.random() < LOOK_UPS / sessions:
            asked.append(session.id)
    chosen.shuffle(asked)
    found = {"look-up": _each(asked, registry.find)}
    waiting = iter(some)
    for name in ("user", "front channel", "back channel"):
        spent = []
        for _ in range(min(ENDS, len(some) // 4)):
            session_id, iss, sid = next(waiting)
            clock.advance(0.001)
            logout = ProviderLogout(iss=iss, sid=sid, sub=None, issued=clock.seconds())
            before = time.thread_time_ns()
            if name == "user":
                ended = done(door.sign_out((session_id,), cause=Cause.USER_ROUTE, target=None)).receipt
            else:
                cause = Cause.FRONT_CHANNEL if name.startswith("front") else Cause.BACK_CHANNEL
                ended = done(door.end_by_provider(logout, cause))
            spent.append(time.thread_time_ns() - before)
            assert ended.sessions_ended == 1, ended
        found[f"end, {name}"] = median(spent) / 1e3
    return {name: round(value, 2) for name, value in found.items()}


def _each(asked: list[str], ask: Callable[[str], object]) -> float:
    spent = []
    for first in range(0, len(asked), 1000):
        piece = asked[first : first + 1000]
        before = time.thread_time_ns()
        for one in piece:
            ask(one)
        spent.append((time.thread_time_ns() - before) / len(piece))
    return median(spent) / 1e3


def pauses(sessions: int, is_tuned: bool) -> dict[str, Any]:
    """
    Milliseconds of CPU of each walk of the garbage collector while so many sign in and requests run, and after it.
    """
    log_to_nowhere()
    world, people = InMemory(routes_on_hosts(50)), People(600)
    registry, clock = world.house.registry, world.clock
    downstream, _ = world.connect()
    request, first = browser_request(world.cookie), clock.seconds() - DAY
    walks: list[float] = []
    began = 0.0

    def walk(phase: str, details: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.thread_time()
        else:
            walks.append((time.thread_time() - began) * 1e3)

    if is_tuned:
        collector.start()
    gc.callbacks.append(walk)
    for number in range(sessions + sessions // 10):
        if number < sessions:
            # As if they had come all day long.
            moment = first + number * DAY / sessions
            session = people.another(moment)
            done(registry.begin(session, state_issued=moment - 5.0))
            done(registry.use_route(session.id, "the-id-of-a-route", f"https://app.example.com:{8443}"))
            registry.touch(session.id, session.address)
        if number % 10 == 0 or number >= sessions:
            downstream.dataReceived(request)
            world.applications.latest.dataReceived(RESPONSE)
    gc.callbacks.remove(walk)
    edges = (1.0, 2.0, 5.0, 10.0, 20.0)
    counts = {f"<= {edge:g} ms": sum(walk <= edge for walk in walks) for edge in edges}
    return {"walks": len(walks), "longest": round(max(walks, default=0.0), 1), "total": round(sum(walks))} | counts


def routes(count: int, kind: str) -> dict[str, float]:
    """
    Milliseconds of CPU until a house with so many routes stands, and of a reload; bytes of each route.
    """
    made = routes_on_hosts(count) if kind == "hosts" else routes_on_prefixes(count)
    InMemory(routes_on_hosts(1))
    gc.collect()
    before, began = _resident(), time.process_time()
    world = InMemory(made)
    start = time.process_time() - began
    each = (_resident() - before) / count
    reloads = []
    for _ in range(3):
        began = time.process_time()
        config = configuration(made)
        read = time.process_time() - began
        world.house.reload(config)
        reloads.append((time.process_time() - began, read))
    reload, read = sorted(reloads)[1]
    return {
        "start_ms": round(start * 1e3),
        "reload_ms": round(reload * 1e3),
        "of_it_reading_ms": round(read * 1e3),
        "bytes": round(each),
    }


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    "memory": memory,
    "operations": operations,
    "pauses": pauses,
    "routes": routes,
}

if __name__ == "__main__":
    _name, _arguments = json.loads(sys.argv[1])
    Path(sys.argv[2]).write_text(json.dumps(MEASURES[_name](**_arguments)))
