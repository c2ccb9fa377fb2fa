"""
Sign-ins at an OP whose endpoints fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from twisted.logger import formatEvent

from pomerium_tx.demo.messages import Fault
from tests.conformance import adversarial_published as published
from tests.conformance.adversarial_provider import GONE, changed
from tests.conformance.case import query_of
from tests.doubles import keys
from tests.hostile import identity_faults as faults
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, one, refused
from tests.hostile.identity_provider import Behaviour
from tests.hostile.identity_world import PAGE, IdentityWorld
from tests.hostile.line import Line
from tests.hostile.names import APP, AUTHENTICATE, OP
from tests.hostile.visitor import Visitor
from tests.scenarios.browser import Response

STALE = 3601.0
"""
Seconds after which what an OP has published is fetched again.
"""
CROWD = 100
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
    for name, fault in _faults(where, how):
        await world.advance(STALE, step=STALE)
        try:
            async with fault(world):
                answer = await _tries(world)
                await _works(bob)
                statuses.add(answer.status)
        except AssertionError as problem:
            raise AssertionError(f"{name}: {problem}") from problem
        await world.advance(STALE, step=STALE)
        await world.assert_signs_in()
    return Seen(one(statuses))


async def jwks(world: IdentityWorld, case: Case) -> Seen:
    """
    The keys cannot be had: with none known nobody signs in, with some known those are used.
    """
    how = str(case.steps[0]["behaviour"])
    special = _SPECIAL.get(how)
    if special is not None:
        return await special(world)
    statuses = set()
    for name, fault in _faults("jwks", how):
        async with fault(world):
            answer = await _tries(world)
        statuses.add(answer.status)
        assert "evil.test" not in world.dialled, name
        await world.advance(STALE, step=STALE)
        bob = await world.assert_signs_in("bob")
        await world.advance(STALE, step=STALE)
        async with fault(world):
            await _signs_in_soon(world)
            await _works(bob)
        await world.restart()
    return Seen(one(statuses), "with keys known, however old, people sign in")


async def _metadata(world: IdentityWorld, how: str) -> Seen:
    statuses = set()
    for name, fault in _faults("discovery", how):
        async with fault(world):
            answer = await _tries(world)
        statuses.add(answer.status)
        assert "evil.test" not in world.dialled, name
        await world.advance(STALE, step=STALE)
        bob = await world.assert_signs_in("bob")
        await world.advance(STALE, step=STALE)
        async with fault(world):
            if fault is _without_address:
                # What is known does not help where the whole OP is gone.
                statuses.add((await _tries(world)).status)
            else:
                await _signs_in_soon(world)
            await _works(bob)
        await world.restart()
    return Seen(one(statuses), "with metadata known, however old, people sign in")


async def _revocation(world: IdentityWorld, how: str) -> Seen:
    """
    A sign-out does not wait for it and does not depend on it; what can be tried again is.
    """
    statuses = set()
    for name, fault in _faults("revocation", how):
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
            await _works(bob)
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


def _faults(where: str, how: str) -> list[tuple[str, Any]]:
    if where == "discovery" and how == "DNS failure":
        return [(how, _without_address)]
    if how in faults.MOVED:
        return [(host, lambda world, host=host: _moved(world, where, host)) for host in faults.MOVED[how]]
    try:
        found = list(faults.behaviours(how))
    except KeyError:
        raise UnknownStep(f"{where}: {how}") from None
    return [(name, lambda world, behaviour=behaviour: _behaving(world, where, behaviour)) for name, behaviour in found]


async def _tries(world: IdentityWorld) -> Response:
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


async def _signs_in_soon(world: IdentityWorld) -> None:
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


async def _works(visitor: Visitor) -> None:
    """
    Whoever is signed in gets on.
    """
    page = await visitor.get(PAGE, follow=False)
    assert page.status == 200, page.status


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
            statuses.add((await _tries(world)).status)
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
    for _, fault in _faults("jwks", "key with unknown kty/crv"):
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


# -- what the OP says of itself, and what it hands out -----------------------------------------------------------------

Scenario = Callable[[IdentityWorld], Awaitable[Seen]]


async def scenario(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the only step of *case* says.
    """
    name = str(case.steps[0]["name"])
    if name not in _SCENARIOS:
        raise UnknownStep(name)
    return await _SCENARIOS[name](world)


async def _with_documents(world: IdentityWorld, *changes: dict[str, Any]) -> Seen:
    """
    With such metadata nobody signs in; once they are right again everybody does.
    """
    statuses = set()
    for change in changes:
        with world.altered("discovery", lambda document, change=change: changed(document, change)):
            answer = await _tries(world)
        statuses.add(answer.status)
        await world.advance(6.0, step=6.0)
        await world.assert_signs_in()
        await world.restart()
    return Seen(one(statuses))


async def _tokens(world: IdentityWorld, *changes: dict[str, Any]) -> Seen:
    statuses = set()
    for change in changes:
        with world.altered("token", lambda document, change=change: changed(document, change)):
            answer = await _tries(world)
            assert not world.provider.userinfo_calls, "such a token was used"
        statuses.add(answer.status)
    await world.assert_signs_in()
    return Seen(one(statuses))


