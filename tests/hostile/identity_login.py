"""
Sign-ins at an OP that hands out wrong ID Tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.adversarial_provider import SILENT, Make
from tests.hostile.catalogue import Case
from tests.hostile.identity_tokens import described
from tests.hostile.identity_world import PAGE, IdentityWorld
from tests.scenarios.browser import Response


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What came of a case whose demands were met.
    """

    status: int | None
    note: str = ""


class UnknownStep(AssertionError):
    """
    A case has a step that nobody knows how to do.
    """


async def id_token(world: IdentityWorld, case: Case) -> Seen:
    """
    Every token of the kind is refused, and whoever comes next signs in.
    """
    wanted = _only(case, "token_endpoint_returns")["id_token"]
    tokens = list(described(wanted, proxys=await assertion(world)))
    if wanted.get("header", {}).get("kid") == "nope":
        return await _unknown_key(world, tokens[0][1])
    statuses = set()
    for name, make in tokens:
        statuses.add((await refused(world, make, name)).status)
    await world.assert_signs_in()
    return Seen(one(statuses), f"{len(tokens)} tokens")


async def refused(world: IdentityWorld, make: Make, name: str) -> Response:
    """
    The page that a person gets whose ID Token that is.
    """
    world.watch()
    visitor = world.visitor("alice")
    with world.making(make):
        answer = await visitor.get(PAGE)
    try:
        world.assert_nobody_signed_in(visitor, answer)
        assert SILENT in answer.text, answer.text[:200]
    except AssertionError as problem:
        raise AssertionError(f"{name}: {problem}") from problem
    return answer


MANY_TOKENS = 40


async def _unknown_key(world: IdentityWorld, make: Make) -> Seen:
    """
    However many such tokens come, the OP is asked for its keys once in a while.
    """
    await world.assert_signs_in()
    await world.advance(6.0, step=6.0)
    before = world.sockets.asked["jwks"]
    statuses = {(await refused(world, make, "kid unknown")).status for _ in range(MANY_TOKENS)}
    asked = world.sockets.asked["jwks"] - before
    assert asked <= 1, f"the keys were fetched {asked} times"
    return Seen(one(statuses), f"{MANY_TOKENS} tokens, the keys fetched {asked} times")


async def assertion(world: IdentityWorld) -> str:
    """
    What the proxy says of somebody to an application.
    """
    world.watch()
    await world.assert_signs_in("bob")
    (value,) = world.recorders["app"].requests[-1].heard.all("x-pomerium-jwt-assertion")
    return value


def one(statuses: set[int]) -> int:
    """
    The only one of them.
    """
    assert len(statuses) == 1, f"answers differ: {sorted(statuses)}"
    return statuses.pop()


def _only(case: Case, do: str) -> dict[str, object]:
    found = [step for step in case.steps if step["do"] == do]
    known = {do, "complete_login"}
    unknown = [step["do"] for step in case.steps if step["do"] not in known]
    if len(found) != 1 or unknown:
        raise UnknownStep(f"{case.id}: {case.steps}")
    return dict(found[0])
