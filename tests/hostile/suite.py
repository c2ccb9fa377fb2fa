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
    What becomes of *cases*, one after the other in one world.

    :param told: Called with each result.
    """
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
