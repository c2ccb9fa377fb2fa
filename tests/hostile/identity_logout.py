"""
What an OP, or somebody in its name, tells us about the end of its sessions.
"""

from __future__ import annotations

import itertools
import secrets
from typing import Any
from urllib.parse import quote, urlencode

from pomerium_tx.oidc.logout_token import EVENT
from tests.conformance.adversarial_provider import Mint
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, one
from tests.hostile.identity_world import ISSUER, IdentityWorld
from tests.hostile.names import APP, AUTHENTICATE, CLIENT_ID
from tests.hostile.visitor import Visitor
from tests.scenarios.browser import Response

BACK_CHANNEL = f"https://{AUTHENTICATE}/.pomerium/backchannel_logout"
FRONT_CHANNEL = f"https://{AUTHENTICATE}/.pomerium/sign_out"
FORM = "application/x-www-form-urlencoded"
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
_NUMBERS = itertools.count()


def mint(world: IdentityWorld, *, sub: str | None = None, sid: str | None = None) -> Mint:
    """
    What makes logout tokens about alice.
    """
    now = int(world.clock.seconds())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": f"{next(_NUMBERS)}-{secrets.token_hex(8)}",
        "events": {EVENT: {}},
    }
    if sid is not None:
        claims["sid"] = sid
    if sid is None or sub is not None:
        claims["sub"] = sub or world.provider.users["alice"].sub
    return world.mint(**claims)


def good(world: IdentityWorld, **names: str | None) -> str:
    """
    A logout token that ends all that alice has.
    """
    return mint(world, **names).token()


async def post(world: IdentityWorld, token: object, url: str = BACK_CHANNEL, cookie: str = "") -> Response:
    """
    What the OP is answered to a logout token.
    """
    body = urlencode({"logout_token": token}).encode()
    return await send(world, "POST", url, body, FORM, *([f"Cookie: {cookie}"] if cookie else []))


async def send(world: IdentityWorld, method: str, url: str, body: bytes, content_type: str, *fields: str) -> Response:
    """
    What is answered to a request of nobody's browser.
    """
    headers = dict(field.split(": ", 1) for field in fields)
    if content_type:
        headers["Content-Type"] = content_type
    return await Visitor(world).once(method, url, headers, body)


async def front_channel(world: IdentityWorld, case: Case) -> Seen:
    """
    A frame that names no session of ours ends none, whoever's browser it is in.
    """
    visitor = await world.assert_signs_in()
    (session,) = world.house.registry.sessions()
    written = str(case.steps[-1]["url"])
    sid, issuer = quote(session.sids[0], safe=""), quote(ISSUER, safe="")
    query = written.replace("{FC_LOGOUT}?", "").replace("{SID}", sid).replace("{ISS%25}", quote(issuer, safe=""))
    statuses = set()
    for base in (FRONT_CHANNEL, f"https://{APP}/.pomerium/sign_out"):
        for spelt in {query.replace("{ISS}", issuer), query.replace("{ISS}", ISSUER)}:
            spelt = spelt.replace("<", "%3C").replace(">", "%3E")
            for browser in (visitor, world.visitor()):
                world.watch()
                answer = await browser.once("GET", f"{base}?{spelt}", FRAME)
                assert world.live == world._watched, f"{spelt} has ended a session"
                assert "script" not in answer.text and answer.get("Location") is None, answer.text
                assert "no-store" in (answer.get("Cache-Control") or "")
                assert not answer.get_all("Set-Cookie"), answer.get_all("Set-Cookie")
                statuses.add(answer.status)
    right = await world.visitor().once("GET", f"{FRONT_CHANNEL}?iss={issuer}&sid={sid}", FRAME)
    assert right.status == 200 and not world.live, "the right frame ends nothing"
    return Seen(one(statuses))
