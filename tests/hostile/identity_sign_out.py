"""
Signing out: who may do it, how often, and with what luck.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pomerium_tx.oidc.fetch import DEADLINE
from tests.conformance.case import query_of
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, one
from tests.hostile.identity_provider import Said
from tests.hostile.identity_world import PAGE, IdentityWorld, location_of
from tests.hostile.named import Named
from tests.hostile.names import APP, AUTHENTICATE, CLIENT_ID, OP
from tests.hostile.visitor import Visitor
from tests.scenarios.browser import Response

AT_ROUTE = f"https://{APP}/.pomerium/sign_out"
AT_AUTHENTICATE = f"https://{AUTHENTICATE}/.pomerium/sign_out"
SIGNED_OUT = f"https://{AUTHENTICATE}/.pomerium/signed_out"
OWN = {"Sec-Fetch-Site": "same-origin"}

Scenario = Callable[[IdentityWorld, Visitor], Awaitable[Seen]]
scenario: Named[Scenario] = Named()


async def sign_out(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the steps of *case* say, with alice signed in.
    """
    name = str(case.steps[-1]["name"])
    if name not in scenario:
        raise UnknownStep(name)
    return await scenario[name](world, await world.assert_signs_in())


async def _ends_nothing(world: IdentityWorld, visitor: Visitor, method: str, url: str, **fields: str) -> Response:
    world.watch()
    answer = await visitor.once(method, url, {name.replace("_", "-"): value for name, value in fields.items()})
    assert world.live == world._watched, f"{method} {url} {fields} has ended a session"
    assert not [cookie for cookie in answer.get_all("Set-Cookie") if cookie.startswith("_pomerium=;")]
    return answer


@scenario("cross-site GET /.pomerium/sign_out (img tag)")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    statuses = set()
    for url in (AT_ROUTE, AT_AUTHENTICATE):
        for site in ("cross-site", "same-site", "unknown"):
            for mode, dest in (("no-cors", "image"), ("no-cors", "script"), ("cors", "empty"), ("no-cors", "empty")):
                answer = await _ends_nothing(
                    world, alice, "GET", url, Sec_Fetch_Site=site, Sec_Fetch_Mode=mode, Sec_Fetch_Dest=dest
                )
                statuses.add((url, answer.status))
            asks = await _ends_nothing(
                world, alice, "GET", url, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document"
            )
            assert asks.status in (200, 302), asks.status
            framed = await _ends_nothing(
                world, alice, "GET", url, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe"
            )
            assert framed.status in (200, 403), framed.status
    at_route = {status for url, status in statuses if url == AT_ROUTE}
    return Seen(one(at_route), "a person who follows a link from elsewhere is asked")


@scenario("POST with token of another session")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    bob = await world.assert_signs_in("bob")
    page = await bob.get(f"https://{AUTHENTICATE}/.well-known/pomerium")
    token = page.get("X-CSRF-Token") or ""
    assert token
    statuses = set()
    cookie = bob.cookies[AUTHENTICATE, "_pomerium_csrf"]
    for planted in (False, True):
        if planted:
            alice.cookies[AUTHENTICATE, "_pomerium_csrf"] = cookie
        for fields, form in (({**OWN, "X-CSRF-Token": token}, {}), (OWN, {"_pomerium_csrf": token})):
            world.watch()
            answer = await alice.post(AT_AUTHENTICATE, form, follow=False, fields=fields)
            assert world.live == world._watched, f"planted cookie: {planted}"
            assert answer.get("Location") is None
            statuses.add(answer.status)
    return Seen(one(statuses), "the page asks again; nothing has ended")


@scenario("HEAD sign_out")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    answers = [await _ends_nothing(world, alice, "HEAD", url, **_named(OWN)) for url in (AT_ROUTE, AT_AUTHENTICATE)]
    assert all(answer.get("Allow") for answer in answers)
    return Seen(one({answer.status for answer in answers}))


