"""
Where a person may be sent: every target of the catalogue, at both places that take one, in every spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

import ada_url

from pomerium_tx.web.signed_url import UrlSigner
from tests.conformance.case import SHARED_SECRET
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, one
from tests.hostile.identity_tricks import targets
from tests.hostile.identity_world import PAGE, IdentityWorld, location_of
from tests.hostile.names import APP, AUTHENTICATE, LOOP, OP, OTHER, PUB
from tests.hostile.visitor import Visitor
from tests.scenarios.browser import Response

GOOD = f"https://{OTHER}/good"
ALLOWED = frozenset(f"https://{host}" for host in (APP, PUB, OTHER, LOOP, AUTHENTICATE, OP))
LISTED = 834
"""
As many of our own making as there are lines in the list that the catalogue names.
"""
MANY = 100_000
"""
For `strays`, which takes a second for them.
"""
_NOTE = re.compile(r" \((?:loop|downgrade|allowed: same host)\)$")
_SIGN_IN = f"https://{AUTHENTICATE}/.pomerium/sign_in"
_SIGN_OUT = f"https://{APP}/.pomerium/sign_out"
_NAME = "pomerium_redirect_uri"


def spellings(value: str) -> Iterator[str]:
    """
    The query in which a value stands, in each of the catalogue's ways.
    """
    once, good = quote(value, safe=""), quote(GOOD, safe="")
    if re.fullmatch(r"[!-~]+", value) and "#" not in value:
        yield f"{_NAME}={value}"
    yield f"{_NAME}={once}"
    yield f"{_NAME}={quote(once, safe='')}"
    yield f"{_NAME}={good}&{_NAME}={once}"
    yield f"{_NAME}={once}&{_NAME}={good}"


async def redirect_target(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the only step of *case* says.
    """
    step = case.steps[0]
    if step["do"] == "corpus":
        return await _many(world)
    if step["do"] == "http":
        return await _for_a_program(world)
    value = _NOTE.sub("", str(step["value"])).replace("{APP}", APP)
    where = str(step["endpoint"])
    if where == "sign_in redirect":
        return await _at_sign_in(world, value)
    if where == "sign_out pomerium_redirect_uri":
        return await _at_sign_out(world, value)
    raise UnknownStep(where)


def assert_stays(answers: list[Response], value: str) -> None:
    """
    No answer leads anywhere but to a host of ours, whoever reads it, or has the value as HTML.
    """
    for answer in answers:
        if answer.status == 0 or answer.url.startswith(f"https://{OP}/"):
            continue
        for location in answer.get_all("Location"):
            assert re.fullmatch(r"[!-~]+", location), f"{location!r} is no Location"
            url = ada_url.URL(location, base=answer.url)
            assert url.origin in ALLOWED, f"{value!r} led to {url.origin}"
            assert not url.username and not url.password, f"{value!r} led to {location!r}"
        markup = value.strip()
        if any(letter in markup for letter in '<>"'):
            assert markup not in answer.text, f"{value!r} stands in a page"


async def _at_sign_in(world: IdentityWorld, value: str) -> Seen:
    """
    Without our signature it is 400 whatever it is; with it - as if somebody had our key - it still leads nowhere else.
    """
    statuses = set()
    for query in spellings(value):
        visitor = world.visitor()
        bare = await visitor.get(f"{_SIGN_IN}?{query}", follow=False)
        assert bare.status in (400, 414), bare.status
        for walker in (world.visitor(), await _signed_in(world)):
            before = len(walker.answers)
            signed = UrlSigner(SHARED_SECRET).sign(f"{_SIGN_IN}?{query}", world.clock.seconds())
            answer = await walker.get(signed)
            assert_stays(walker.answers[before:], value)
            assert answer.url == "" or answer.status != 500, "500"
            statuses.add(walker.answers[before].status)
    # What a route host makes of the path that it is asked for, to the very end.
    if value.startswith("/") and re.fullmatch(r"[!-~]+", value) and len(value) < 4000:
        walker = world.visitor("alice")
        answer = await walker.once("GET", f"https://{APP}{value}", {})
        assert_stays(walker.answers, value)
        if answer.get("Location"):
            page = await walker.get(location_of(answer))
            assert_stays(walker.answers, value)
            assert ada_url.URL(page.url).host in (APP, AUTHENTICATE), page.url
    allowed = _is_ours(value)
    assert statuses <= ({302, 400} if allowed else {400, 414}), (value, statuses)
    return Seen(302 if allowed else 400)


