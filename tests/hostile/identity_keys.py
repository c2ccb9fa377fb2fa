"""
Sign-ins at an OP whose keys cannot be had, or are none.
"""

from __future__ import annotations

from typing import Any

from tests.conformance import adversarial_published as published
from tests.doubles import keys
from tests.hostile import identity_faults as faults
from tests.hostile.catalogue import Case
from tests.hostile.identity_endpoints import SOON, faults_of, signs_in_soon, tries, with_nothing_known, works
from tests.hostile.identity_login import Seen, one, refused
from tests.hostile.identity_world import IdentityWorld
from tests.hostile.line import Line
from tests.hostile.names import AUTHENTICATE
from tests.hostile.visitor import Visitor

CROWD = 100


async def jwks(world: IdentityWorld, case: Case) -> Seen:
    """
    The keys cannot be had: with none known nobody signs in, with some known those are used.
    """
    how = str(case.steps[0]["behaviour"])
    special = _SPECIAL.get(how)
    if special is not None:
        return await special(world)
    statuses = set()
    for name, fault in faults_of("jwks", how):
        status, bob = await with_nothing_known(world, name, fault)
        statuses.add(status)
        async with fault(world):
            await signs_in_soon(world)
            await works(bob)
        await world.restart()
    return Seen(one(statuses), "with keys known, however old, people sign in")


# -- key sets ----------------------------------------------------------------------------------------------------------


async def _unusable_keys(world: IdentityWorld, *names: str) -> Seen:
    """
    Tokens that such keys would verify are refused.
    """
    statuses = set()
    chosen = [case for case in published.unfit_keys() if not names or case[0] in names]
    assert len(chosen) >= len(names)
    for name, key_set, make in chosen:
        with world.altered("jwks", lambda _, key_set=key_set: key_set):
            statuses.add((await refused(world, make, name)).status)
        await world.restart()
    return Seen(one(statuses))


async def _keys_without_the_right_one(world: IdentityWorld, *names: str) -> Seen:
    statuses = set()
    found = dict(published.key_sets(world.signer.public_jwk()))
    for name in names:
        with world.altered("jwks", found[name]):
            statuses.add((await tries(world)).status)
        await world.restart()
    return Seen(one(statuses))


async def _weak(world: IdentityWorld) -> Seen:
    seen = await _keys_without_the_right_one(world, "e = 1", "e even", "n even", "e huge", "1024 bits", "16384 bits")
    unusable = await _unusable_keys(world, "1024 bits", "e = 1: everybody signs")
    return Seen(one({seen.status or 0, unusable.status or 0}))


async def _oct(world: IdentityWorld) -> Seen:
    seen = await _keys_without_the_right_one(world, "symmetric")
    unusable = await _unusable_keys(world, "a secret that is published")
    return Seen(one({seen.status or 0, unusable.status or 0}))


async def _off_the_curve(world: IdentityWorld) -> Seen:
    seen = await _keys_without_the_right_one(world, "a point that is not on the curve")
    point = {**keys.jwk("ES256", "curve"), "y": keys.jwk("ES256", "curve")["x"]}
    with world.altered("jwks", lambda document: {"keys": [point, *document["keys"]]}):
        await world.assert_signs_in()
    return Seen(seen.status, "among others it is passed over, and people sign in")


async def _same_names(world: IdentityWorld) -> Seen:
    first = world.signer.public_jwk()
    for other in (keys.jwk("RS256", "second"), keys.jwk("ES256", "curve"), {"kty": "oct", "k": "AAAA"}):
        for in_order in (lambda key: [key, first], lambda key: [first, key]):
            both = in_order({**other, "kid": first["kid"]})
            with world.altered("jwks", lambda _, both=both: {"keys": both}):
                await world.assert_signs_in()
            await world.restart()
    return Seen(200, "each of that name is tried")


async def _skipped(world: IdentityWorld) -> Seen:
    for _, fault in faults_of("jwks", "key with unknown kty/crv"):
        async with fault(world):
            await world.assert_signs_in()
    return Seen(200)


async def _hundred_at_once(world: IdentityWorld) -> Seen:
    """
    A hundred people who come back from the OP while its keys are under way wait for one and the same answer.
    """
    visitors = [world.visitor("alice") for _ in range(CROWD)]
    locations = [await world.to_callback(visitor) for visitor in visitors]
    world.sockets.asked.clear()
    with world.sockets.behaving("jwks", lambda right: faults.Said((), "hang")):
        lines = [await _begun(world, visitor, url) for visitor, url in zip(visitors, locations, strict=True)]
        await world.settle(until=lambda: world.sockets.asked["token"] == CROWD)
        assert world.sockets.asked["jwks"] == 1, world.sockets.asked
        await world.advance(SOON, step=0.5)
        await world.settle(until=lambda: all(line.answers() for line in lines))
        assert world.sockets.asked["jwks"] == 1, world.sockets.asked
    statuses = {line.answers()[0].status for line in lines}
    assert world.live == set()
    return Seen(one(statuses), "one fetch for all of them")


async def _begun(world: IdentityWorld, visitor: Visitor, url: str) -> Line:
    target = url.removeprefix(f"https://{AUTHENTICATE}")
    cookies = "; ".join(f"{name}={value}" for (host, name), value in visitor.cookies.items() if host == AUTHENTICATE)
    line = await world.connect()
    line.say(f"GET {target} HTTP/1.1\r\nHost: {AUTHENTICATE}\r\nCookie: {cookies}\r\n\r\n".encode())
    return line


_SPECIAL: dict[str, Any] = {
    "key with unknown kty/crv": _skipped,
    'symmetric "oct" key in JWKS': _oct,
    "RSA e=1 / e even / n even / 512 bit / 16384 bit": _weak,
    "EC point not on curve": _off_the_curve,
    "duplicate kid with different keys": _same_names,
    "slow + concurrent logins 100": _hundred_at_once,
}
