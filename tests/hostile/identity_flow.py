"""
What comes back from the OP that is no answer to this browser's request, and what a sign-in must not do.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable

from pomerium_tx.demo.messages import Fault
from tests.conformance.case import query_of, with_query
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, one, refused
from tests.hostile.identity_world import CALLBACK, ISSUER, OP2, PAGE, SECOND, TWO_PROVIDERS, IdentityWorld, location_of
from tests.hostile.names import APP, AUTHENTICATE, CLIENT_SECRET, configuration
from tests.hostile.visitor import Visitor

CROWD = 1000
FLOOD = 2_000
BIG = 1 << 20

Flow = Callable[[IdentityWorld], Awaitable[Seen]]
FLOWS: dict[str, Flow] = {}


def flow(name: str) -> Callable[[Flow], Flow]:
    """
    A decorator: that is what the catalogue calls *name*.
    """

    def register(run: Flow) -> Flow:
        assert name not in FLOWS
        FLOWS[name] = run
        return run

    return register


async def callback(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the only step of *case* says.
    """
    name = str(case.steps[0]["mutation"])
    if name not in FLOWS:
        raise UnknownStep(name)
    return await FLOWS[name](world)


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


def _query(**changed: str | None) -> Callable[[str], str]:
    return lambda url: with_query(url, **changed)


@flow("state empty")
async def _(world: IdentityWorld) -> Seen:
    return await refuses(world, _query(state=""), _query(state=None))


@flow("state unknown")
async def _(world: IdentityWorld) -> Seen:
    stranger = base64.urlsafe_b64encode(bytes(200)).decode()
    return await refuses(world, *(_query(state=value) for value in ("x", "e30", "A" * 43 + "=", stranger)))


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
    return await refuses(world, _query(code=""), _query(code=None))


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
    return await refuses(world, *(_query(iss=value) for value in wrong))


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
    for line in lines:
        line.say(f"GET /x HTTP/1.1\r\nHost: {APP}\r\nConnection: close\r\n\r\n".encode())
    await world.settle(until=lambda: all(line.is_closed for line in lines))
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
