"""
What is left of a session after its end: every kind of thing that may be open, and every way in which it may end.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from pomerium_tx.demo.messages import Fault
from pomerium_tx.house import House
from pomerium_tx.sessions.session import Session
from tests.hostile.catalogue import Case
from tests.hostile.identity_login import Seen, UnknownStep
from tests.hostile.identity_logout import FRAME, good, post
from tests.hostile.identity_world import ISSUER, IdentityWorld
from tests.hostile.line import Line
from tests.hostile.names import APP, AUTHENTICATE, OTHER, configuration
from tests.hostile.recorder import Application, Recorder, Request, honest
from tests.hostile.visitor import Visitor
from tests.scenarios.traffic import HANDSHAKE, NOT_ADMITTED, SIGNED_OUT

LATE = b"LATE: what is said after the end"
MORE_HOSTS = tuple(f"host{number}.example.com" for number in range(8))
HOSTS = (APP, OTHER, *MORE_HOSTS)
PER_HOST = 10
LONGEST_ASSERTION = 300
LIFETIME, IDLE = 3600, 10
"""
Seconds.
"""
_ANYBODY = {"allow_any_authenticated_user": True}
_NOBODY = {"allowed_users": ["nobody@example.com"]}


def routes(admitted: dict[str, object]) -> list[dict[str, object]]:
    """
    The routes of the catalogue, and more hosts; who is admitted where anybody was is changed.
    """
    more = [
        {"from": f"https://{host}", "to": "http://other.internal:80", "name": host, **_ANYBODY} for host in MORE_HOSTS
    ]
    found = []
    for route in [*configuration()["routes"], *more]:
        if "allow_any_authenticated_user" in route:
            route = {key: value for key, value in route.items() if key != "allow_any_authenticated_user"} | admitted
        found.append(route)
    return found


@dataclass
class Stage:
    """
    Alice, who is about to lose her session, two processes, and what is open.
    """

    world: IdentityWorld
    alice: Visitor
    session: Session
    houses: list[House]
    ports: list[int]
    bobs: str
    """
    The id of a session that is another's.
    """
    cookies: dict[str, str] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    told: bytes = SIGNED_OUT
    """
    The Close frame that a WebSocket's page gets.
    """
    afterwards: frozenset[int] = frozenset({302, 401})
    """
    What a request gets then.
    """

    async def connect(self, process: int = 0) -> Line:
        """
        A connection to one of the processes.
        """
        line = Line(self.world.moved)
        endpoint = TCP4ClientEndpoint(self.world.reactor, "127.0.0.1", self.ports[process])
        await connectProtocol(endpoint, line)
        self.world.lines.append(line)
        return line

    def head(self, method: str, target: str, *fields: str, host: str = APP) -> bytes:
        """
        A request of alice's.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", f"Cookie: {self.cookies[host]}", *fields]
        return "\r\n".join((*lines, "", "")).encode()

    async def ask(self, process: int, host: str = APP) -> int:
        """
        What her cookie gets her from a process.
        """
        line = await self.connect(process)
        line.say(self.head("GET", "/replayed", host=host))
        await self.world.settle(until=lambda: bool(line.answers()))
        return line.answers()[0].status


@dataclass
class Opened:
    """
    Something that is open.
    """

    name: str
    line: Line
    fate: str
    """
    ``reset``, ``answered``, ``told`` or ``kept``.
    """
    upstream: Application | None = None
    heard: int = 0


Open = Callable[[Stage, int], Awaitable[None]]


def _begun(framing: str) -> Callable[[Application, Request], bytes | None]:
    def answer(application: Application, request: Request) -> bytes | None:
        content = b"4\r\nsome\r\n" if "chunked" in framing else b"some"
        return f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + content

    return answer


async def _exchange(
    stage: Stage, process: int, name: str, says: bytes, answering: Any, fate: str, host: str = APP
) -> Opened:
    recorder: Recorder = stage.world.recorders["app" if host == APP else "other"]
    before = set(map(id, recorder.connections))
    known = len(recorder.raw)
    recorder.answering = answering
    line = await stage.connect(process)
    line.say(says)
    await stage.world.settle(until=lambda: len(recorder.raw) > known)
    recorder.answering = honest
    fresh = [one for one in recorder.connections if id(one) not in before and not one.is_lost]
    busy = fresh or [one for one in recorder.connections if not one.is_lost]
    opened = Opened(name, line, fate, busy[-1])
    stage.opened.append(opened)
    return opened


async def _replay(stage: Stage, process: int) -> None:
    assert await stage.ask(process) == 200


