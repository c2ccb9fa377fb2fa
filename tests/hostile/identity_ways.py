"""
Every way in which a session ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from pomerium_tx.demo.messages import Fault, Received
from tests.hostile.identity_logout import FRAME, good, post
from tests.hostile.identity_open import IDLE, LIFETIME, NOBODY, Stage, routes
from tests.hostile.identity_world import ISSUER
from tests.hostile.line import Line
from tests.hostile.names import APP, AUTHENTICATE

ACCESS_TOKEN = 600.0
STEP = 5.0
"""
Seconds for which an access token is good, and in which it is looked whether it is refreshed.
"""
End = Callable[[Stage], Awaitable[None]]


async def _by_herself(stage: Stage) -> None:
    answer = await stage.alice.get(
        f"https://{APP}/.pomerium/sign_out", follow=False, fields={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status == 302, answer.status


async def _by_frame(stage: Stage) -> None:
    query = f"iss={quote(ISSUER, safe='')}&sid={quote(stage.session.sids[0], safe='')}"
    answer = await stage.world.visitor().once("GET", f"https://{AUTHENTICATE}/.pomerium/sign_out?{query}", FRAME)
    assert answer.status == 200


async def _by_sid(stage: Stage) -> None:
    assert (await post(stage.world, good(stage.world, sid=stage.session.sids[0]))).status == 200


async def _by_sub(stage: Stage) -> None:
    assert (await post(stage.world, good(stage.world))).status == 200


async def _by_administrator(stage: Stage) -> None:
    port = stage.world._listen(stage.houses[0].admin_factory)
    line = Line(stage.world.moved)
    await connectProtocol(TCP4ClientEndpoint(stage.world.reactor, "127.0.0.1", port), line)
    stage.world.lines.append(line)
    line.say(b"DELETE /sessions?user=alice@example.com HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await stage.world.settle(until=lambda: bool(line.answers()))
    assert line.answers()[0].status == 200, line.received


async def _nearly_over(stage: Stage) -> None:
    left = stage.session.expires - stage.world.clock.seconds()
    await stage.world.advance(left - 2.0, step=left)


async def _by_time(stage: Stage) -> None:
    await stage.world.advance(3.0)


async def _by_idleness(stage: Stage) -> None:
    # Nothing moves any more of what is open; what was told of the end has a second to go.
    await stage.world.advance(IDLE + 6.0)


async def _asked_to_refresh(stage: Stage) -> None:
    """
    The OP has refused alice's refresh token, and its answer is on its way.
    """
    world = stage.world
    asked: list[Received] = []

    def refuse(received: Received) -> Fault | None:
        if received.parameter("refresh_token") != stage.session.tokens.refresh_token:
            return None
        asked.append(received)
        return Fault(status=400, body=b'{"error": "invalid_grant"}', content_type="application/json")

    world.provider.faults["token"] = refuse
    for _ in range(int(ACCESS_TOKEN / STEP)):
        world.sockets.held["token"] = []
        await world.advance(STEP, step=STEP)
        if asked:
            return
        # Those of others are on their way no longer than that.
        _arrive(stage)
    raise AssertionError("it is never refreshed")


def _arrive(stage: Stage) -> None:
    for arrive in stage.world.sockets.held.pop("token"):
        arrive()


async def _by_refusal(stage: Stage) -> None:
    _arrive(stage)
    await stage.world.settle(until=lambda: stage.session.id not in stage.world.live)
    stage.world.provider.faults.clear()
    await stage.world.advance(1.0)


async def _by_removal(stage: Stage) -> None:
    for house in stage.houses:
        house.reload(stage.world.read(idp_client_id="another"))
    await stage.world.settle()
    await stage.world.advance(1.0)


async def _by_reload(stage: Stage) -> None:
    for house in stage.houses:
        house.reload(stage.world.read(routes=routes(NOBODY)))
    await stage.world.settle()


@dataclass(frozen=True, kw_only=True)
class Way:
    """
    How a session ends, and the configuration in which it can.
    """

    end: End
    approach: End | None = None
    """
    Brings everything to a moment before.
    """
    changes: dict[str, object] = field(default_factory=dict)
    ends: bool = True
    """
    Whether it is an end: what only admits nobody any more leaves the session alive.
    """
    of_everybody: bool = False
    """
    Whether others' sessions end with it.
    """
    access_token: float | None = None
    """
    Seconds for which an access token is good.
    """


WAYS: dict[str, Way] = {
    "RP-initiated": Way(end=_by_herself),
    "front-channel": Way(end=_by_frame),
    "back-channel sid": Way(end=_by_sid),
    "back-channel sub": Way(end=_by_sub),
    "admin revoke": Way(end=_by_administrator),
    "session expiry": Way(
        end=_by_time, approach=_nearly_over, changes={"cookie_expire": f"{LIFETIME}s"}, of_everybody=True
    ),
    "user no longer allowed by policy reload": Way(end=_by_reload, ends=False),
    "idle": Way(end=_by_idleness, changes={"session_idle_timeout": f"{IDLE}s"}, of_everybody=True),
    "refresh refused by the provider": Way(end=_by_refusal, approach=_asked_to_refresh, access_token=ACCESS_TOKEN),
    "provider removed": Way(end=_by_removal, of_everybody=True),
}