async def _elsewhere_now(world: IdentityWorld) -> Seen:
    """
    Metadata that name other hosts than before are followed, and that is written into the log.
    """
    bob = await world.assert_signs_in("bob")
    world.ports["moved.example.com"] = world.ports[OP]
    await world.advance(STALE, step=STALE)
    world.watch()
    with world.altered("discovery", lambda document: document | {"token_endpoint": "https://moved.example.com/token"}):
        await world.assert_signs_in()
        assert "moved.example.com" in world.dialled
        said = [event for event in world.events if "has changed its endpoints" in formatEvent(event)]
        assert said, "that is not in the log"
        await _works(bob)
    return Seen(None, "followed, and in the log")


async def _no_end_session(world: IdentityWorld) -> Seen:
    with world.altered("discovery", lambda document: changed(document, {"end_session_endpoint": GONE})):
        alice = await world.assert_signs_in()
        page = await alice.get(f"https://{APP}/.pomerium/sign_out", fields={"Sec-Fetch-Site": "same-origin"})
        assert not world.live
        assert page.url.startswith(f"https://{AUTHENTICATE}/.pomerium/signed_out"), page.url
        assert "provider has no sign-out" in page.text, page.text
        assert not [one for one in alice.answers[-4:] if (one.get("Location") or "").startswith(f"https://{OP}/")]
    return Seen(None, "the end is ours alone, and the page says so")


async def _without_s256(world: IdentityWorld) -> Seen:
    with world.altered("discovery", lambda document: document | {"code_challenge_methods_supported": ["plain"]}):
        asked = query_of(await world.to_op(world.visitor("alice")))
        assert "code_challenge" not in asked and asked["state"] and asked["nonce"], asked
        visitor = world.visitor("alice")
        url = await world.to_callback(visitor)
        world.watch()
        assert (await world.visitor("bob").get(url, follow=False)).status == 400
        assert (await refused(world, lambda mint: mint.token({"nonce": "x"}), "nonce")).status == 502
        await world.assert_signs_in()
    return Seen(None, "state and nonce are enforced")


async def _until_refreshed(world: IdentityWorld) -> None:
    before = len(world.provider.refreshes)
    for _ in range(80):
        if len(world.provider.refreshes) > before:
            break
        await world.advance(10.0, step=10.0)
    assert len(world.provider.refreshes) > before, "it is never refreshed"
    await world.settle()


async def _refreshed_as_somebody_else(world: IdentityWorld) -> Seen:
    """
    What comes is used for nothing; the session is alice's, and lasts no longer than what it was begun with.
    """
    world.provider.lifetimes = replace(world.provider.lifetimes, access_token=600.0)
    alice = await world.assert_signs_in()
    world.make = lambda mint: mint.token({"sub": world.provider.users["bob"].sub, "nonce": GONE})
    before = world.house.registry.sessions()
    ids = {session.id: session.tokens.access_token for session in before}
    await _until_refreshed(world)
    for session in world.house.registry.sessions():
        assert session.sub == world.provider.users["alice"].sub
        assert session.tokens.access_token == ids[session.id], "the new tokens are used"
    page = await alice.get(f"https://{APP}/whoami")
    assert page.text in ("alice@example.com\n", ""), page.text
    await world.advance(700.0, step=10.0)
    assert not world.live, "it lives on with an access token that has expired"
    world.make = None
    return Seen(None, "the answer is used for nothing; the session ends when its access token does")


async def _refresh_fails(world: IdentityWorld) -> Seen:
    world.provider.lifetimes = replace(world.provider.lifetimes, access_token=600.0)
    alice = await world.assert_signs_in()
    live = world.live
    for fault in (Fault(status=500), Fault(status=503), Fault(status=502)):
        world.provider.faults["token"] = fault
        await _until_refreshed(world)
        assert world.live == live, fault
        await _works(alice)
    world.provider.faults.clear()
    await _until_refreshed(world)
    assert world.live == live
    await _works(alice)
    return Seen(None, "kept, and tried again")


_SCENARIOS: dict[str, Scenario] = {
    "discovery issuer differs from configured": lambda world: _with_documents(
        world, {"issuer": "https://evil.test"}, {"issuer": "https://OP.example.com"}, {"issuer": GONE}, {"issuer": None}
    ),
    "discovery issuer differs by trailing slash": lambda world: _with_documents(
        world, {"issuer": f"https://{OP}/"}, {"issuer": f"https://{OP}//"}
    ),
    "discovery jwks_uri missing": lambda world: _with_documents(
        world, {"jwks_uri": GONE}, {"jwks_uri": None}, {"jwks_uri": ""}, {"jwks_uri": "http://evil.test/jwks"}
    ),
    "discovery id_token_signing_alg_values_supported only none": lambda world: _with_documents(
        world,
        {"id_token_signing_alg_values_supported": ["none"]},
        {"id_token_signing_alg_values_supported": []},
    ),
    "discovery endpoints change at refresh to another host": _elsewhere_now,
    "discovery end_session_endpoint missing": _no_end_session,
    "discovery code_challenge_methods_supported without S256": _without_s256,
    "token_type mac / missing": lambda world: _tokens(
        world, {"token_type": "mac"}, {"token_type": GONE}, {"token_type": None}, {"token_type": "DPoP"}
    ),
    "access_token with CRLF": lambda world: _tokens(
        world,
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "a\nb"},
        {"access_token": "a\0b"},
        {"access_token": "a b"},
    ),
    "refresh returns other sub": _refreshed_as_somebody_else,
    "refresh 5xx": _refresh_fails,
}
