"""
What comes back from the OP that is no answer to this browser's request, and what a sign-in must not do.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

from pomerium_tx.demo.messages import Fault
from tests.conformance.case import query_of, with_query
from tests.hostile.catalogue import Case
from tests.hostile.identity_hosts import OP2, SECOND, TWO_PROVIDERS
from tests.hostile.identity_login import Seen, UnknownStep, one, refused
from tests.hostile.identity_world import CALLBACK, ISSUER, IdentityWorld, location_of
from tests.hostile.named import Named
from tests.hostile.names import APP, AUTHENTICATE
from tests.hostile.visitor import Visitor

BIG = 1 << 20

Flow = Callable[[IdentityWorld], Awaitable[Seen]]
flow: Named[Flow] = Named()


async def callback(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the only step of *case* says.
    """
    name = str(case.steps[0]["mutation"])
    if name not in flow:
        raise UnknownStep(name)
    return await flow[name](world)


async def refuses(world: IdentityWorld, *changes: Callable[[str], str], asks: bool = False) -> Seen:
    """
    What becomes of responses that are other than the right one; the OP is asked for no tokens.
    """
    statuses = set()
    for change in changes:
        visitor = world.visitor("alice")
        url = change(await world.to_callback(visitor))
        statuses.add(await refuses_url(world, visitor, url, asks=asks))
    await world.assert_signs_in()
    return Seen(one(statuses))


async def refuses_url(world: IdentityWorld, visitor: Visitor, url: str, *, asks: bool = False) -> int:
    """
    What a browser gets there, which is no session.
    """
    world.watch()
    answer = await visitor.get(url, follow=False)
    world.assert_nobody_signed_in(visitor, answer)
    if not asks:
        assert not world.provider.code_exchanges, "the OP was asked for tokens"
    return answer.status


def query(**changed: str | None) -> Callable[[str], str]:
    """
    What changes parameters of a URL, or leaves them out.
    """
    return lambda url: with_query(url, **changed)


@flow("state empty")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, query(state=""), query(state=None))


@flow("state unknown")
async def _(world: IdentityWorld) -> Seen:
    stranger = base64.urlsafe_b64encode(bytes(200)).decode()
    return await refuses(world, *(query(state=value) for value in ("x", "e30", "A" * 43 + "=", stranger)))


@flow("state of another browser (no/other login cookie): login CSRF")
async def _(world: IdentityWorld) -> Seen:
    statuses = set()
    attacker = world.visitor("bob")
    url = await world.to_callback(attacker)
    statuses.add(await refuses_url(world, world.visitor(), url))
    victim = world.visitor("alice")
    await world.to_callback(victim)
    statuses.add(await refuses_url(world, victim, url))
    return Seen(one(statuses))


@flow("state replayed after success")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    assert (await visitor.get(url)).status == 200
    world.watch()
    answer = await visitor.get(url, follow=False)
    assert world.live == world._watched and not world.provider.code_exchanges
    assert not [cookie for cookie in answer.get_all("Set-Cookie") if "_authenticate=e" in cookie]
    return Seen(answer.status, "the session of the first time goes on")


@flow("state replayed after failure")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    world.provider.faults["token"] = Fault(status=500)
    assert (await visitor.get(url, follow=False)).status == 502
    world.provider.faults.clear()
    return Seen(await refuses_url(world, visitor, url))


@flow("state expired (> 10 min)")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    await world.advance(601.0, step=601.0)
    return Seen(await refuses_url(world, visitor, url))


@flow("state tampered (each byte)")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    state = query_of(url)["state"]
    statuses = set()
    for number in range(len(state.rstrip("="))):
        other = state[:number] + ("B" if state[number] == "A" else "A") + state[number + 1 :]
        statuses.add(await refuses_url(world, visitor, with_query(url, state=other)))
    return Seen(one(statuses), f"{len(state)} letters")


def _twice(name: str) -> list[Callable[[str], str]]:
    def again(url: str) -> str:
        return f"{url}&{name}={query_of(url)[name]}"

    return [again, lambda url: f"{url}&{name}=x", lambda url: url.replace("?", f"?{name}=x&")]


@flow("state duplicated in query (state=a&state=b)")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, *_twice("state"))


@flow("code duplicated")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, *_twice("code"))


@flow("iss duplicated")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, *_twice("iss"))


@flow("code empty")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, query(code=""), query(code=None))


@flow("code 1 MiB")
async def _(world: IdentityWorld) -> Seen:
    return await _too_long(world, BIG)


