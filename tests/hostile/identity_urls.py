"""
Signed URLs that are not as we have signed them, or are not for whoever comes with them.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import parse_qsl, quote_plus, urlencode

from pomerium_tx.web.signed_url import EXPIRY, ISSUED, LEEWAY, LIFETIME, SIGNATURE, UrlSigner
from tests.conformance.case import SHARED_SECRET, with_query
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep, one
from tests.hostile.identity_world import PAGE, IdentityWorld, location_of
from tests.hostile.names import APP, AUTHENTICATE, OTHER
from tests.hostile.visitor import Visitor

REDIRECT = "pomerium_redirect_uri"
YEAR = 365 * 86_400.0


class Links:
    """
    The links of one sign-in: to the authenticate host, and back from it.
    """

    def __init__(self, world: IdentityWorld) -> None:
        self.world = world
        self.visitor = world.visitor("alice")
        self.sign_in = ""
        self.handover = ""

    async def begin(self) -> Links:
        """
        Sign in, but for the last step.
        """
        self.sign_in = location_of(await self.visitor.get(PAGE, follow=False))
        back = await self.visitor.get(await self.world.to_callback(self.visitor), follow=False)
        self.handover = location_of(await self.visitor.get(location_of(back), follow=False))
        assert self.handover.startswith(f"https://{APP}/.pomerium/callback"), self.handover
        return self


Change = Callable[[str], Iterator[str]]


async def signed_url(world: IdentityWorld, case: Case) -> Seen:
    """
    Do what the only step of *case* says.
    """
    name = str(case.steps[0]["mutation"])
    if name in _CHANGES:
        return await _refused(world, _CHANGES[name])
    if name not in _SPECIAL:
        raise UnknownStep(name)
    return await _SPECIAL[name](world)


async def _refused(world: IdentityWorld, change: Change, wait: float = 0.0) -> Seen:
    """
    Neither link does anything, however often it is tried; as it was, it does.
    """
    links = await Links(world).begin()
    statuses = set()
    if wait:
        await world.advance(wait, step=wait)
    for url in (links.sign_in, links.handover):
        for wrong in change(url):
            assert wrong != url
            statuses.add(await _nothing(world, links.visitor, wrong))
    if not wait:
        assert (await links.visitor.get(links.handover)).status == 200, "the right link does not work"
    return Seen(one(statuses))


async def _nothing(world: IdentityWorld, visitor: Visitor, url: str, method: str = "GET", form: str = "") -> int:
    world.watch()
    answer = (
        await visitor.get(url, follow=False)
        if method == "GET"
        else await visitor.post(url, parse_qsl(form), follow=False)
    )
    assert answer.get("Location") is None, answer.get("Location")
    assert world.live == world._watched
    assert not [cookie for cookie in answer.get_all("Set-Cookie") if cookie.startswith("_pomerium=e")]
    assert world.heard == 0
    return answer.status


def _parts(url: str) -> tuple[str, list[tuple[str, str]]]:
    base, _, query = url.partition("?")
    return base, parse_qsl(query, keep_blank_values=True)


def _whole(base: str, pairs: list[tuple[str, str]]) -> str:
    return f"{base}?{urlencode(pairs)}"


def _flipped(url: str) -> Iterator[str]:
    """
    Every bit of the signature.
    """
    base, pairs = _parts(url)
    raw = bytearray(base64.urlsafe_b64decode(dict(pairs)[SIGNATURE]))
    for bit in range(len(raw) * 8):
        raw[bit // 8] ^= 1 << bit % 8
        signature = base64.urlsafe_b64encode(bytes(raw)).decode()
        yield _whole(base, [(name, signature if name == SIGNATURE else value) for name, value in pairs])
        raw[bit // 8] ^= 1 << bit % 8


def _of_another(url: str) -> Iterator[str]:
    """
    The signature of the same link on another host, and the other way round.
    """
    base, pairs = _parts(url)
    unsigned = [pair for pair in pairs if pair[0] not in (SIGNATURE, ISSUED, EXPIRY)]
    issued = float(dict(pairs)[ISSUED])
    for other in (base.replace(AUTHENTICATE, APP).replace(APP, OTHER), f"https://{OTHER}/", base + "/"):
        signed = UrlSigner(SHARED_SECRET).sign_parameters(other, unsigned, issued)
        yield with_query(url, **{SIGNATURE: dict(_parts(signed)[1])[SIGNATURE]})
        if other.endswith("/.pomerium/callback/") is False:
            yield signed.replace(other, base, 1)


def _elsewhere(url: str) -> Iterator[str]:
    for target in (f"https://{OTHER}/", "https://evil.test/", f"https://{APP}/page2", ""):
        yield with_query(url, **{REDIRECT: target})


def _added(url: str) -> Iterator[str]:
    for name, value in (
        ("x", "1"),
        ("", ""),
        ("pomerium_idp_id", "x"),
        ("pomerium_programmatic", "true"),
        ("code", "1"),
    ):
        yield f"{url}&{name}={value}"
        yield url.replace("?", f"?{name}={value}&", 1)


def _removed(url: str) -> Iterator[str]:
    base, pairs = _parts(url)
    for gone in pairs:
        yield _whole(base, [pair for pair in pairs if pair != gone])


def _evil_last(url: str) -> Iterator[str]:
    for name, _ in _parts(url)[1]:
        yield f"{url}&{name}={quote_plus('https://evil.test/')}"


def _evil_first(url: str) -> Iterator[str]:
    for name, _ in _parts(url)[1]:
        yield url.replace("?", f"?{name}={quote_plus('https://evil.test/')}&", 1)


def _without_expiry(url: str) -> Iterator[str]:
    yield with_query(url, **{EXPIRY: None})
    yield with_query(url, **{EXPIRY: ""})
    # Even if it were signed so.
    base, pairs = _parts(url)
    kept = [(name, value) for name, value in sorted(pairs) if name not in (SIGNATURE, EXPIRY)]
    for expiry in ("", " "):
        mac = hmac.new(SHARED_SECRET, f"{_whole(base, kept)}{dict(pairs)[ISSUED]} {expiry}".encode(), "sha512_256")
        yield _whole(base, [*kept, (SIGNATURE, base64.urlsafe_b64encode(mac.digest()).decode())])


def _signed_with(key: bytes, url: str) -> str:
    base, pairs = _parts(url)
    kept = sorted((pair for pair in pairs if pair[0] != SIGNATURE), key=lambda pair: pair[0])
    times = dict(pairs)
    mac = hmac.new(key, f"{_whole(base, kept)}{times[ISSUED]} {times[EXPIRY]}".encode(), "sha512_256")
    return _whole(base, [*kept, (SIGNATURE, base64.urlsafe_b64encode(mac.digest()).decode())])


def _by_other_keys(url: str) -> Iterator[str]:
    assert dict(_parts(_signed_with(SHARED_SECRET, url))[1])[SIGNATURE] == dict(_parts(url)[1])[SIGNATURE]
    for key in (b"", b"\0", bytes(32), b"pomerium", SHARED_SECRET[:16], base64.b64encode(SHARED_SECRET)):
        yield _signed_with(key, url)


def _by_http(url: str) -> Iterator[str]:
    base, pairs = _parts(url)
    unsigned = [pair for pair in pairs if pair[0] not in (SIGNATURE, ISSUED, EXPIRY)]
    plain = UrlSigner(SHARED_SECRET).sign_parameters(
        base.replace("https", "http", 1), unsigned, float(dict(pairs)[ISSUED])
    )
    yield plain.replace("http", "https", 1)


def _future(url: str) -> Iterator[str]:
    base, pairs = _parts(url)
    unsigned = [pair for pair in pairs if pair[0] not in (SIGNATURE, ISSUED, EXPIRY)]
    for ahead in (LEEWAY + 2, 3600, YEAR):
        yield UrlSigner(SHARED_SECRET).sign_parameters(base, unsigned, float(dict(pairs)[ISSUED]) + ahead)


_CHANGES: dict[str, Change] = {
    "signature one bit flipped": _flipped,
    "signature of another route/host": _of_another,
    "pomerium_redirect_uri changed": _elsewhere,
    "parameter added after signing": _added,
    "parameter removed": _removed,
    "parameter duplicated (first signed, second evil)": _evil_last,
    "parameter duplicated (evil first)": _evil_first,
    "expiry missing": _without_expiry,
    "issued in the future beyond leeway": _future,
    "HMAC with empty key accepted?": _by_other_keys,
    "scheme http vs https signed": _by_http,
}


async def _late(world: IdentityWorld, by: float) -> Seen:
    links = await Links(world).begin()
    await world.advance(LIFETIME + LEEWAY - 1.0, step=1000.0)
    assert (await links.visitor.get(links.sign_in, follow=False)).status == 302, "within the leeway it is good"
    await world.advance(1.0 + by, step=by + 1.0)
    statuses = {await _nothing(world, links.visitor, url) for url in (links.sign_in, links.handover)}
    return Seen(one(statuses))


async def _by_post(world: IdentityWorld) -> Seen:
    links = await Links(world).begin()
    status = await _nothing(world, links.visitor, links.sign_in, "POST")
    assert await _nothing(world, links.visitor, links.handover, "POST") == 405
    return Seen(status, "the link back is for GET: 405")


async def _slashes(world: IdentityWorld) -> Seen:
    """
    The path is read in its one form before anybody looks at it: the link is the same link, and does the same.
    """
    links = await Links(world).begin()
    statuses = set()
    for change in ("//.pomerium/", "/.pomerium//", "///.pomerium/"):
        world.watch()
        doubled = await world.visitor().get(links.sign_in.replace("/.pomerium/", change), follow=False)
        plain = await world.visitor().get(links.sign_in, follow=False)
        there = [location_of(answer).partition("?")[0] for answer in (doubled, plain)]
        assert there[0] == there[1], there
        statuses.add(doubled.status)
        # Nor is the way back another browser's with more slashes.
        assert await _nothing(world, world.visitor("bob"), links.handover.replace("/.pomerium/", change)) == 400
    return Seen(one(statuses))


async def _another_browser(world: IdentityWorld) -> Seen:
    links = await Links(world).begin()
    status = await _nothing(world, world.visitor("bob"), links.handover)
    assert (await links.visitor.get(links.handover)).status == 200, "it is its own browser's still"
    return Seen(status)


async def _another_user(world: IdentityWorld) -> Seen:
    bob = await world.assert_signs_in("bob")
    before = bob.handle(APP)
    links = await Links(world).begin()
    world.watch()
    answer = await bob.get(links.handover, follow=False)
    assert bob.handle(APP) == before and world.live == world._watched
    assert (answer.get("Location") or "").startswith(PAGE) or answer.status == 400
    page = await bob.get(f"https://{APP}/whoami")
    assert page.text == "bob@example.com\n", page.text
    return Seen(answer.status, "bob is bob afterwards")


async def _purpose(world: IdentityWorld) -> Seen:
    links = await Links(world).begin()
    assert (await links.visitor.get(links.handover)).status == 200
    world.watch()
    asked = await links.visitor.get(links.sign_in.replace("/sign_in", "/sign_out"), follow=False)
    assert (asked.status, asked.get("Location")) == (200, None), asked.status
    assert world.live == world._watched, "something has ended"
    out = location_of(
        await links.visitor.get(
            f"https://{APP}/.pomerium/sign_out", follow=False, fields={"Sec-Fetch-Site": "same-origin"}
        )
    )
    status = await _nothing(world, links.visitor, out.replace("/sign_out", "/sign_in"))
    return Seen(status, "a link to sign in asks, at sign_out, whether that is wanted: 200, nothing ended")


async def _not_in_the_query(world: IdentityWorld) -> Seen:
    links = await Links(world).begin()
    statuses = set()
    for url in (links.sign_in, links.handover):
        base, pairs = _parts(url)
        signature = dict(pairs)[SIGNATURE]
        bare = _whole(base, [pair for pair in pairs if pair[0] != SIGNATURE])
        host = base.split("/")[2]
        links.visitor.cookies[host, SIGNATURE] = signature
        statuses.add(await _nothing(world, links.visitor, bare))
        if url == links.sign_in:
            statuses.add(await _nothing(world, links.visitor, bare, "POST", f"{SIGNATURE}={signature}"))
        links.visitor.cookies.pop((host, SIGNATURE))
    return Seen(one(statuses))


_SPECIAL: dict[str, Callable[[IdentityWorld], Awaitable[Seen]]] = {
    "signature over other method": _by_post,
    "path with //": _slashes,
    "expired by 1 s beyond leeway": lambda world: _late(world, 1.0),
    "expired by 1 year": lambda world: _late(world, YEAR),
    "replayed by another browser (no binding cookie)": _another_browser,
    "used for sign_out although minted for sign_in (purpose)": _purpose,
    "signature in cookie/body instead of query": _not_in_the_query,
    "signature valid, but session of another user": _another_user,
}
