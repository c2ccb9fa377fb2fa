"""
Both ends of ten thousand exchanges: applications that never stop writing, and user agents that note when they are cut.

Each side runs in processes of its own and knows nothing of Twisted. What an application writes carries the time at
which it was written, so that the other end can tell what passed after a cut.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

WEBSOCKET = "websocket"
EVENT_STREAM = "event stream"
SIGNED_OUT = b"\x88\x0c\x11\x31signed out"
"""
A Close frame with code 4401.
"""
WRITES_A_SECOND = 2_000
"""
Of one application, to all its exchanges together, in turn.
"""
_STAMP = re.compile(rb"t=(\d{20})")
_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
_WAVE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """
    What one user agent saw of one exchange.
    """

    group: str
    kind: str
    at: int | None
    """
    When it ended, in nanoseconds of the machine's monotonic clock; None if it is still open.
    """
    how: str
    last_written: int
    """
    When the application wrote the last of what arrived.
    """
    after_close: int
    """
    Bytes that arrived after the Close frame.
    """


def raise_limit() -> int:
    """
    As many descriptors as this process may have.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class _Application(asyncio.Protocol):
    """
    One connection to an application.
    """

    def __init__(self, open_ones: dict[_Application, None]) -> None:
        self._open_ones = open_ones
        self._head = b""
        self._frame: Callable[[bytes], bytes] | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._frame is not None:
            return
        self._head += data
        if b"\r\n\r\n" not in self._head:
            return
        head, self._head = self._head.lower(), b""
        if b"\r\nupgrade: websocket" in head:
            accept = base64.b64encode(hashlib.sha1(_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455 wants it
            self._frame = lambda said: bytes((0x81, len(said))) + said
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
        elif head.startswith(b"get /events"):
            self._frame = lambda said: b"%x\r\ndata: %b\n\n\r\n" % (len(said) + 8, said)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        self._open_ones[self] = None

    def say(self) -> None:
        """
        Write a little more.
        """
        if self._frame is not None:
            self.transport.write(self._frame(b"t=%020d, and some more of it" % time.monotonic_ns()))

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.pop(self, None)


def run_application(pipe: Connection) -> None:
    """
    An application, until its process is ended; its port goes through *pipe*.
    """
    raise_limit()

    async def run() -> None:
        open_ones: dict[_Application, None] = {}
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Application(open_ones), "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        while True:
            turn = list(open_ones)
            began = time.monotonic()
            for number, one in enumerate(turn):
                one.say()
                ahead = (number + 1) / WRITES_A_SECOND - (time.monotonic() - began)
                if ahead > 0.002:
                    await asyncio.sleep(ahead)
            await asyncio.sleep(0.01)

    asyncio.run(run())


class _UserAgent(asyncio.Protocol):
    """
    One exchange, from its user agent's side.
    """

    def __init__(self, group: str, kind: str, request: bytes) -> None:
        self.group = group
        self.kind = kind
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._head = b""
        self._cut_at: int | None = None
        self._how = ""
        self._last_written = 0
        self._after_close = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if head.split(b" ", 2)[1] not in (b"101", b"200"):
                self.opened.set_exception(RuntimeError(head.decode("latin-1")))
                return
            self.opened.set_result(None)
        if self._cut_at is not None:
            self._after_close += len(data)
            return
        stamps = _STAMP.findall(data)
        if stamps:
            self._last_written = int(stamps[-1])
        if self.kind == WEBSOCKET and (where := data.find(SIGNED_OUT)) >= 0:
            self._cut_at, self._how = time.monotonic_ns(), "4401"
            self._after_close += len(data) - where - len(SIGNED_OUT)
            # A Close frame of our own, as a browser sends it.
            self._transport.write(b"\x88\x82mask" + bytes(a ^ b for a, b in zip(b"\x11\x31", b"ma", strict=True)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cut_at is None:
            self._cut_at = time.monotonic_ns()
            self._how = "clean end" if exc is None else type(exc).__name__
        if not self.opened.done():
            self.opened.set_exception(RuntimeError(f"lost before the answer: {self._how}"))

    def seen(self) -> Cut:
        """
        All of it.
        """
        return Cut(
            group=self.group,
            kind=self.kind,
            at=self._cut_at,
            how=self._how,
            last_written=self._last_written,
            after_close=self._after_close,
        )

    def close(self) -> None:
        """
        Go away.
        """
        self._transport.abort()


def request_for(kind: str, host: str, cookie: str) -> bytes:
    """
    What a user agent writes.
    """
    lines = [f"GET /{'socket' if kind == WEBSOCKET else 'events'} HTTP/1.1", f"Host: {host}", f"Cookie: {cookie}"]
    if kind == WEBSOCKET:
        lines += [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {_KEY.decode()}",
            f"Origin: http://{host}",
        ]
    else:
        lines.append("Accept: text/event-stream")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def run_user_agents(pipe: Connection, port: int, host: str) -> None:
    """
    User agents, until its process is ended: ``("open", [(group, kind, cookie), ...])`` opens exchanges and answers with
    their number, ``("seen",)`` answers with a `Cut` for each, ``("close",)`` forgets them all.
    """
    raise_limit()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        agents: list[_UserAgent] = []

        async def begin(group: str, kind: str, cookie: str) -> None:
            request = request_for(kind, host, cookie)
            _, agent = await loop.create_connection(lambda: _UserAgent(group, kind, request), "127.0.0.1", port)
            agents.append(agent)
            await agent.opened

        while True:
            command, *arguments = await loop.run_in_executor(None, pipe.recv)
            if command == "open":
                (wanted,) = arguments
                for first in range(0, len(wanted), _WAVE):
                    await asyncio.gather(*(begin(*one) for one in wanted[first : first + _WAVE]))
                pipe.send(len(wanted))
            elif command == "seen":
                pipe.send([agent.seen() for agent in agents])
            else:
                for agent in agents:
                    agent.close()
                agents.clear()
                await asyncio.sleep(0.5)
                pipe.send(None)

    asyncio.run(run())