@flow("callback with 20 000-byte query")
async def _(world: IdentityWorld) -> Seen:
    return await _too_long(world, 20_000)


async def _too_long(world: IdentityWorld, size: int) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    world.watch()
    answer = await visitor.get(with_query(url, code="x" * size), follow=False)
    assert world.live == set() or world.live == world._watched
    assert not world.provider.code_exchanges
    return Seen(answer.status)


@flow("callback by POST when response_mode=query")
async def _(world: IdentityWorld) -> Seen:
    visitor = world.visitor("alice")
    url = await world.to_callback(visitor)
    world.watch()
    answer = await visitor.post(url, {}, follow=False)
    world.assert_nobody_signed_in(visitor, answer)
    assert not world.provider.code_exchanges
    return Seen(answer.status)


@flow("callback without query")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, lambda _: CALLBACK, lambda _: CALLBACK + "?", lambda _: CALLBACK + "?&&")


@flow("error_description=<script>")
async def _(world: IdentityWorld) -> Seen:
    script = "<script>alert(1)</script>"
    statuses = set()
    for error in ("server_error", script):
        visitor = world.visitor("alice")
        url = with_query(await world.to_callback(visitor), code=None, error=error, error_description=script)
        world.watch()
        answer = await visitor.get(url, follow=False)
        world.assert_nobody_signed_in(visitor, answer)
        assert "<script" not in answer.text
        statuses.add(answer.status)
    return Seen(one(statuses))


@flow("iss missing while metadata says authorization_response_iss_parameter_supported")
async def _(world: IdentityWorld) -> Seen:
    wrong = (None, "", ISSUER + "/", ISSUER.upper(), "https://evil.test")
    return await refuses(world, *(query(iss=value) for value in wrong))


@flow("response of IdP B to a flow begun at IdP A (mix-up)")
async def _(world: IdentityWorld) -> Seen:
    await world.restart(**TWO_PROVIDERS)
    visitor = world.visitor("alice")
    at_a = await world.to_callback(visitor)
    elsewhere = world.visitor()
    page = await elsewhere.get(f"https://{SECOND}/page")
    action, form = page.form(0, "Sign in as Alice")
    at_b = query_of(location_of(await elsewhere.post(action, form, follow=False)))
    assert at_b["iss"] == f"https://{OP2}"
    statuses = set()
    for changed in (
        {"code": at_b["code"], "iss": at_b["iss"]},
        {"iss": at_b["iss"]},
        {"code": at_b["code"], "iss": None},
    ):
        world.second.requests.clear()
        statuses.add(await refuses_url(world, visitor, with_query(at_a, **changed)))
        assert not world.second.code_exchanges
    return Seen(one(statuses))


@flow("nonce missing in ID token")
async def _(world: IdentityWorld) -> Seen:
    from tests.conformance.adversarial_provider import GONE

    return Seen((await refused(world, lambda mint: mint.token({"nonce": GONE}), "no nonce")).status)


@flow("nonce reused")
async def _(world: IdentityWorld) -> Seen:
    await world.assert_signs_in()
    earlier = world._claims["nonce"]
    return Seen((await refused(world, lambda mint: mint.token({"nonce": earlier}), "an earlier nonce")).status)


@flow("callback while already signed in as another user: old session ended, new id")
async def _(world: IdentityWorld) -> Seen:
    visitor = await world.assert_signs_in("alice")
    before, handle = world.live, visitor.handle(APP)
    # The same browser, where somebody else is signed in at the OP now.
    url = await _second_sign_in(world, visitor)
    world.watch()
    answer = await visitor.get(url, follow=False)
    assert len(world.live) == 1 and not world.live & before, "the earlier session lives"
    assert world.session_of(handle) is None
    (session,) = world.house.registry.sessions()
    assert session.sub == world.provider.users["bob"].sub
    return Seen(answer.status, "the earlier session has ended, the new one has an id of its own")


async def _second_sign_in(world: IdentityWorld, visitor: Visitor) -> str:
    kept = dict(visitor.cookies)
    for key in ((AUTHENTICATE, "_pomerium_authenticate"), (APP, "_pomerium")):
        visitor.cookies.pop(key)
    visitor.cookies |= dict(world.visitor("bob").cookies.items())
    url = await world.to_callback(visitor)
    for key in ((AUTHENTICATE, "_pomerium_authenticate"), (APP, "_pomerium")):
        visitor.cookies[key] = kept[key]
    return url
