"""
Everything that may be open when a session ends.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from pomerium_tx.house import House
from pomerium_tx.sessions.session import Session
from tests.hostile.identity_world import IdentityWorld
from tests.hostile.line import Line
from tests.hostile.names import APP, OTHER, configuration
from tests.hostile.recorder import Application, Recorder, Request, honest
from tests.hostile.visitor import Visitor
from tests.scenarios.traffic import HANDSHAKE, SIGNED_OUT

LATE = b"LATE: what is said after the end"
MORE_HOSTS = tuple(f"host{number}.example.com" for number in range(8))
HOSTS = (APP, OTHER, *MORE_HOSTS)
PER_HOST = 10
LONGEST_ASSERTION = 300
LIFETIME, IDLE = 3600, 10
"""
Seconds.
"""
ANYBODY = {"allow_any_authenticated_user": True}
NOBODY = {"allowed_users": ["nobody@example.com"]}


def routes(admitted: dict[str, object]) -> list[dict[str, object]]:
    """
    The routes of the catalogue, and more hosts; who is admitted where anybody was is changed.
    """
    more = [
        {"from": f"https://{host}", "to": "http://other.internal:80", "name": host, **ANYBODY} for host in MORE_HOSTS
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


def begun(framing: str) -> Callable[[Application, Request], bytes | None]:
    """
    An answer that has begun and does not end.
    """

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
        opened = await _exchange(stage, process, framing, stage.head("GET", "/file"), begun(framing), "reset")
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
            await _exchange(stage, process, host, says, begun(framing), "reset", host)


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
