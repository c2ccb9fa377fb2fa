"""
Sign-ins as a whole: what they send, what they leave, how many there may be.
"""

from __future__ import annotations

import base64
import hashlib

from tests.conformance.case import query_of, with_query
from tests.hostile.identity_flow import flow, refuses_url
from tests.hostile.identity_login import Seen, one, refused
from tests.hostile.identity_world import CALLBACK, PAGE, IdentityWorld, location_of
from tests.hostile.names import APP, AUTHENTICATE, CLIENT_SECRET

CROWD = 1000
AT_ONCE = 40
FLOOD = 2_000


@flow("PKCE: code_verifier sent and S256 (no plain)")
async def _(world: IdentityWorld) -> Seen:
    verifiers = set()
    for _ in range(5):
        visitor = world.visitor("alice")
        asked = query_of(await world.to_op(visitor))
        assert asked["code_challenge_method"] == "S256"
        world.watch()
        await visitor.get(PAGE)
        (exchange,) = world.provider.code_exchanges
        verifier = exchange.parameter("code_verifier") or ""
        assert 43 <= len(verifier) <= 128
        verifiers.add(verifier)
        authorization = list(world.provider.received_at("authorization"))[-1]
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        assert authorization.parameter("code_challenge") == digest
    assert len(verifiers) == 5
    return Seen(None, "S256, a verifier for each request")


@flow("PKCE: IdP metadata lacks S256 -> state+nonce still enforced")
async def _(world: IdentityWorld) -> Seen:
    from tests.conformance.adversarial_provider import GONE

    statuses = set()
    for methods in ([], ["plain"], None):
        await world.restart()
        with world.altered(
            "discovery", lambda document, methods=methods: document | {"code_challenge_methods_supported": methods}
        ):
            asked = query_of(await world.to_op(world.visitor("alice")))
            assert "code_challenge" not in asked and asked["state"] and asked["nonce"]
            visitor = world.visitor("alice")
            url = await world.to_callback(visitor)
            statuses.add(await refuses_url(world, visitor, with_query(url, state="x")))
            statuses.add(await refuses_url(world, world.visitor("bob"), url))
            wrong = await refused(world, lambda mint: mint.token({"nonce": GONE}), "no nonce")
            assert wrong.status == 502
            await world.assert_signs_in()
    return Seen(one(statuses), "an ID Token without the nonce gets 502")


@flow("redirect_uri sent at token endpoint is byte-identical to the one sent at authorization")
async def _(world: IdentityWorld) -> Seen:
    world.watch()
    await world.assert_signs_in()
    (exchange,) = world.provider.code_exchanges
    asked = [one.parameter("redirect_uri") for one in world.provider.received_at("authorization")]
    assert set(asked) == {exchange.parameter("redirect_uri")} == {CALLBACK}, asked
    return Seen(None, "identical")


@flow("client_secret never in URL")
async def _(world: IdentityWorld) -> Seen:
    world.watch()
    visitor = await world.assert_signs_in()
    await visitor.get(f"https://{APP}/.pomerium/sign_out", fields={"Sec-Fetch-Site": "same-origin"})
    await world.advance(70.0, step=10.0)
    assert world.provider.revocations
    for received in world.provider.requests:
        assert CLIENT_SECRET not in received.query
    urls = [url for answer in visitor.answers for url in (answer.url, answer.get("Location") or "")]
    assert not [url for url in urls if CLIENT_SECRET in url]
    return Seen(None, "in no URL of a whole life")


@flow("login cookie stolen cross-host: bound to state")
async def _(world: IdentityWorld) -> Seen:
    victim = world.visitor("alice")
    url = await world.to_callback(victim)
    thief = world.visitor("bob")
    own = await world.to_callback(thief)
    # What a sibling host can read or plant: the victim's cookies of the route host, under the names of this one.
    for (host, name), value in victim.cookies.items():
        if host == APP:
            thief.cookies[AUTHENTICATE, name] = value
    statuses = {await refuses_url(world, thief, url)}
    # And the verifier of the victim's sign-in, with the thief's own state.
    for (host, name), value in victim.cookies.items():
        if host == AUTHENTICATE and "csrf" not in name:
            thief.cookies[AUTHENTICATE, name] = value
    statuses.add(await refuses_url(world, thief, url))
    mixed = with_query(own, state=query_of(url)["state"])
    statuses.add(await refuses_url(world, thief, mixed))
    return Seen(one(statuses))


@flow("back button after sign-out: callback URL re-visited")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    assert (await visitor.get(url)).status == 200
    await visitor.get(f"https://{APP}/.pomerium/sign_out", fields={"Sec-Fetch-Site": "same-origin"})
    assert not world.live
    return Seen(await refuses_url(world, visitor, url))


@flow("1 000 parallel unauthenticated requests: bounded login states, no store bloat")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    before = len(world.unreliable.appended), len(world.clock.getDelayedCalls())
    world.watch()
    lines = [await world.connect() for _ in range(CROWD)]
    asked = f"GET /x HTTP/1.1\r\nHost: {APP}\r\nConnection: close\r\n\r\n".encode()
    # All are connected at once; so many ask in one turn that answering them takes no tenth of a second.
    for first in range(0, CROWD, AT_ONCE):
        some = lines[first : first + AT_ONCE]
        for line in some:
            line.say(asked)
        await world.settle(until=lambda some=some: all(line.is_closed for line in some))  # type: ignore[misc]
    statuses = {answer.status for line in lines for answer in line.answers()}
    assert (len(world.unreliable.appended), len(world.clock.getDelayedCalls())) == before
    assert world.heard == 0 and world.live == world._watched
    return Seen(one(statuses), f"{CROWD} at once: nothing is stored")


@flow("login-start flood 10 k: state kept in cookie, not in server memory")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    before = len(world.unreliable.appended), len(world.clock.getDelayedCalls())
    visitor = world.visitor()
    sign_in = location_of(await visitor.get(PAGE, follow=False))
    target = sign_in.removeprefix(f"https://{AUTHENTICATE}")
    asked = f"GET {target} HTTP/1.1\r\nHost: {AUTHENTICATE}\r\n\r\n".encode()
    world.watch()
    line = await world.connect()
    for sent in range(100, FLOOD + 1, 100):
        line.say(asked * 100)
        await world.settle(until=lambda sent=sent: line.received.count(b"HTTP/1.1 ") == sent)  # type: ignore[misc]
    assert line.received.count(b"HTTP/1.1 302 ") == FLOOD
    assert (len(world.unreliable.appended), len(world.clock.getDelayedCalls())) == before
    assert world.live == world._watched
    return Seen(302, f"{FLOOD} begun: nothing is stored")


@flow("prompt=none failure login_required handled without loop")
async def _(world: IdentityWorld) -> Seen:
    await world.restart(idp_request_params={"prompt": "none"})
    world.watch()
    visitor = world.visitor()
    answer = await visitor.get(PAGE)
    world.assert_nobody_signed_in(visitor, answer)
    assert len(answer.trail) <= 3, answer.trail
    return Seen(answer.status)


@flow("redirect loop guard: IdP returns immediately with bad token 10x -> error page not endless 302")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    statuses = set()
    with world.making(lambda mint: mint.token({"aud": "other"})):
        for _ in range(10):
            world.watch()
            answer = await visitor.get(PAGE)
            assert len(answer.trail) <= 3 and answer.get("Location") is None
            world.assert_nobody_signed_in(visitor, answer)
            statuses.add(answer.status)
    return Seen(one(statuses), "a page each time, with a link that nothing follows by itself")
