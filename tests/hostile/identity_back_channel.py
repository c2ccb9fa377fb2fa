"""
Logout tokens, right and wrong ones.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from pomerium_tx.demo.messages import Fault
from tests.doubles import keys
from tests.hostile.catalogue import Case
from tests.hostile.identity_endpoints import STALE
from tests.hostile.identity_hosts import TWO_PROVIDERS
from tests.hostile.identity_login import Seen, UnknownStep, assertion, one
from tests.hostile.identity_logout import BACK_CHANNEL, FORM, good, mint, post, send
from tests.hostile.identity_provider import Said
from tests.hostile.identity_tokens import described
from tests.hostile.identity_world import PAGE, IdentityWorld
from tests.hostile.named import Named
from tests.hostile.names import APP, AUTHENTICATE, OTHER, PUB
from tests.scenarios.browser import Response


async def back_channel(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the steps of *case* say: a wrong token ends nothing, a right one in a right request ends everything.
    """
    if case.steps[0]["do"] == "scenario":
        name = str(case.steps[0]["name"])
        if name not in scenario:
            raise UnknownStep(name)
        return await scenario[name](world)
    last = case.steps[-1]
    if last["logout_token"] is not None:
        return await _wrong_token(world, last["logout_token"])
    return await _form(world, str(last["body"]), must_end="sessions ended" in case.written.get("must", ()))


async def _wrong_token(world: IdentityWorld, wanted: dict[str, Any]) -> Seen:
    proxys = await assertion(world)
    if "{ISS2}" in json.dumps(wanted):
        await world.restart(**TWO_PROVIDERS)
    alice = [await world.assert_signs_in() for _ in range(2)]
    statuses = set()
    for name, make in described(wanted, proxys=proxys):
        world.watch()
        # One whose key is not known waits for it, ten seconds at most.
        world.patience = 12.0
        answer = await post(world, make(mint(world)))
        world.patience = 0.0
        assert answer.get("Cache-Control") == "no-store", name
        assert world.live == world._watched, f"{name}: a session has ended"
        _assert_error(answer, name)
        statuses.add(answer.status)
    for visitor in alice:
        assert (await visitor.get(PAGE, follow=False)).status == 200
    assert (await post(world, good(world))).status == 200
    alices = {session.id for session in world.house.registry.sessions() if session.email == "alice@example.com"}
    assert not alices, "the right token ends nothing"
    return Seen(one(statuses))


def _assert_error(answer: Response, name: str) -> None:
    if answer.content:
        assert (answer.get("Content-Type") or "").partition(";")[0] == "application/json", name
        assert json.loads(answer.content)["error"] == "invalid_request", name


def _forms(
    token: str,
) -> dict[str, Iterator[tuple[str, bytes, str, list[str]]] | list[tuple[str, bytes, str, list[str]]]]:
    right = urlencode({"logout_token": token}).encode()
    boundary = "multipart/form-data; boundary=x"
    part = f'--x\r\nContent-Disposition: form-data; name="logout_token"\r\n\r\n{token}\r\n--x--\r\n'.encode()
    query = f"?logout_token={token}"
    methods = {
        f"({method})": [(f"{method} {query}", b"", FORM, []), (f"{method} ", right, FORM, [])]
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS")
    }
    bodiless = {f"({method})": [(f"{method} {query}", b"", "", [])] for method in ("GET", "HEAD")}
    return {
        "logout_token=x&logout_token={LT}": [
            ("POST ", b"logout_token=x&" + right, FORM, []),
            ("POST ", right + b"&logout_token=x", FORM, []),
            ("POST ", right + b"&" + right, FORM, []),
        ],
        "(query) ?logout_token={LT}": [(f"POST {query}", b"", FORM, []), (f"POST {query}", right, FORM, [])][:1],
        '(json) {"logout_token":"{LT}"}': [
            ("POST ", json.dumps({"logout_token": token}).encode(), "application/json", []),
            ("POST ", json.dumps({"logout_token": token}).encode(), FORM, []),
        ],
        "(multipart)": [("POST ", part, boundary, [])],
        "(application/x-www-form-urlencoded; charset=utf-8) logout_token={LT}": [
            ("POST ", right, FORM + "; charset=utf-8", []),
        ],
        "a=b&logout_token={LT}&c=d": [("POST ", b"a=b&" + right + b"&c=d", FORM, [])],
        "(gen)": [("POST ", b"x=1&" * 10_000 + right, FORM, [])],
        "logout_token=%zz": [("POST ", b"logout_token=%zz", FORM, []), ("POST ", right + b"%zz", FORM, [])],
        "(gzip)": [
            ("POST ", gzip.compress(right), FORM, ["Content-Encoding: gzip"]),
            ("POST ", gzip.compress(right + b"&x=" + bytes(1 << 24)), FORM, ["Content-Encoding: gzip"]),
        ],
        **methods,
        **bodiless,
    }  # fmt: skip


