"""
Sign-ins at an OP whose endpoints fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.hostile import identity_faults as faults
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, one
from tests.hostile.identity_provider import Behaviour
from tests.hostile.identity_world import PAGE, IdentityWorld
from tests.hostile.names import APP, OP
from tests.hostile.visitor import Visitor
from tests.scenarios.browser import Response

STALE = 3601.0
"""
Seconds after which what an OP has published is fetched again.
"""
SOON = 5.0
"""
Seconds within which a person is told that their OP is of no help.
"""
MOST_READ = 8 << 20
"""
Octets that may have left the OP by the time that it is not listened to any more: a megabyte, and what kernels hold.
"""


async def endpoint(world: IdentityWorld, case: Case) -> Seen:
    """
    One endpoint fails in one way: nobody is signed in, and whoever is signed in notices nothing.
    """
    step = case.steps[0]
    where, how = str(step["endpoint"]), str(step["behaviour"])
    if where == "revocation":
        return await _revocation(world, how)
    if where == "discovery":
        return await _metadata(world, how)
    bob = await world.assert_signs_in("bob")
    statuses = set()
    for name, fault in faults_of(where, how):
        await world.advance(STALE, step=STALE)
        try:
            async with fault(world):
                answer = await tries(world)
                await works(bob)
                statuses.add(answer.status)
        except AssertionError as problem:
            raise AssertionError(f"{name}: {problem}") from problem
        await world.advance(STALE, step=STALE)
        await world.assert_signs_in()
    return Seen(one(statuses))


async def with_nothing_known(world: IdentityWorld, name: str, fault: Any) -> tuple[int, Visitor]:
    """
    How a sign-in fails while nothing of the OP is known; and somebody who signs in once it is well again, so long ago
    that what is known by then is to be fetched anew.
    """
    async with fault(world):
        answer = await tries(world)
    assert "evil.test" not in world.dialled, name
    await world.advance(STALE, step=STALE)
    bob = await world.assert_signs_in("bob")
    await world.advance(STALE, step=STALE)
    return answer.status, bob


async def _metadata(world: IdentityWorld, how: str) -> Seen:
    statuses = set()
    for name, fault in faults_of("discovery", how):
        status, bob = await with_nothing_known(world, name, fault)
        statuses.add(status)
        async with fault(world):
            if fault is _without_address:
                # What is known does not help where the whole OP is gone.
                statuses.add((await tries(world)).status)
            else:
                await signs_in_soon(world)
            await works(bob)
        await world.restart()
    return Seen(one(statuses), "with metadata known, however old, people sign in")


async def _revocation(world: IdentityWorld, how: str) -> Seen:
    """
    A sign-out does not wait for it and does not depend on it; what can be tried again is.
    """
    statuses = set()
    for name, fault in faults_of("revocation", how):
        alice = await world.assert_signs_in()
        session = world.live
        await world.advance(STALE, step=STALE)
        async with fault(world):
            # What is known of the endpoint is fetched again by whoever signs in.
            bob = await world.assert_signs_in("bob")
            world.watch()
            answer = await alice.get(
                f"https://{APP}/.pomerium/sign_out", follow=False, fields={"Sec-Fetch-Site": "same-origin"}
            )
            assert not session & world.live, f"{name}: the session lives"
            await world.advance(70.0, step=10.0)
            statuses.add(answer.status)
            await works(bob)
            world.assert_nothing_told(answer)
            assert "evil.test" not in world.dialled, name
            assert world.sockets.sent < MOST_READ, f"{name}: {world.sockets.sent} octets were read"
        await world.restart()
    return Seen(one(statuses), "ends the session at once")


@asynccontextmanager
async def _moved(world: IdentityWorld, endpoint_name: str, host: str) -> AsyncIterator[None]:
    member = faults.MEMBERS[endpoint_name]
    with world.altered("discovery", lambda document: document | {member: f"https://{host}/{endpoint_name}"}):
        yield


@asynccontextmanager
async def _behaving(world: IdentityWorld, endpoint_name: str, behaviour: Behaviour) -> AsyncIterator[None]:
    with world.sockets.behaving(endpoint_name, behaviour):
        yield
    await world.settle()


@asynccontextmanager
async def _without_address(world: IdentityWorld) -> AsyncIterator[None]:
    port = world.ports.pop(OP)
    # The user agent has another resolver.
    world.agents_ports[OP] = port
    try:
        yield
    finally:
        world.ports[OP] = world.agents_ports.pop(OP)


def faults_of(where: str, how: str) -> list[tuple[str, Any]]:
    """
    All that the catalogue means by a behaviour of an endpoint, each with a name.
    """
    if where == "discovery" and how == "DNS failure":
        return [(how, _without_address)]
    if how in faults.MOVED:
        return [(host, lambda world, host=host: _moved(world, where, host)) for host in faults.MOVED[how]]
    try:
        found = list(faults.behaviours(how))
    except KeyError:
        raise UnknownStep(f"{where}: {how}") from None
    return [(name, lambda world, behaviour=behaviour: _behaving(world, where, behaviour)) for name, behaviour in found]


async def tries(world: IdentityWorld) -> Response:
    """
    The page for alice, who cannot sign in; she does not wait long for it.
    """
    world.watch()
    visitor = world.visitor("alice")
    world.patience = 30.0
    try:
        answer = await visitor.get(PAGE)
    finally:
        world.patience = 0.0
    assert world.waited <= SOON, f"she waited for {world.waited} s"
    world.assert_nobody_signed_in(visitor, answer)
    assert world.sockets.sent < MOST_READ, f"{world.sockets.sent} octets were read"
    assert "evil.test" not in world.dialled
    return answer


async def signs_in_soon(world: IdentityWorld) -> None:
    """
    Alice signs in, without waiting long.
    """
    world.watch()
    world.patience = 30.0
    try:
        await world.assert_signs_in()
    finally:
        world.patience = 0.0
    assert world.waited <= SOON, f"she waited for {world.waited} s"


async def works(visitor: Visitor) -> None:
    """
    Whoever is signed in gets on.
    """
    page = await visitor.get(PAGE, follow=False)
    assert page.status == 200, page.status
