"""
Steps in which an application answers what it should not, or does not answer.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.hostile.elsewhere import tests_pass
from tests.hostile.line import Line
from tests.hostile.measured import resident_bytes
from tests.hostile.named import Named
from tests.hostile.names import OTHER
from tests.hostile.recorder import Application, Request, always
from tests.hostile.run import Run, step
from tests.hostile.steps_raw import others

MIB = 1 << 20
FLOOD = 512 * MIB
UPLOAD = 64 * MIB
BOMB = gzip.compress(bytes(64 * MIB), 9)
_HEAD = b"HTTP/1.1 200 OK\r\n"
_OK = _HEAD + b"Content-Length: 2\r\n\r\nok"

Script = Callable[[Run], Awaitable[None]]
script: Named[Script] = Named()
_CLOSING = ("UP-009", "UP-018", "UP-038")
"""
Those whose answer ends with the connection.
"""


@step("upstream_answers", "upstream")
async def upstream_answers(run: Run, what: Mapping[str, Any]) -> None:
    """
    From now on the application answers so; what is in words is played.
    """
    # The protected host of this world allows WebSockets, and so has no time limits; the other one has the usual ones.
    run.variables |= {"APP": OTHER, "SESS": await run.world.handle("alice", OTHER)}
    # So that none of the connections that it will not have again is one that an earlier case has left.
    await run.world.advance(60, step=30)
    said = what["bytes"]
    if said in script:
        await script[said](run)
    elif said.startswith("<on accept> "):
        run.world.recorders["other"].on_accept = said.removeprefix("<on accept> ").encode("latin-1")
    else:
        assert said.startswith(("HTTP/", "BANANA", "<html>")), f"how does an application behave that {said}?"
        answer = said.encode("latin-1")
        run.world.recorders["other"].answering = always(answer, closes=run.case.id in _CLOSING)


@step("raw", "upstream")
async def raw(run: Run, what: Mapping[str, Any]) -> None:
    """
    Asks, and waits for as long as it takes.
    """
    before = resident_bytes()
    asks = run.kept.get("asks", run.say)
    line: Line = await asks(what["bytes"])
    wait = run.kept.get("wait")
    if wait is not None:
        await wait(line)
    run.kept["grown"] = resident_bytes() - before


@step("other_client_good_request", "upstream")
async def other_client(run: Run, what: Mapping[str, Any]) -> None:
    """
    So many requests of somebody else to the same application, which behaves again.
    """
    recorder = run.world.recorders["other"]
    recorder.behave()
    run.kept["bad"] = list(recorder.connections)
    fields = f"Cookie: _pomerium={await run.world.handle('bob', OTHER)}\r\n"
    run.kept["good"] = await others(run, int(what["times"]), OTHER, fields)
    run.require(run.kept["good"] == int(what["times"]), f"{run.kept['good']} of {what['times']} others were answered")


def _later(run: Run, seconds: float) -> None:
    async def wait(line: Line) -> None:
        run.require(not line.answers() and not line.is_closed, "answered before its time")
        await run.world.advance(seconds, step=1 if seconds < 60 else 30)

    run.kept["wait"] = wait


@script("1xx flood")
async def _interim(run: Run) -> None:
    run.world.recorders["other"].answering = always(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000 + _OK)


@script("X: 1 for ever")
async def _endless_head(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        application.say(_HEAD)

        def more() -> None:
            if not application.is_lost and application.unsent < MIB:
                application.say(b"X: 1\r\n" * 1_000)
            if not application.is_lost:
                run.world.reactor.callLater(0, more)

        more()
        return None

    run.world.recorders["other"].answering = answering


@script("(hang)")
async def _hangs(run: Run) -> None:
    run.world.recorders["other"].answering = lambda application, request: None
    _later(run, 32)


@script("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
async def _stalls(run: Run) -> None:
    run.world.recorders["other"].answering = always(_HEAD + b"Content-Length: 10\r\n\r\n")
    _later(run, 330)


@script("(drop)")
async def _black_hole(run: Run) -> None:
    """
    Nobody accepts, and the queue of those who may wait is full: to a SYN there is no answer.
    """
    hole = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(hole.getsockname())
    right, run.world.ports["other.internal"] = run.world.ports["other.internal"], hole.getsockname()[1]

    async def wait(line: Line) -> None:
        await run.world.settle(until=line.answers)
        run.world.ports["other.internal"] = right
        for each in (*waiting, hole):
            each.close()

    run.kept["wait"] = wait


@script("(stop reading)")
async def _reads_nothing(run: Run) -> None:
    recorder = run.world.recorders["other"]
    recorder.reads_nothing = True
    _later(run, 330)
    cookie = f"Cookie: _pomerium={run.variables['SESS']}"
    before = resident_bytes()
    upload = await run.world.connect()
    upload.keeps = False
    upload.say(f"POST /up HTTP/1.1\r\nHost: {OTHER}\r\n{cookie}\r\nContent-Length: {UPLOAD}\r\n\r\n".encode())
    for _ in range(UPLOAD // MIB):
        upload.say(bytes(MIB))
        await run.world.settle()
    await run.world.stand_still(lambda: upload.unsent)
    run.require(upload.unsent > UPLOAD // 2, f"only {upload.unsent} bytes wait at the user agent")
    grown = resident_bytes() - before - upload.unsent
    run.require(grown < 16 * MIB, f"{grown} bytes more than what the user agent keeps")
    # Nobody reads there: that it is gone is noticed when the time is over in which something had to be taken.
    upload.reset()


@script("(flood)")
async def _flood(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        application.say(_HEAD + f"Content-Length: {FLOOD}\r\n\r\n".encode())
        run.kept["application"] = application
        return None

    run.world.recorders["other"].answering = answering

    async def wait(line: Line) -> None:
        application = run.kept["application"]
        before, most = resident_bytes(), 0
        for _ in range(FLOOD // MIB):
            line.stop_reading()
            application.say(bytes(MIB))
            await run.world.settle_once()
            most = max(most, resident_bytes() - before - application.unsent)
            line.read_again()
            while application.unsent:
                await run.world.settle_once()
        await run.world.settle()
        run.require(line.counted > FLOOD, f"{line.counted} bytes came")
        run.require(most < 8 * MIB, f"{most} bytes more in memory")

    async def asks(text: str) -> Line:
        line = await run.world.connect()
        line.say((await run.fill(text)).encode())
        line.keeps = False
        await run.world.settle()
        return line

    run.kept["asks"], run.kept["wait"] = asks, wait


@script("early")
async def _early(run: Run) -> None:
    def on_head(application: Application) -> None:
        application.is_by_hand = True
        application.say(_HEAD + b"Content-Length: 5\r\n\r\nearly")

    run.world.recorders["other"].on_head = on_head

    async def asks(text: str) -> Line:
        # A request without content is complete: it is one with content that is answered too early.
        text = text.replace("GET ", "POST ").replace("\r\n\r\n", "\r\nContent-Length: 1000000\r\n\r\nhalf")
        return await run.say(text)

    run.kept["asks"] = asks


@script("RST after request")
async def _resets(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        application.transport.abortConnection()
        return None

    recorder = run.world.recorders["other"]
    # On a connection that was idle, which is where a retry would come from.
    await run.aside("GET /warm HTTP/1.1\r\nHost: {APP}\r\nCookie: {COOKIE}={SESS}\r\n\r\n")
    recorder.answering = answering

    async def asks(text: str) -> Line:
        return await run.say(text.replace("GET ", "POST ").replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\nhi"))

    run.kept["asks"] = asks


@script("gzip 10 GiB")
async def _bomb(run: Run) -> None:
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n"
    run.world.recorders["other"].answering = always(_HEAD + head.encode() + BOMB)


@script("(tls hang)")
async def _tls(run: Run) -> None:
    await tests_pass(run, "tests.proxy.upstreams.test_pool.PlacesTests.test_no_handshake")


@script("trailers")
async def _trailers(run: Run) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Trailer: 1\r\nSet-Cookie: evil=1\r\n\r\n"
    run.world.recorders["other"].answering = always(_HEAD + chunked)


@script("F*40")
async def _overflow(run: Run) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 40 + b"\r\nok\r\n0\r\n\r\n"
    run.world.recorders["other"].answering = always(_HEAD + chunked)