@scenario("method DELETE/PUT")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    statuses = set()
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS"):
        for url in (AT_ROUTE, AT_AUTHENTICATE):
            statuses.add((await _ends_nothing(world, alice, method, url, **_named(OWN))).status)
    return Seen(one(statuses))


@scenario("prefetch/prerender")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    statuses = set()
    for name, value in (
        ("Sec_Purpose", "prefetch"),
        ("Sec_Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X_Purpose", "preview"),
        ("X_Moz", "prefetch"),
    ):
        navigation = {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
        answer = await _ends_nothing(world, alice, "GET", AT_ROUTE, **navigation, **{name: value})
        assert "no-store" in (answer.get("Cache-Control") or "")
        statuses.add(answer.status)
    return Seen(one(statuses))


@scenario("sign out twice")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    cookies = dict(alice.cookies)
    first = await alice.get(AT_ROUTE, follow=False, fields=OWN)
    assert not world.live
    alice.cookies |= cookies
    second = await alice.get(AT_ROUTE, follow=False, fields=OWN)
    fresh = await world.visitor().get(AT_ROUTE, follow=False, fields=OWN)
    bases = {location_of(answer).partition("?")[0] for answer in (first, second, fresh)}
    assert bases == {AT_AUTHENTICATE}, bases
    return Seen(one({answer.status for answer in (first, second, fresh)}))


@scenario("sign out without session")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    visitor = world.visitor()
    world.watch()
    answer = await visitor.get(AT_ROUTE, follow=False, fields=OWN)
    page = await visitor.get(location_of(answer))
    assert page.status == 200 and world.live == world._watched
    return Seen(answer.status)


@scenario("sign out with a tampered cookie")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    visitor = world.visitor()
    statuses = set()
    handle = alice.handle(APP)
    for value in (handle[:-4] + "AAAA", "x", "", "e30.e30.e30", handle + "A", "\u00ff"):
        visitor.cookies[APP, "_pomerium"] = value
        world.watch()
        answer = await visitor.get(AT_ROUTE, follow=False, fields=OWN)
        cleared = [cookie for cookie in answer.get_all("Set-Cookie") if cookie.startswith("_pomerium=;")]
        assert cleared and "max-age=0" in cleared[0].lower(), answer.fields
        assert world.live == world._watched
        statuses.add(answer.status)
    return Seen(one(statuses))


@scenario("sign out while the store is down")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    before = dict(alice.cookies)
    world.watch()
    world.unreliable.break_down()
    answer = await alice.get(AT_ROUTE, follow=False, fields=OWN)
    world.unreliable.failure = None
    assert world.live == world._watched and alice.cookies == before
    assert "Nothing was signed out" in answer.text, answer.text
    assert (await alice.get(PAGE, follow=False)).status == 200
    return Seen(answer.status, "the cookie is kept; the same request may be tried again")


@scenario("sign out while the IdP end_session endpoint is down")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    answer = await alice.get(AT_ROUTE, follow=False, fields=OWN)
    assert not world.live, "the session lives"
    onward = await alice.get(location_of(answer), follow=False)
    assert location_of(onward).startswith(f"https://{OP}/end-session?")
    # A whole OP that is gone, with nothing known of it.
    await world.restart()
    again = await world.assert_signs_in()
    await world.advance(3601.0, step=3601.0)
    with world.sockets.behaving("discovery", lambda right: Said((), "hang")):
        world.watch()
        world.patience = 30.0
        second = await again.get(AT_ROUTE, follow=False, fields=OWN)
        assert not world.live
        await again.get(location_of(second), follow=False)
        world.patience = 0.0
    assert world.waited <= DEADLINE + 0.5, world.waited
    return Seen(answer.status, "the local end comes first, and waits for nobody")


@scenario("end_session request has id_token_hint, post_logout_redirect_uri (exact registered), state, client_id")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    id_token = world.minted[-1]["id_token"]
    answer = await alice.get(AT_ROUTE, follow=False, fields=OWN)
    asked = query_of(location_of(await alice.get(location_of(answer), follow=False)))
    assert asked["id_token_hint"] == id_token
    assert asked["post_logout_redirect_uri"] == SIGNED_OUT
    assert asked["client_id"] == CLIENT_ID
    assert len(asked["state"]) >= 20
    await alice.get(f"{SIGNED_OUT}?state={asked['state']}", follow=False)
    reused = await alice.get(f"{SIGNED_OUT}?state={asked['state']}", follow=False)
    assert reused.get("Location") is None
    return Seen(None, "exact; the state is checked on the return")


@scenario("post-logout return without state / wrong state")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    answer = await alice.get(f"{AT_ROUTE}?pomerium_redirect_uri=https://{APP}/bye", follow=False, fields=OWN)
    asked = query_of(location_of(await alice.get(location_of(answer), follow=False)))
    statuses = set()
    for query in ("", "?state=", "?state=x", f"?state={asked['state'][:-1]}", f"?state={asked['state']}&state=x"):
        page = await alice.get(SIGNED_OUT + query, follow=False)
        assert page.get("Location") is None, query
        assert not world.live and "sign in" in page.text.lower()
        statuses.add(page.status)
    stranger = await world.visitor().get(f"{SIGNED_OUT}?state={asked['state']}", follow=False)
    assert stranger.get("Location") is None, "the state is good in another browser"
    statuses.add(stranger.status)
    return Seen(one(statuses), "the page, and nothing else")


@scenario("sign-out response headers")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    world.watch()
    before = len(alice.answers)
    tokens = list(world.own_secrets())
    await alice.get(AT_ROUTE, fields=OWN)
    assert not world.live
    for answer in alice.answers[before:]:
        if answer.url.startswith(f"https://{OP}/"):
            continue
        assert "no-store" in (answer.get("Cache-Control") or ""), (answer.url, answer.fields)
        location = answer.get("Location") or ""
        assert "#" not in location
        assert answer.get("Clear-Site-Data") is None, "nothing was configured"
        if not location.startswith(f"https://{OP}/"):
            assert not [token for token in tokens if token in location]
    world.assert_nothing_told(
        *[one for one in alice.answers[before:] if not (one.get("Location") or "").startswith(f"https://{OP}")]
    )
    return Seen(
        None, "no-store on every one, no token but id_token_hint to the OP, Clear-Site-Data only where configured"
    )


@scenario("CSRF token in page is bound to session and single page load is cacheable never")
async def _(world: IdentityWorld, alice: Visitor) -> Seen:
    page = await alice.get(AT_AUTHENTICATE, follow=False)
    assert "no-store" in (page.get("Cache-Control") or "")
    _, form = page.form()
    token = form["_pomerium_csrf"]
    published = await alice.get(f"https://{AUTHENTICATE}/.well-known/pomerium")
    assert "no-store" in (published.get("Cache-Control") or "") and published.get("X-CSRF-Token")
    assert "x-csrf-token" not in (published.get("Access-Control-Expose-Headers") or "").lower()
    # The same browser with another session: its token is not good for that.
    other = await world.assert_signs_in("bob")
    other.cookies[AUTHENTICATE, "_pomerium_csrf"] = alice.cookies[AUTHENTICATE, "_pomerium_csrf"]
    world.watch()
    answer = await other.post(AT_AUTHENTICATE, {"_pomerium_csrf": token}, follow=False)
    assert world.live == world._watched, "a token of another session has ended one"
    assert answer.status == 200
    answer = await alice.post(AT_AUTHENTICATE, {"_pomerium_csrf": token}, follow=False)
    assert len(world.live) == 1, "its own session is not ended"
    return Seen(None, "bound to cookie and session, no-store")


def _named(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in fields.items()}
