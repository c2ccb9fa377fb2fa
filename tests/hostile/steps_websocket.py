"""
Steps about WebSockets that are open: what passes, what ends them, and what they may cost.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.hostile.elsewhere import tests_pass
from tests.hostile.line import Line, PatientLine
from tests.hostile.measured import resident_bytes
from tests.hostile.named import Named
from tests.hostile.names import APP
from tests.hostile.recorder import Application
from tests.hostile.run import Run, step
from tests.hostile.steps_cookies import FROM_PAGE, SIGN_OUT
from tests.hostile.steps_raw import others
from tests.hostile.visitor import Visitor
from tests.proxy.test_websocket_bytes import (
    BAD_TEXTS,
    CLOSE,
    CLOSE_CODES,
    FIN,
    LENGTHS,
    PING,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    frame,
)
from tests.scenarios.traffic import NOT_ADMITTED, SIGNED_OUT

MASK = b"\x00\x00\x00\x00"
HANDSHAKE = (
    f"GET /ws HTTP/1.1\r\nHost: {APP}\r\nOrigin: https://{APP}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
KIB = 1024
MIB = KIB * KIB
IDLE = 1_000
"""
So many sockets of which each end is in this process: an application gets 1,024 connections at most.
"""
_PATIENCE = 10.0

Play = Callable[[Run], Awaitable[None]]
play: Named[Play] = Named()


@step("ws_scenario", "websocket")
async def ws_scenario(run: Run, what: Mapping[str, Any]) -> None:
    """
    Plays a scenario by its name.
    """
    await play[what["name"]](run)


async def opened(
    run: Run, visitor: Visitor | None = None, *, patient: bool = False, more: str = ""
) -> tuple[Line, Application]:
    """
    Both ends of a new WebSocket.
    """
    handle = await run.world.handle() if visitor is None else visitor.handle(APP)
    line = await run.world.connect(patient=patient)
    line.say(f"{HANDSHAKE}Cookie: _pomerium={handle}\r\n{more}\r\n".encode())
    await run.world.settle()
    run.require([answer.status for answer in line.answers()] == [101], "no WebSocket")
    line.received, line.is_tunnel = b"", True
    application = run.world.recorders["app"].requests[-1].connection
    application.requests.clear()
    return line, application


async def passed(run: Run, from_agent: bytes, from_application: bytes = b"") -> None:
    """
    What both ends say arrives at the other, octet for octet, and a sign-out still cuts it.
    """
    visitor = await run.world.sign_in()
    line, application = await opened(run, visitor)
    line.say(from_agent)
    application.say(from_application)
    await run.world.settle()
    run.require(application.tunnelled == from_agent, f"the application got {application.tunnelled[:40]!r}")
    run.require(line.received == from_application, f"the user agent got {line.received[:40]!r}")
    await cut(run, visitor, line, application)


async def cut(run: Run, visitor: Visitor, line: Line, application: Application) -> None:
    """
    A sign-out ends the WebSocket in the turn in which it is recorded: 4401 or a reset, and nothing passes any more.
    """
    run.sessions_may_change = True
    before, heard = line.received, application.tunnelled
    await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    run.require(line.is_closed, "still open")
    said = line.received[len(before) :]
    run.require(said in (b"", SIGNED_OUT), f"then it got {said[:40]!r}")
    run.require(said or line.is_reset, "a clean end without a word")
    if not application.is_lost:
        application.say(b"\x81\x02no")
        await run.world.settle()
    run.require(line.received[len(before) :] == said, "something passes after the end")
    run.require(not application.tunnelled[len(heard) + 8 :], "the application hears something after the end")


@play("session revoked while idle socket")
async def _revoked(run: Run) -> None:
    visitor = await run.world.sign_in()
    line, application = await opened(run, visitor)
    await cut(run, visitor, line, application)
    run.require(line.received == SIGNED_OUT, f"it got {line.received!r}")


@play("session expires while open")
async def _expires(run: Run) -> None:
    run.sessions_may_change = True
    visitor = await run.world.sign_in()
    line, _ = await opened(run, visitor)
    left = run.world.session_of(visitor.handle(APP)).usable_until - run.world.clock.seconds()
    await run.world.advance(left - 2, step=900)
    run.require(not line.is_closed, "closed before its time")
    await run.world.advance(3)
    run.require(line.received == SIGNED_OUT, f"it got {line.received!r}")


@play("policy reload removes alice")
async def _removed(run: Run) -> None:
    line, _ = await opened(run)
    routes = [{**route} for route in run.world.settings["routes"]]
    for route in routes:
        if route.pop("allow_any_authenticated_user", False):
            route["allowed_users"] = ["bob@example.com"]
    run.world.house.reload(run.world.read(routes=routes))
    await run.world.settle()
    run.world.house.reload(run.world.read())
    run.require(line.received == NOT_ADMITTED, f"it got {line.received!r}")


@play("reserved opcode / RSV bits")
async def _reserved(run: Run) -> None:
    heads = (FIN | 0x3, FIN | 0xB, FIN | RSV1 | TEXT, FIN | RSV2 | TEXT, RSV3 | TEXT)
    await passed(run, b"".join(frame(each, b"x", MASK) for each in heads), b"".join(frame(h, b"y") for h in heads))


@play("fragmented control frame")
async def _fragmented(run: Run) -> None:
    await passed(run, frame(PING, b"pi", MASK) + frame(FIN, b"ng", MASK), frame(PING, b"pi") + frame(FIN, b"ng"))


@play("control frame > 125")
async def _long_control(run: Run) -> None:
    await passed(run, frame(FIN | PING, b"x" * 126, MASK), frame(FIN | PING, b"x" * 70_000))


@play("length 2^63")
async def _longest(run: Run) -> None:
    line, application = await opened(run)
    application.transport.pauseProducing()
    run.cleanups.append(application.transport.resumeProducing)
    run.cleanups.append(line.reset)
    line.keeps = application.keeps = False
    line.say(b"\x82\xff" + (1 << 63).to_bytes(8, "big") + MASK)
    before = resident_bytes()
    for _ in range(32):
        line.say(bytes(MIB))
        await run.world.settle()
    await run.world.stand_still(lambda: line.unsent)
    left = line.unsent
    run.require(left > 8 * MIB, f"only {left} of 32 MiB wait at the user agent: the rest was taken")
    grown = resident_bytes() - before - left
    run.require(grown < 16 * MIB, f"{grown} bytes more than what the user agent itself keeps")


@play("1 GiB message, slow peer")
async def _large(run: Run) -> None:
    for towards in ("application", "user agent"):
        line, application = await opened(run)
        line.keeps = application.keeps = False
        sender, reader = (line, application) if towards == "application" else (application, line)
        sender.transport.write(b"\x82\x7f" + (1 << 30).to_bytes(8, "big"))
        before, most = resident_bytes(), 0
        for _ in range(1 << 10):
            reader.transport.pauseProducing()
            sender.transport.write(bytes(MIB))
            await run.world.settle_once()
            most = max(most, resident_bytes() - before - sender.unsent)
            reader.transport.resumeProducing()
            while sender.unsent:
                await run.world.settle_once()
        await run.world.settle()
        run.require(reader.counted >= 1 << 30, f"{reader.counted} bytes came")
        run.require(most < 8 * MIB, f"{most} bytes more were in memory")


@play("ping flood 100 k/s")
async def _flood(run: Run) -> None:
    line, application = await opened(run)
    line.keeps = application.keeps = False
    flood = frame(FIN | PING, b"", MASK) * 100_000
    line.say(flood)
    good, during = 0, 0
    while line.unsent or application.counted < len(flood):
        during += 1
        good += await others(run, 1)
        run.require(good == during, "another user agent was not answered")
    run.require(during > 0, "the flood was over at once")


@play("close code 1005/1006/999/5000 on the wire")
async def _close_codes(run: Run) -> None:
    for code in CLOSE_CODES:
        octets = frame(FIN | CLOSE, code.to_bytes(2, "big"), MASK)
        await passed(run, octets, frame(FIN | CLOSE, code.to_bytes(2, "big")))


@play("close without reply")
async def _no_reply(run: Run) -> None:
    run.world.recorders["app"].hears_out = True
    line, application = await opened(run, patient=True)
    line.say(frame(FIN | CLOSE, b"\x03\xe8", MASK))
    line.half_close()
    await run.world.settle()
    run.require(application.tunnelled, "the application did not get the Close frame")
    await run.world.advance(_PATIENCE + 1)
    # Who has heard the other side out notices that it is gone when it says something.
    for _ in range(2):
        application.say(b"\x81\x02no")
        await run.world.settle()
    run.require(line.is_closed, "the user agent's connection is still open")
    run.require(application.is_lost, "the application's connection is still open")


@play("upstream dies")
async def _dies(run: Run) -> None:
    line, application = await opened(run)
    application.transport.abortConnection()
    await run.world.settle()
    run.require(line.is_closed, "still open")


@play("half-close one side")
async def _half(run: Run) -> None:
    run.world.recorders["app"].hears_out = True
    line, application = await opened(run, patient=True)
    line.say(frame(FIN | TEXT, b"bye", MASK))
    line.half_close()
    await run.world.settle()
    rest = frame(FIN | TEXT, bytes(MIB))
    application.say(rest)
    await run.world.settle()
    run.require(line.received == rest, f"{len(line.received)} of {len(rest)} bytes came")
    application.transport.loseConnection()
    await run.world.settle()
    run.require(line.is_closed or (isinstance(line, PatientLine) and line.is_heard_out), "still open")


@play("compression bomb (permessage-deflate)")
async def _bomb(run: Run) -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(64 * MIB)) + packer.flush()
    octets = frame(FIN | RSV1 | TEXT, bomb, MASK)
    before = resident_bytes()
    await passed(run, octets, frame(FIN | RSV1 | TEXT, bomb))
    run.require(resident_bytes() - before < 16 * MIB, "something was inflated")


@play("10 000 idle sockets")
async def _idle(run: Run) -> None:
    run.is_a_crowd = True
    lines = []
    handle = await run.world.handle()
    recorder = run.world.recorders["app"]
    before = resident_bytes()
    for number in range(IDLE):
        line = await run.world.connect()
        line.say(f"{HANDSHAKE}Cookie: _pomerium={handle}\r\n\r\n".encode())
        lines.append(line)
        if number % 100 == 99:
            await run.world.settle()
    run.require(all(line.received.startswith(b"HTTP/1.1 101") for line in lines), "not all are open")
    each = (resident_bytes() - before) / IDLE
    run.require(each < 40 * KIB, f"{each / KIB:.0f} KiB each, both other ends and all that they have heard included")
    for line in lines:
        line.reset()
    await run.world.settle()
    recorder.forget()


@play("Autobahn with proxy in front of echo under session revoke")
async def _every_frame_then_cut(run: Run) -> None:
    frames = [frame(FIN | TEXT, b"x" * length, MASK) for length in LENGTHS[::3]]
    frames += [frame(FIN | TEXT, text, MASK) for text in BAD_TEXTS[:2]]
    frames += [frame(first, b"", MASK) for first in range(0, 256, 37)]
    for octets in frames:
        # In the middle of a frame, and between two.
        for end in {len(octets), len(octets) // 2, 1}:
            visitor = await run.world.sign_in()
            line, application = await opened(run, visitor)
            line.say(octets[:end])
            await run.world.settle()
            await cut(run, visitor, line, application)
            run.world.recorders["app"].forget()


@play("Autobahn fuzzingclient through the proxy == direct (104-case quick set, 500+ full)")
async def _every_frame(run: Run) -> None:
    await tests_pass(run, "tests.proxy.test_websocket_bytes", "tests.proxy.exchanges.test_tunnel")