async def _form(world: IdentityWorld, body: str, *, must_end: bool) -> Seen:
    for _ in range(2):
        await world.assert_signs_in()
    if body == "(gen 100 MiB)":
        return await _endless(world)
    token = good(world)
    found = _forms(token).get(body)
    if found is None:
        raise UnknownStep(body)
    statuses = set()
    for how, content, content_type, fields in found:
        method, _, query = how.partition(" ")
        world.watch()
        answer = await send(world, method, BACK_CHANNEL + query, content, content_type, *fields)
        assert answer.get("Cache-Control") == "no-store", answer.fields
        assert answer.get("Location") is None
        assert world.live == (set() if must_end else world._watched), (how, content[:60])
        statuses.add(answer.status)
    return Seen(one(statuses))


async def _endless(world: IdentityWorld) -> Seen:
    """
    The answer comes while most of it is still to come.
    """
    world.watch()
    line = await world.connect()
    size = 100 << 20
    head = f"POST /.pomerium/backchannel_logout HTTP/1.1\r\nHost: {AUTHENTICATE}\r\nContent-Type: {FORM}\r\n"
    line.say(f"{head}Content-Length: {size}\r\n\r\nlogout_token=".encode() + b"x" * 200_000)
    await world.settle(until=lambda: bool(line.answers()))
    answer = line.answers()[0]
    assert "no-store" in answer.fields.get("cache-control", ""), answer.fields
    assert world.live == world._watched
    return Seen(answer.status, "answered while nearly all of it is to come")


Scenario = Callable[[IdentityWorld], Awaitable[Seen]]
scenario: Named[Scenario] = Named()


@scenario("valid: sub only")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    older = world.live
    newer = await world.assert_signs_in()
    await world.assert_signs_in("bob")
    # The newer of them ends by itself.
    await newer.get(f"https://{APP}/.pomerium/sign_out", fields={"Sec-Fetch-Site": "same-origin"})
    await world.assert_signs_in()
    assert older <= world.live
    answer = await post(world, good(world))
    emails = [session.email for session in world.house.registry.sessions()]
    assert emails == ["bob@example.com"], emails
    return Seen(answer.status)


@scenario("valid: sub and sid that disagree")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    (session,) = world.house.registry.sessions()
    await world.assert_signs_in("bob")
    before = world.live
    bob = world.provider.users["bob"].sub
    answers = [await post(world, good(world, sid=session.sids[0], sub=bob))]
    answers.append(await post(world, good(world, sid="nobody's", sub=session.sub)))
    assert world.live == before
    return Seen(one({answer.status for answer in answers}), "nothing ends that does not match both")


@scenario("valid: sub of a user with no session")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in("bob")
    before = world.live
    answer = await post(world, good(world))
    assert answer.get("Cache-Control") == "no-store" and world.live == before
    return Seen(answer.status)


@scenario("valid token while IdP JWKS is down but key cached")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    for wait in (0.0, STALE):
        await world.assert_signs_in()
        await world.advance(wait, step=wait or 1.0)
        with world.sockets.behaving("jwks", lambda right: Said((), "reset")):
            answer = await post(world, good(world))
        assert not world.live
    return Seen(answer.status)


@scenario("valid token, unknown kid, JWKS down")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    before = world.live
    other = replace(mint(world), kid="nope")
    world.patience = 30.0
    world.watch()
    with world.sockets.behaving("jwks", lambda right: Said((), "hang")):
        answer = await post(world, other.token(key=keys.private_key("RS256", "stranger")))
    world.patience = 0.0
    assert world.live == before and world.waited <= 10.0, world.waited
    assert any("logout" in str(event.get("log_format", "")).lower() for event in world.events), "not in the log"
    return Seen(answer.status, f"after {world.waited} s")


@scenario("valid token while the session store is down")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    before = world.live
    world.unreliable.break_down()
    token = good(world)
    answer = await post(world, token)
    assert world.live == before and answer.get("Retry-After"), answer.fields
    world.unreliable.failure = None
    again = await post(world, token)
    assert again.status == 200 and not world.live, "the same token works when it can be recorded"
    return Seen(answer.status)


