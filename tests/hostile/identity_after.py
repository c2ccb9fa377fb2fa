"""
What is left of a session after its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep
from tests.hostile.identity_open import ANYBODY, HOSTS, KINDS, LATE, MORE_HOSTS, Opened, Stage, routes
from tests.hostile.identity_ways import WAYS, Way
from tests.hostile.identity_world import IdentityWorld
from tests.hostile.names import APP, OTHER
from tests.scenarios.traffic import NOT_ADMITTED


async def after_sign_out(world: IdentityWorld, case: Case) -> Seen:
    """
    Open what *case* says, end the session as it says, and look.
    """
    what = str(next(step["what"] for step in case.steps if step["do"] == "open"))
    how = str(next(step["by"] for step in case.steps if step["do"] == "end_session"))
    if what not in KINDS or how not in WAYS:
        raise UnknownStep(f"{what}, {how}")
    return await ended(world, [what], how)


async def all_ended(reactor: Any, folder: Path, how: str) -> None:
    """
    The same of everything that may be open, all at once, in a world of its own.
    """
    world = IdentityWorld(reactor, folder)
    await world.start()
    try:
        await ended(world, KINDS, how)
    finally:
        await world.stop()


async def ended(world: IdentityWorld, kinds: Iterable[str], how: str) -> Seen:
    """
    Nothing of what was open goes on, at either process, and nothing is let in.
    """
    way = WAYS[how]
    stage = await _stage(world, way)
    if way.approach is not None:
        await way.approach(stage)
    for what in kinds:
        for process in (1,) if "every other" in what else (0, 1):
            await KINDS[what](stage, process)
    if not way.ends:
        stage.afterwards, stage.told = frozenset({403}), NOT_ADMITTED
    _note(stage)
    await way.end(stage)
    await world.settle()
    assert (stage.session.id in world.live) is not way.ends, f"{how}: the session"
    assert way.of_everybody or stage.bobs in world.live, "another's session has ended"
    await _go_on(stage)
    for opened in stage.opened:
        try:
            await _look(stage, opened)
        except AssertionError as problem:
            raise AssertionError(f"{opened.name}: {problem}") from problem
    statuses = set()
    for process in range(len(stage.houses)):
        for host in (APP, OTHER):
            statuses.add(await stage.ask(process, host))
    assert statuses <= stage.afterwards, statuses
    asked = sum(request.heard.target == "/replayed" for one in world.recorders.values() for request in one.requests)
    assert asked == stage.world.__dict__["_asked_before"], "a request has reached an application"
    return Seen(
        statuses.pop() if len(statuses) == 1 else None, "" if way.ends else "the session lives, and is admitted nowhere"
    )


async def _stage(world: IdentityWorld, way: Way) -> Stage:
    await world.restart(routes=routes(ANYBODY), **way.changes)
    if way.access_token is not None:
        world.provider.lifetimes = replace(world.provider.lifetimes, access_token=way.access_token)
    await world.assert_signs_in("bob")
    (bobs,) = world.live
    alice = await world.assert_signs_in()
    for host in (OTHER, *MORE_HOSTS):
        assert (await alice.get(f"https://{host}/")).status == 200
    (session,) = [one for one in world.house.registry.sessions() if one.id != bobs]
    second = await world.second_house()
    cookies = {
        host: "; ".join(f"{name}={value}" for (owner, name), value in alice.cookies.items() if owner == host)
        for host in HOSTS
    }
    houses = [world.house, second]
    return Stage(world, alice, session, houses, [world.port, world.second_port], bobs, cookies)


def _note(stage: Stage) -> None:
    stage.world.__dict__["_asked_before"] = sum(
        request.heard.target == "/replayed" for one in stage.world.recorders.values() for request in one.requests
    )
    for opened in stage.opened:
        opened.heard = len(opened.upstream.raw) if opened.upstream is not None else 0
        opened.line.received_before = len(opened.line.received)  # type: ignore[attr-defined] # for this test


async def _go_on(stage: Stage) -> None:
    """
    Both ends go on as if nothing had happened.
    """
    for opened in stage.opened:
        if opened.fate == "kept":
            continue
        if opened.upstream is not None and not opened.upstream.is_lost:
            opened.upstream.say(LATE)
        if not opened.line.is_closed:
            opened.line.say(b"LATE")
    await stage.world.settle()
    # Whoever is told of the end has a second to go.
    await stage.world.advance(2.0)


async def _look(stage: Stage, opened: Opened) -> None:
    line = opened.line
    rest = line.received[line.received_before :]  # type: ignore[attr-defined] # see `_note`
    assert LATE not in line.received, "bytes of the application have come after the end"
    if opened.fate == "kept":
        if not line.is_closed:
            line.say(stage.head("GET", "/again"))
            await stage.world.settle()
            answers = line.answers()
            assert line.is_closed or answers[1].status in stage.afterwards, line.received[-300:]
        return
    if opened.upstream is not None:
        assert opened.upstream.is_lost or opened.upstream.is_heard_out, "the application's connection is open"
        more = opened.upstream.raw[opened.heard :]
        assert not more or opened.upstream.is_tunnel, f"the application has heard more: {more!r}"
    if opened.fate == "reset":
        assert (rest, line.is_closed, line.is_reset) == (b"", True, True), (rest, line.is_closed, line.is_reset)
    elif opened.fate == "told":
        assert rest == stage.told, rest
    else:
        answers = line.answers()
        assert len(answers) == 1 and answers[0].status in stage.afterwards | {302, 401}, line.received[:300]
        assert answers[0].fields.get("connection") == "close"
