"""
Steps about cookies: whole sign-ins, and what browsers are told to keep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.hostile.names import APP, AUTHENTICATE, OP
from tests.hostile.run import Run, expects, step
from tests.scenarios.browser import Response

SIGN_OUT = f"https://{APP}/.pomerium/sign_out"
FROM_PAGE = {"Sec-Fetch-Site": "same-origin"}
MOST_LOGINS = 200
MOST_BYTES = 4096
"""
Of a cookie's name and value (RFC 6265bis section 5.6).
"""


@step("scenario", "cookies")
async def cookies(run: Run, what: Mapping[str, Any]) -> None:
    """
    Lets a person sign in and out, or begin to, and keeps every answer.
    """
    run.sessions_may_change = True
    if what["name"] == "unlimited pending-login cookies":
        await _begin_again_and_again(run)
        return
    if what["name"] == "name+value <= 4096 bytes":
        _gives_groups(run, 5000)
    visitor = await run.world.sign_in()
    await visitor.get(SIGN_OUT, fields=FROM_PAGE)
    run.kept["answers"] = [each for each in visitor.answers if not each.url.startswith(f"https://{OP}/")]


@step("login")
async def login(run: Run, what: Mapping[str, Any]) -> None:
    """
    Lets alice sign in while the OP says that of her; she is who the case's session is of.
    """
    count, size = re.fullmatch(r"(\d+) x (\d+) chars", what["claims"]["groups"]).groups()  # type: ignore[union-attr] # the catalogue's own words
    _gives_groups(run, int(count), int(size))
    run.sessions_may_change = True
    visitor = await run.world.sign_in()
    for recorder in run.world.recorders.values():
        recorder.forget()
    run.variables["SESS"] = visitor.handle(APP)


def _gives_groups(run: Run, count: int, size: int = 40) -> None:
    def altered(claims: dict[str, object]) -> object:
        return {**claims, "groups": [f"g{number}".ljust(size, "x") for number in range(count)]}

    # As OPs with many groups do: an ID Token of that length is refused (`jose.jwt.MOST_BYTES`).
    run.world.provider.alterations["userinfo"] = altered
    run.cleanups.append(lambda: run.world.provider.alterations.pop("userinfo", None))


async def _begin_again_and_again(run: Run) -> None:
    visitor = run.world.visitor()
    for number in range(MOST_LOGINS):
        page = await visitor.get(f"https://{APP}/page{number}")
        run.require(page.status == 200 and page.url.startswith(f"https://{OP}/"), f"login {number}: {page.status}")
    run.kept["pending"] = sum(host == AUTHENTICATE for host, _ in visitor.cookies)
    run.kept["bytes"] = sum(len(name) + len(value) for (host, name), value in visitor.cookies.items() if host != OP)
    done = await visitor.press(page, "Sign in as Alice")
    run.require((done.status, done.url) == (200, f"https://{APP}/page{MOST_LOGINS - 1}"), f"then {done.status}")


def _set(run: Run) -> list[tuple[Response, str]]:
    return [(each, cookie) for each in run.kept["answers"] for cookie in each.get_all("Set-Cookie")]


def _cleared(run: Run) -> None:
    made: dict[str, set[str]] = {}
    cleared = set()
    for _, cookie in _set(run):
        pair, *attributes = (part.strip() for part in cookie.split(";"))
        name, _, value = pair.partition("=")
        lasting = {each.lower() for each in attributes if not each.lower().startswith(("max-age", "expires"))}
        if value:
            made[name] = lasting
        else:
            run.require("Max-Age=0" in attributes, f"{name} is emptied and kept")
            run.require(lasting == made.get(name, lasting), f"{name} is cleared as another: {lasting}")
            cleared.add(name)
    run.require({"_pomerium", "_pomerium_authenticate"} <= cleared, f"only {cleared} are cleared")


def _short(run: Run) -> None:
    longest = max(len(cookie.split(";")[0]) for _, cookie in _set(run))
    run.require(longest <= MOST_BYTES, f"a cookie has {longest} bytes")


def _stored_nowhere(run: Run) -> None:
    for answer, cookie in _set(run):
        policy = answer.get("Cache-Control") or ""
        run.require("no-store" in policy, f"{cookie.split('=')[0]} comes with {policy!r} from {answer.url[:60]}")


def _few(run: Run) -> None:
    run.require(run.kept["bytes"] <= 65_536 * 3 // 4, f"{run.kept['bytes']} bytes of cookies")


expects(
    "CK-038",
    outcome="each cookie is cleared as it was set",
    check=_cleared,
    because="pomerium-behaviour.md 1.6: same Name, Path, Domain and flags, empty value, Max-Age=0.",
)
expects(
    "CK-040",
    outcome="5,000 groups do not make a cookie longer than 4,096 bytes",
    check=_short,
    because="RFC 6265bis section 5.6; a handle is a reference, what is known of a person is in the registry.",
)
expects(
    "CK-041",
    outcome="Cache-Control: no-store with every Set-Cookie, signing in and out",
    check=_stored_nowhere,
    because="RFC 9111 section 7.3: an answer with a cookie is for one browser.",
)
expects(
    "CK-042",
    outcome="200 are begun within their 300 s, and the last can be finished",
    check=_few,
    because="docs/limits.md: a head has 64 KiB, which pending sign-ins do not fill: browsers keep fewer of a site.",
    overrules="pomerium-behaviour.md 1.6: one cookie for each, for 300 s, that only the callback gets and could evict.",
)
