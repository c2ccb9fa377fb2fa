"""
Connections that do nothing: an application that says nothing by itself, and user agents that ask once and wait.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.deployment import unverified_context
from benchmarks.peers import raise_limit

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NONCE = base64.b64encode(b"sixteen bytes of")
_WAVE = 100
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n" + b"x" * 200


class _Application(asyncio.Protocol):
    def __init__(self) -> None:
        self._head = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        while b"\r\n\r\n" in self._head:
            head, _, self._head = self._head.partition(b"\r\n\r\n")
            if b"\r\nupgrade: websocket" in head.lower():
                accept = base64.b64encode(hashlib.sha1(_NONCE + _GUID).digest())  # noqa: S324 - RFC 6455 wants it
                self._transport.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                )
            else:
                self._transport.write(ANSWER)


def run_silent_application(pipe: Connection) -> None:
    """
    An application, until its process is ended; its port goes through *pipe*.
    """
    raise_limit()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Application, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class _Sleeper(asyncio.Protocol):
    """
    Asks once, and stays.
    """

    def __init__(self, request: bytes) -> None:
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._request:
            self._transport.write(self._request)
        else:
            self.answered.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self.answered.done():
            return
        if data.split(b" ", 2)[1] in (b"200", b"101"):
            self.answered.set_result(None)
        else:
            self.answered.set_exception(RuntimeError(data[:80].decode("latin-1")))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(RuntimeError("lost before the answer"))

    def leave(self) -> None:
        """
        Go away.
        """
        self._transport.abort()


def page_request(host: str, cookie: str) -> bytes:
    """
    A page's request.
    """
    lines = ["GET / HTTP/1.1", f"Host: {host}", f"Cookie: {cookie}", "Accept: text/html", "User-Agent: sleeper/1.0"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def socket_request(host: str, cookie: str) -> bytes:
    """
    A WebSocket's handshake.
    """
    lines = [f"GET /socket HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {_NONCE.decode()}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def run_sleepers(pipe: Connection, port: int, host: str, is_encrypted: bool) -> None:
    """
    User agents, until their process is ended: ``("open", count, request)`` opens so many more connections and answers,
    ``("leave",)`` ends them all.
    """
    raise_limit()
    context: ssl.SSLContext | None = unverified_context() if is_encrypted else None

    async def run() -> None:
        loop = asyncio.get_running_loop()
        sleepers: list[_Sleeper] = []

        async def one(request: bytes) -> None:
            name = host.partition(":")[0] if context else None
            _, sleeper = await loop.create_connection(
                lambda: _Sleeper(request), "127.0.0.1", port, ssl=context, server_hostname=name
            )
            sleepers.append(sleeper)
            await asyncio.wait_for(sleeper.answered, 60)

        while True:
            command, *arguments = await loop.run_in_executor(None, pipe.recv)
            if command == "open":
                count, request = arguments
                for first in range(0, count, _WAVE):
                    await asyncio.gather(*(one(request) for _ in range(min(_WAVE, count - first))))
                pipe.send(len(sleepers))
            else:
                for sleeper in sleepers:
                    sleeper.leave()
                sleepers.clear()
                await asyncio.sleep(0.5)
                pipe.send(0)

    asyncio.run(run())