def _is_ours(value: str) -> bool:
    return value.startswith(f"https://{APP}/.pomerium/sign_out")


async def _signed_in(world: IdentityWorld) -> Visitor:
    """
    A browser that is signed in, once for all that do not change that.
    """
    kept: Visitor | None = world.__dict__.get("_kept_visitor")
    if kept is None or not world.live:
        kept = await world.assert_signs_in()
        world.__dict__["_kept_visitor"] = kept
    return kept


async def _at_sign_out(world: IdentityWorld, value: str) -> Seen:
    """
    What may not be is ignored: the sign-out is the same, and ends at the page that says so.
    """
    statuses, ends = set(), set()
    for number, query in enumerate(spellings(value)):
        # Most of what is asked does not depend on a session.
        walker = await world.assert_signs_in() if number == 1 else world.visitor()
        before = len(walker.answers)
        answer = await walker.get(f"{_SIGN_OUT}?{query}", fields={"Sec-Fetch-Site": "same-origin"})
        if answer.url.startswith(f"https://{OP}/"):
            answer = await _through_the_op(world, walker, answer)
        assert_stays(walker.answers[before:], value)
        assert walker.answers[before].status == 302 or len(value) > 4000, walker.answers[before].status
        statuses.add(walker.answers[before].status)
        ends.add(answer.url.partition("?")[0])
    if _NAME not in value and len(value) < 4000:
        assert statuses == {302}, statuses
    # Whoever has no session is asked whether they want to be signed out there.
    allowed = {f"https://{AUTHENTICATE}/.pomerium/signed_out", f"https://{AUTHENTICATE}/.pomerium/sign_out"}
    assert ends <= allowed | ({_SIGN_OUT} if _is_ours(value) or len(value) > 4000 else set()), (value, ends)
    return Seen(one(statuses & {302}) if 302 in statuses else one(statuses))


async def _through_the_op(world: IdentityWorld, walker: Visitor, page: Response) -> Response:
    if page.text and "<form" in page.text:
        return await walker.press(page)
    return page


async def _many(world: IdentityWorld) -> Seen:
    """
    Targets of the same kinds, each at a sign-out and at a sign-in that has our signature.
    """
    visitor = await _signed_in(world)
    for value in targets(LISTED, seed=162):
        before = len(visitor.answers)
        signed = UrlSigner(SHARED_SECRET).sign(
            f"{_SIGN_IN}?{_NAME}={quote(value, safe='', errors='surrogatepass')}", world.clock.seconds()
        )
        await visitor.get(signed)
        walker = world.visitor()
        await walker.get(f"{_SIGN_OUT}?{_NAME}={quote(value, safe='', errors='surrogatepass')}")
        assert_stays([*visitor.answers[before:], *walker.answers], value)
    return Seen(None, f"0 of {LISTED} leave the allow-list")


async def _for_a_program(world: IdentityWorld) -> Seen:
    statuses = set()
    for evil in (
        "https://evil.test/",
        "https://localhost.evil.test/",
        "http://localhost@evil.test/",
        "//evil.test",
        "",
    ):
        visitor = world.visitor()
        url = f"https://{APP}/.pomerium/api/v1/login?{_NAME}={evil}"
        statuses.add((await visitor.get(url, follow=False)).status)
    return Seen(one(statuses))


def strays(rule: Callable[[str], str | None], values: Iterable[str]) -> tuple[int, list[str]]:
    """
    How many targets a rule honours, and those of them that lead a browser elsewhere than the rule believes.

    :param rule: The origin that a target is believed to have, if it is honoured.
    """
    honoured, found = 0, []
    for value in values:
        believed = rule(value)
        if believed is None:
            continue
        honoured += 1
        try:
            url = ada_url.URL(value, base=PAGE)
        except ValueError:
            # It leads nowhere.
            continue
        if url.origin != believed or url.username or url.password:
            found.append(value)
    return honoured, found
