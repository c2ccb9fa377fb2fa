"""
What an OP says of itself, and what it hands out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from twisted.logger import formatEvent

from pomerium_tx.demo.messages import Fault
from tests.conformance.adversarial_provider import GONE, changed
from tests.conformance.case import query_of
from tests.hostile.catalogue import Case
from tests.hostile.identity_endpoints import STALE, tries, works
from tests.hostile.identity_login import Seen, UnknownStep, one, refused
from tests.hostile.identity_world import IdentityWorld
from tests.hostile.names import APP, AUTHENTICATE, OP

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
            answer = await tries(world)
        statuses.add(answer.status)
        await world.advance(6.0, step=6.0)
        await world.assert_signs_in()
        await world.restart()
    return Seen(one(statuses))


async def _tokens(world: IdentityWorld, *changes: dict[str, Any]) -> Seen:
    statuses = set()
    for change in changes:
        with world.altered("token", lambda document, change=change: changed(document, change)):
            answer = await tries(world)
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
        await works(bob)
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
        await works(alice)
    world.provider.faults.clear()
    await _until_refreshed(world)
    assert world.live == live
    await works(alice)
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
