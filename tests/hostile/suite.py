"""
All steps, all expectations, and a world to run cases in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.hostile import (
    expect_client,
    expect_cookies,
    expect_fields,
    expect_http,
    expect_reliability,
    expect_targets,
    expect_upstream,
    expect_websocket,
    steps_client,
    steps_cookies,
    steps_raw,
    steps_reliability,
    steps_upstream,
    steps_websocket,
)
from tests.hostile.catalogue import Case, catalogue
from tests.hostile.identity_suite import RUNNERS, run_identity
from tests.hostile.names import APP, OTHER, VARIANTS
from tests.hostile.run import Result, run_case
from tests.hostile.world import World

_REGISTERED = (
    expect_client,
    expect_cookies,
    expect_fields,
    expect_http,
    expect_reliability,
    expect_targets,
    expect_upstream,
    expect_websocket,
    steps_client,
    steps_cookies,
    steps_raw,
    steps_reliability,
    steps_upstream,
    steps_websocket,
)
"""
Importing them is what registers steps and expectations.
"""


def cases_of(*groups: str) -> list[Case]:
    """
    The cases of some groups, or of all, in the order of the catalogue.
    """
    return [case for case in catalogue().values() if not groups or case.group in groups]


async def run_all(
    reactor: Any, folder: Path, cases: Iterable[Case], told: Callable[[Result], object] | None = None
) -> list[Result]:
    """
    What becomes of *cases*, one after the other: those about who somebody is in worlds of their own, the rest in one.

    :param told: Called with each result.
    """
    cases = list(cases)
    results: list[Result] = []
    of_identity = [case for case in cases if case.group in RUNNERS]
    plain = [case for case in cases if case.group not in RUNNERS]
    if plain:
        results += await _run_plain(reactor, folder, plain, told)
    if of_identity:
        (folder / "identity").mkdir()
        for group in dict.fromkeys(case.group for case in of_identity):
            found = await run_identity(
                reactor, folder / "identity", [each for each in of_identity if each.group == group]
            )
            results += found
            for result in found:
                if told is not None:
                    told(result)
    order = {case.id: place for place, case in enumerate(cases)}
    return sorted(results, key=lambda result: order[result.case.id])


async def _run_plain(
    reactor: Any, folder: Path, cases: Iterable[Case], told: Callable[[Result], object] | None
) -> list[Result]:
    world = World(reactor, folder)
    await world.start()
    try:
        await world.ended_handle()
        for person, host in (("alice", APP), ("bob", APP), ("mallory", APP), ("alice", OTHER), ("bob", OTHER)):
            await world.handle(person, host)
        for name in VARIANTS:
            await (await world.beside(name)).hang_up()
        results = []
        for case in cases:
            results.append(await run_case(world, case))
            if told is not None:
                told(results[-1])
        return results
    finally:
        await world.stop()
