"""
Who a sign-in makes of somebody, and what that lets them reach.
"""

from __future__ import annotations

from tests.hostile.identity_flow import flow
from tests.hostile.identity_hosts import SECOND, TWO_PROVIDERS
from tests.hostile.identity_login import Seen, one, refused
from tests.hostile.identity_world import PAGE, IdentityWorld
from tests.hostile.names import AUTHENTICATE, configuration


def _with_policy(**policy: object) -> dict[str, object]:
    first, *others = [route for route in configuration()["routes"] if route["name"] == "app"]
    assert not others
    kept = {name: value for name, value in first.items() if not name.startswith("allow_any")}
    rest = [route for route in configuration()["routes"] if route["name"] != "app"]
    return {"routes": [*rest, kept | policy]}


@flow("email_verified=false when policy needs verified")
async def _(world: IdentityWorld) -> Seen:
    await world.restart(**_with_policy(policy=[{"allow": {"and": [{"claim/email_verified": True}]}}]))
    statuses = set()
    for value in (False, None, "false", 0, [], [False], {"true": True}, ""):
        statuses.add(await _status_with(world, {"email_verified": value}))
    assert await _status_with(world, {"email_verified": True}) == 200
    return Seen(
        one(statuses), "a claim that the policy asks for; without such a rule addresses are believed as they come"
    )


async def _status_with(world: IdentityWorld, claims: dict[str, object], person: str = "alice", url: str = PAGE) -> int:
    with world.altered("id_token", lambda said: said | claims), world.altered("userinfo", lambda said: said | claims):
        world.watch()
        answer = await world.visitor(person).get(url)
    assert answer.url == url, answer.url
    assert (answer.status == 200) == (world.heard == 1)
    return answer.status


@flow("email case/unicode normalisation (ADMIN@, admin\u0131)")
async def _(world: IdentityWorld) -> Seen:
    await world.restart(**_with_policy(allowed_users=["admin@example.com"]))
    statuses = set()
    near = (
        "adm\u0131n@example.com",
        "\uff41dmin@example.com",
        "admin@example.com\u0000",
        "admin@example.com ",
        " admin@example.com",
        "admin@exam\u00adple.com",
        "admin@example.com@evil.test",
        "evil@evil.test,admin@example.com",
        "admin@example.com.evil.test",
        "\u202eadmin@example.com",
        "a\u0434min@example.com",
    )
    for email in near:
        statuses.add(await _status_with(world, {"email": email}))
    capital = await _status_with(world, {"email": "ADMIN@EXAMPLE.COM"})
    assert await _status_with(world, {"email": "admin@example.com"}) == 200
    return Seen(one(statuses), f"capital letters: {capital}")


@flow("sub of another issuer with same sub is another user")
async def _(world: IdentityWorld) -> Seen:
    await world.restart(**TWO_PROVIDERS)
    alice = await world.assert_signs_in()
    (first,) = world.house.registry.sessions()
    elsewhere = world.visitor()
    page = await elsewhere.get(f"https://{SECOND}/page")
    page = await elsewhere.press(page, "Sign in as Alice")
    assert page.status == 200, page.text[:200]
    (second,) = [session for session in world.house.registry.sessions() if session.id != first.id]
    assert first.sub == second.sub
    cookies = {name: value for (host, name), value in elsewhere.cookies.items() if host == SECOND}
    presented = "; ".join(f"{name}={value}; _pomerium={value}" for name, value in cookies.items())
    stolen = await world.visitor().once("GET", PAGE, {"Cookie": presented})
    assert stolen.status == 302, "the other issuer's person was let in"
    token = world.second.logout_token("rp1", sub=second.sub)
    answer = await elsewhere.post(f"https://{AUTHENTICATE}/.pomerium/backchannel_logout", {"logout_token": token})
    assert answer.status == 200 and world.live == {first.id}, (answer.status, answer.text)
    assert (await alice.get(PAGE)).status == 200
    return Seen(
        None, "on a route of one issuer the other's session is none; a logout by one leaves the other's session"
    )


@flow("acr/auth_time/max_age not met")
async def _(world: IdentityWorld) -> Seen:
    from tests.conformance import adversarial_claims as claims

    await world.restart(idp_request_params={"max_age": "3600"})
    statuses = {(await refused(world, make, name)).status for name, make in claims.too_long_ago()}
    await world.assert_signs_in()
    return Seen(one(statuses), "acr is never asked for")


@flow("hd/aud array tricks")
async def _(world: IdentityWorld) -> Seen:
    tricks = ([["rp1"]], ["rp1", "other"], ["other", "rp1"], {"rp1": 1}, "rp1 other", "rp1,other", ["rp1", None], [""])
    statuses = {
        (await refused(world, lambda mint, aud=aud: mint.token({"aud": aud}), repr(aud))).status for aud in tricks
    }
    await world.restart(**_with_policy(allowed_domains=["example.com"]))
    for hd in ("example.com", ["example.com"], {"example.com": 1}):
        assert await _status_with(world, {"hd": hd, "email": "alice@evil.test"}) == 403, hd
    return Seen(one(statuses), "hd lets nobody in")


@flow("userinfo sub differs from ID token sub")
async def _(world: IdentityWorld) -> Seen:
    statuses = set()
    for sub in ("248289761002", "", None, 248289761001, ["248289761001"], "248289761001 "):
        with world.altered("userinfo", lambda said, sub=sub: said | {"sub": sub}):
            statuses.add((await refused(world, lambda mint: mint.token(), f"sub {sub!r}")).status)
    return Seen(one(statuses))


@flow("userinfo returns JSON array / HTML / 1 GiB / redirect")
async def _(world: IdentityWorld) -> Seen:
    from tests.hostile import identity_faults as faults

    statuses = set()
    for name in ("200 JSON array", "200 HTML", "200 MiB body", "302 off-origin"):
        for _, behaviour in faults.behaviours(name):
            with world.sockets.behaving("userinfo", behaviour):
                statuses.add((await refused(world, lambda mint: mint.token(), name)).status)
    return Seen(one(statuses), "of what is too long a megabyte is read")


@flow("groups claim as object / string / null / nested")
async def _(world: IdentityWorld) -> Seen:
    await world.restart(**_with_policy(policy=[{"allow": {"and": [{"groups": {"has": "admin"}}]}}]))
    statuses = set()
    odd = (
        {"admin": True},
        {"admin": ["admin"]},
        {"x": "admin"},
        None,
        [["admin"]],
        [{"name": "admin"}],
        "administrator",
        "admin,other",
        "admin other",
        ["ADMIN"],
        ["admin "],
        7,
        True,
        [None, 7],
        "",
        [],
    )
    wrong = []
    for groups in odd:
        status = await _status_with(world, {"groups": groups})
        if status != 403:
            wrong.append((groups, status))
        statuses.add(status)
    assert not wrong, wrong
    assert await _status_with(world, {"groups": ["admin"]}) == 200
    return Seen(one(statuses), "nobody is in a group by them")