async def _streams(stage: Stage, process: int) -> None:
    for framing in (
        "Content-Length: 1000000",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked",
    ):
        opened = await _exchange(stage, process, framing, stage.head("GET", "/file"), _begun(framing), "reset")
        assert b"some" in opened.line.received


async def _upload(stage: Stage, process: int) -> None:
    says = stage.head("POST", "/upload", "Content-Length: 8") + b"half"
    await _exchange(stage, process, "upload", says, lambda application, request: None, "answered")


async def _waiting(stage: Stage, process: int) -> None:
    for method in ("GET", "DELETE"):
        says = stage.head(method, "/slow")
        await _exchange(stage, process, f"waiting {method}", says, lambda application, request: None, "answered")


async def _pipelined(stage: Stage, process: int) -> None:
    says = stage.head("GET", "/first") + stage.head("GET", "/second") + stage.head("GET", "/third")
    await _exchange(stage, process, "pipelined", says, lambda application, request: None, "answered")


async def _kept(stage: Stage, process: int) -> None:
    opened = await _exchange(stage, process, "keep-alive", stage.head("GET", "/first"), honest, "kept")
    assert opened.line.answers()[0].status == 200


async def _websocket(stage: Stage, process: int) -> None:
    for said, fate in ((b"", "told"), (b"\x81\x05he", "reset")):
        says = stage.head("GET", "/socket", *HANDSHAKE, f"Origin: https://{APP}")
        opened = await _exchange(stage, process, f"websocket {said!r}", says, honest, fate)
        assert opened.line.received.startswith(b"HTTP/1.1 101 ")
        if said and opened.upstream is not None:
            opened.upstream.say(said)
            await stage.world.settle()


async def _hundred(stage: Stage, process: int) -> None:
    for host in HOSTS:
        for _ in range(PER_HOST):
            framing = "Transfer-Encoding: chunked"
            says = stage.head("GET", "/file", host=host)
            await _exchange(stage, process, host, says, _begun(framing), "reset", host)


async def _assertion(stage: Stage, process: int) -> None:
    await _replay(stage, process)
    (value,) = stage.world.recorders["app"].requests[-1].heard.all("x-pomerium-jwt-assertion")
    payload = value.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["exp"] - stage.world.clock.seconds() <= LONGEST_ASSERTION, claims


KINDS: dict[str, Open] = {
    "replayed cookie on the same worker": _replay,
    "replayed cookie on every other worker/process": _replay,
    "streaming download (chunked/SSE) in progress": _streams,
    "upload in progress": _upload,
    "request waiting for a slow upstream": _waiting,
    "open WebSocket": _websocket,
    "keep-alive connection reused": _kept,
    "pipelined requests already buffered": _pipelined,
    "100 connections of 10 hosts": _hundred,
    "identity JWT already given to upstream": _assertion,
}


# -- how it ends -------------------------------------------------------------------------------------------------------

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
    # Nothing moves any more of what is open.
    await stage.world.advance(IDLE + 2.0)


async def _being_refreshed(stage: Stage) -> None:
    """
    The OP has been asked to renew the session, and its refusal is on its way.
    """
    refused = Fault(status=400, body=b'{"error": "invalid_grant"}', content_type="application/json")
    stage.world.provider.faults["token"] = refused
    stage.world.sockets.held["token"] = []
    for _ in range(100):
        if len(stage.world.sockets.held["token"]) >= len(stage.world.live):
            break
        await stage.world.advance(5.0, step=5.0)


async def _by_refusal(stage: Stage) -> None:
    for arrive in stage.world.sockets.held.pop("token"):
        arrive()
    await stage.world.settle(until=lambda: not stage.world.live)
    stage.world.provider.faults.clear()


async def _by_removal(stage: Stage) -> None:
    for house in stage.houses:
        house.reload(stage.world.read(idp_client_id="another"))
    await stage.world.settle()
    await stage.world.advance(1.0)


async def _by_reload(stage: Stage) -> None:
    for house in stage.houses:
        house.reload(stage.world.read(routes=routes(_NOBODY)))
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
    "refresh refused": Way(end=_by_refusal, approach=_being_refreshed, access_token=600.0, of_everybody=True),
    "provider removed": Way(end=_by_removal, of_everybody=True),
}


# -- the case ----------------------------------------------------------------------------------------------------------


