"""
What must be true after every case, whatever it was: the ten invariants.

Counted where it counts: at the applications, in the registry, in the log, in the kernel's table of descriptors.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import ada_url
from twisted.logger import formatEvent

from pomerium_tx.logs import json_line
from tests.hostile.names import APP, AUTHENTICATE, LOOP, OP, OTHER, PUB
from tests.hostile.recorder import CANARY, SERIAL, SMUGGLED, Recorder, Request
from tests.hostile.world import World
from tests.scenarios.secrets import shows

if TYPE_CHECKING:
    from tests.hostile.run import Run

MOST_WORK = 0.1
"""
Seconds of work in one turn of the reactor, ours and the product's.
"""
LAG = "I4: a turn of the reactor took too long"
"""
The only violation that a busy machine may cause by itself: a case is then repeated.
"""
_ALLOWED = {f"https://{host}" for host in (APP, PUB, OTHER, LOOP, AUTHENTICATE, OP)}
_OURS_AT_APPLICATIONS = tuple(
    f"x-pomerium-{name}" for name in ("jwt-assertion", "claim-email", "claim-groups", "claim-sub")
)
_LINES = re.compile(rb"(?im)^(?:set-cookie|location):.*$")


_SEARCHED = 65_536
"""
Of an answer; what is longer is content of an application's.
"""


def folded(name: str) -> str:
    """
    A field name as the most careless of servers may see it.
    """
    name = re.sub("[^A-Z0-9]+", "_", name.upper()).strip("_")
    return name.removeprefix("HTTP_")


@dataclass(slots=True)
class Before:
    """
    How things stood before a case.
    """

    sessions: dict[str, tuple[str, float]]
    descriptors: int
    delayed_calls: int

    @classmethod
    async def look(cls, world: World) -> Before:
        """
        Look now, and forget everything that was heard until now.
        """
        await world.settle()
        world.events.clear()
        world.dialled.clear()
        world.lines.clear()
        for recorder in world.recorders.values():
            recorder.forget()
            recorder.behave()
        world.longest_turn = 0.0
        return cls(_sessions(world), world.descriptors(), len(_delayed_calls(world)))


async def violations(before: Before, run: Run) -> list[str]:
    """
    What is not as it must be, after a case.
    """
    world = run.world
    found = [*at_applications(run, world), *_answers(run), *_registry(before, run)]
    found += await _next_requests(run)
    found += _log(run)
    found += await _baseline(before, run)
    if world.longest_turn > MOST_WORK and not run.is_a_crowd:
        found.append(LAG)
    return found


def _sessions(world: World) -> dict[str, tuple[str, float]]:
    return {session.id: (session.user_id, session.began) for session in world.house.registry.sessions()}


def at_applications(run: Run, world: World) -> list[str]:
    """
    What the applications of a world have heard and should not.
    """
    found = []
    for recorder in world.recorders.values():
        found += [f"an application need not understand: {problem}" for problem in recorder.problems]
        for request in recorder.requests:
            found += _request(run, recorder, request)
        for secret in world.handles():
            if secret.encode() in recorder.raw:
                found.append(f"I2: {recorder.name} has heard the handle of a session")
    return found


def _request(run: Run, recorder: Recorder, request: Request) -> list[str]:
    heard, found = request.heard, []
    assertions = heard.all("x-pomerium-jwt-assertion")
    if recorder.is_protected and (len(assertions) != 1 or not request.is_of_the_living):
        found.append(f"I1: {recorder.name} was reached without a live session: {heard.method} {heard.target}")
    for name, value in heard.fields:
        if folded(name).startswith("X_POMERIUM_"):
            if name.lower() not in _OURS_AT_APPLICATIONS or len(heard.all(name.lower())) != 1:
                found.append(f"I2: {recorder.name} has heard {name}")
            if run.canary in value:
                found.append(f"I2: {recorder.name} has heard a forged {name}")
        if name.lower() == "cookie" and re.search(r"(?:^|[;\s])_pomerium[^=;]*=", value):
            found.append(f"I2: {recorder.name} has heard a cookie of ours")
    if SMUGGLED in heard.target:
        found.append(f"I10: {recorder.name} was reached by what stood behind a rejected message")
    return found


def _answers(run: Run) -> list[str]:
    found = []
    for line in run.world.lines:
        if line.is_tunnel:
            continue
        try:
            answers = line.answers()
        except Exception as problem:  # noqa: BLE001 - whatever a strict reader finds wrong with it
            if not run.reads_broken_answers:
                found.append(f"an answer is not HTTP: {problem}")
            continue
        for answer in answers:
            for name, value in answer.lines:
                if name.lower() == "location" and SERIAL not in answer.fields:
                    found += [f"I9: {problem}" for problem in leads_astray(value, _ALLOWED | run.world.more_origins)]
    return found + _secrets_in(run)


def _delayed_calls(world: World) -> list[str]:
    # That which closes idle connections of applications is there when there are some.
    calls = [getattr(call.func, "__qualname__", repr(call.func)) for call in world.clock.getDelayedCalls()]
    return [call for call in calls if not call.startswith("Pool.")]


def _secrets_in(run: Run) -> list[str]:
    # All of them together: what looks for a secret looks for many spellings of it.
    received = {line.received[:_SEARCHED] for line in run.world.lines if not line.is_of_the_op}
    text = _LINES.sub(b"", b"\n".join(sorted(received))).decode("latin-1")
    shown = [secret for secret in run.world.secrets if shows(text, secret)]
    return [f"I6: an answer shows a secret: {secret[:6]}..." for secret in shown]


def leads_astray(location: str, allowed: Set[str]) -> list[str]:
    """
    What is wrong with a Location, as a browser reads it.
    """
    try:
        url = ada_url.URL(location, base=f"https://{APP}/")
    except ValueError:
        return [f"a Location is no URL: {location[:80]!r}"]
    if url.origin not in allowed:
        return [f"a Location leads to {url.origin}"]
    if url.username or url.password:
        return ["a Location has credentials"]
    return [
        f"a Location leads on to {target[:80]!r}"
        for target in parse_qs(urlsplit(location).query).get("pomerium_redirect_uri", ())
        if ada_url.URL(target).origin not in allowed
    ]


def _registry(before: Before, run: Run) -> list[str]:
    now = _sessions(run.world)
    changes = []
    if gone := before.sessions.keys() - now.keys():
        changes.append(f"{len(gone)} ended")
    if come := now.keys() - before.sessions.keys():
        changes.append(f"{len(come)} made")
    if any(before.sessions[key] != now[key] for key in before.sessions.keys() & now.keys()):
        changes.append("changed")
    if changes and not run.sessions_may_change:
        return [f"I8: sessions: {', '.join(changes)}"]
    return []


async def _next_requests(run: Run) -> list[str]:
    """
    What others are answered now: each its own, and at once.
    """
    world, found = run.world, []
    for recorder in world.recorders.values():
        recorder.behave()
    for host, recorder, cookie in (
        (PUB, world.recorders["pub"], ""),
        (APP, world.recorders["app"], f"Cookie: _pomerium={await world.handle()}\r\n"),
    ):
        canary = f"next-{run.canary}"
        says = f"GET /next HTTP/1.1\r\nHost: {host}\r\n{cookie}{CANARY}: {canary}\r\n\r\n"
        line = await world.say(says.encode())
        answers = line.answers()
        got = [(answer.status, answer.fields.get(CANARY), answer.content) for answer in answers]
        if got != [(200, canary, b"GET /next\n")]:
            found.append(f"I3, I4: who asked {host} next got {got!r} {line.received[:80]!r}")
        if recorder.requests and recorder.requests[-1].heard.target != "/next":
            found.append(f"I10: {recorder.name} was asked {recorder.requests[-1].heard.target} behind the next request")
    return found


def _log(run: Run) -> list[str]:
    found = []
    for event in run.world.events:
        text = f"{formatEvent(event)}\n{json_line(event)}"
        is_failure = event.get("log_failure") is not None or event.get("isError") or "Traceback" in text
        if is_failure and not run.failures_may_be_logged:
            found.append(f"I5: the log has a failure: {text[:300]}")
        shown = [secret for secret in run.world.secrets if secret in text or shows(text, secret)]
        found += [f"I6: the log shows a secret: {secret[:6]}..." for secret in shown]
    return found


async def _baseline(before: Before, run: Run) -> list[str]:
    world, found = run.world, []
    for line in world.lines:
        if not line.is_closed:
            line.reset()
    await world.advance(5)
    if (left := world.descriptors() - before.descriptors) > 0:
        found.append(f"I7: {left} descriptors are left")
    if world.house.open_connections:
        found.append(f"I7: {world.house.open_connections} connections are left")
    if not run.sessions_may_change and (left := len(_delayed_calls(world)) - before.delayed_calls) > 0:
        found.append(f"I7: {left} delayed calls are left: {_delayed_calls(world)}")
    return found