@scenario("kill -9 right after the 200 is written")
async def _(world: IdentityWorld) -> Seen:
    alice = await world.assert_signs_in()
    handle = alice.handle(APP)
    answer = await post(world, good(world))
    # Sessions are in memory: whatever begins after a crash knows none, neither those that had ended.
    await world.restart()
    for value in (handle,):
        stolen = await world.visitor().once("GET", PAGE, {"Cookie": f"_pomerium={value}"})
        assert stolen.status == 302, stolen.status
    assert world.heard == 0
    return Seen(answer.status, "a new process knows no session of the old one")


@scenario("session created concurrently with logout(sub)")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    with world.sockets.holding("token"):
        line = await world.connect()
        cookies = "; ".join(
            f"{name}={value}" for (host, name), value in visitor.cookies.items() if host == AUTHENTICATE
        )
        target = url.removeprefix(f"https://{AUTHENTICATE}")
        line.say(f"GET {target} HTTP/1.1\r\nHost: {AUTHENTICATE}\r\nCookie: {cookies}\r\n\r\n".encode())
        await world.settle(until=lambda: bool(world.sockets.held["token"]))
        await world.advance(1.0)
        answer = await post(world, good(world))
    await world.settle(until=lambda: bool(line.answers()))
    assert line.answers()[0].status == 401 and not world.live, "a sign-in under way has won"
    await world.advance(1.0)
    await world.assert_signs_in()
    return Seen(answer.status, "one under way loses: 401; one begun after lives")


@scenario("session refresh in flight during logout")
async def _(world: IdentityWorld) -> Seen:
    world.provider.lifetimes = replace(world.provider.lifetimes, access_token=600.0)
    alice = await world.assert_signs_in()
    with world.sockets.holding("token"):
        for _ in range(60):
            if world.sockets.held["token"]:
                break
            await world.advance(10.0, step=10.0)
        assert world.sockets.held["token"], "it is never refreshed"
        answer = await post(world, good(world))
        assert not world.live
    await world.advance(60.0, step=10.0)
    assert not world.live, "the refresh has brought it back"
    fresh = world.minted[-1]["refresh_token"]
    revoked = [one.parameter("token") for one in world.provider.revocations]
    assert fresh in revoked, "what the refresh has brought is not revoked"
    assert (await alice.get(PAGE, follow=False)).status == 302
    return Seen(answer.status, "what it brings is revoked")


@scenario("client presents session cookie on the back-channel endpoint")
async def _(world: IdentityWorld) -> Seen:
    alice = await world.assert_signs_in()
    bob = await world.assert_signs_in("bob")
    before = world.live
    for host, visitor in ((APP, alice), (APP, bob)):
        own = visitor.cookies[AUTHENTICATE, "_pomerium_authenticate"]
        cookie = f"_pomerium={visitor.handle(host)}; _pomerium_authenticate={own}"
        for url in (BACK_CHANNEL, f"https://{APP}/.pomerium/backchannel_logout"):
            refused = await post(world, "garbage", url, cookie)
            assert (refused.status, world.live) == (400, before)
    answer = await post(
        world, good(world), f"https://{APP}/.pomerium/backchannel_logout", f"_pomerium={bob.handle(APP)}"
    )
    assert (await bob.get(PAGE, follow=False)).status == 200
    assert (await alice.get(PAGE, follow=False)).status == 302
    return Seen(answer.status)


@scenario("endpoint reachable on every route host or only on authenticate host as documented")
async def _(world: IdentityWorld) -> Seen:
    statuses = set()
    for host in (AUTHENTICATE, APP, OTHER, PUB):
        await world.assert_signs_in()
        url = f"https://{host}/.pomerium/backchannel_logout"
        for method in ("GET", "HEAD", "PUT"):
            asked = await send(world, method, url, b"", "")
            assert (asked.status, asked.get("Location")) == (405, None), (method, host, asked.status)
        assert (await post(world, "x", url)).status == 400
        statuses.add((await post(world, good(world), url)).status)
        assert not world.live, host
    return Seen(one(statuses), "on every host")


@scenario("refresh/access token revoked at OP (RFC 7009) after logout, OP down")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    world.provider.faults["revocation"] = Fault(silent=True)
    with world.sockets.holding("revocation"):
        answer = await post(world, good(world))
        assert not world.live
    world.provider.faults["revocation"] = Fault(status=503)
    await world.advance(30.0, step=5.0)
    world.provider.faults.clear()
    await world.advance(3600.0, step=60.0)
    assert world.provider.revocations, "it is never revoked"
    return Seen(answer.status, "revoked when that is possible")