async def after_sign_out(world: IdentityWorld, case: Case) -> Seen:
    """
    Open what *case* says, end the session as it says, and look.
    """
    what = str(next(step["what"] for step in case.steps if step["do"] == "open"))
    how = str(next(step["by"] for step in case.steps if step["do"] == "end_session"))
    if what not in KINDS or how not in WAYS:
        raise UnknownStep(f"{what}, {how}")
    return await ended(world, what, how)


async def ended(world: IdentityWorld, what: str, how: str) -> Seen:
    """
    Nothing of what was open goes on, at either process, and nothing is let in.
    """
    way = WAYS[how]
    stage = await _stage(world, way)
    if way.approach is not None:
        await way.approach(stage)
    elsewhere = "every other" in what
    for process in (1,) if elsewhere else (0, 1):
        await KINDS[what](stage, process)
    if not way.ends:
        stage.afterwards, stage.told = frozenset({403}), NOT_ADMITTED
    _note(stage)
    await way.end(stage)
    await world.settle()
    assert (stage.session.id in world.live) is not way.ends, f"{how}: the session"
    assert way.of_everybody or stage.bobs in world.live, "another's session has ended"
    await _go_on(stage)
    for opened in stage.opened:
        try:
            await _look(stage, opened)
        except AssertionError as problem:
            raise AssertionError(f"{opened.name}: {problem}") from problem
    statuses = set()
    for process in range(len(stage.houses)):
        for host in (APP, OTHER):
            statuses.add(await stage.ask(process, host))
    assert statuses <= stage.afterwards, statuses
    asked = sum(request.heard.target == "/replayed" for one in world.recorders.values() for request in one.requests)
    assert asked == stage.world.__dict__["_asked_before"], "a request has reached an application"
    return Seen(
        statuses.pop() if len(statuses) == 1 else None, "" if way.ends else "the session lives, and is admitted nowhere"
    )


async def _stage(world: IdentityWorld, way: Way) -> Stage:
    await world.restart(routes=routes(_ANYBODY), **way.changes)
    if way.access_token is not None:
        world.provider.lifetimes = replace(world.provider.lifetimes, access_token=way.access_token)
    await world.assert_signs_in("bob")
    (bobs,) = world.live
    alice = await world.assert_signs_in()
    for host in (OTHER, *MORE_HOSTS):
        assert (await alice.get(f"https://{host}/")).status == 200
    (session,) = [one for one in world.house.registry.sessions() if one.id != bobs]
    second = await world.second_house()
    cookies = {
        host: "; ".join(f"{name}={value}" for (owner, name), value in alice.cookies.items() if owner == host)
        for host in HOSTS
    }
    houses = [world.house, second]
    return Stage(world, alice, session, houses, [world.port, world.second_port], bobs, cookies)


def _note(stage: Stage) -> None:
    stage.world.__dict__["_asked_before"] = sum(
        request.heard.target == "/replayed" for one in stage.world.recorders.values() for request in one.requests
    )
    for opened in stage.opened:
        opened.heard = len(opened.upstream.raw) if opened.upstream is not None else 0
        opened.line.received_before = len(opened.line.received)  # type: ignore[attr-defined] # for this test


async def _go_on(stage: Stage) -> None:
    """
    Both ends go on as if nothing had happened.
    """
    for opened in stage.opened:
        if opened.fate == "kept":
            continue
        if opened.upstream is not None and not opened.upstream.is_lost:
            opened.upstream.say(LATE)
        if not opened.line.is_closed:
            opened.line.say(b"LATE")
    await stage.world.settle()


async def _look(stage: Stage, opened: Opened) -> None:
    line = opened.line
    rest = line.received[line.received_before :]  # type: ignore[attr-defined] # see `_note`
    assert LATE not in line.received, "bytes of the application have come after the end"
    if opened.fate == "kept":
        if not line.is_closed:
            line.say(stage.head("GET", "/again"))
            await stage.world.settle()
            answers = line.answers()
            assert line.is_closed or answers[1].status in stage.afterwards, line.received[-300:]
        return
    if opened.upstream is not None:
        assert opened.upstream.is_lost, "the application's connection is open"
        more = opened.upstream.raw[opened.heard :]
        assert not more or opened.upstream.is_tunnel, f"the application has heard more: {more!r}"
    if opened.fate == "reset":
        assert (rest, line.is_closed, line.is_reset) == (b"", True, True), (rest, line.is_closed, line.is_reset)
    elif opened.fate == "told":
        assert rest == stage.told, rest
    else:
        answers = line.answers()
        assert len(answers) == 1 and answers[0].status in stage.afterwards | {302, 401}, line.received[:300]
        assert answers[0].fields.get("connection") == "close"
