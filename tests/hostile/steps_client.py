"""
Steps in which clients are slow, many, or gone.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.hostile.elsewhere import tests_pass
from tests.hostile.line import Line
from tests.hostile.measured import descriptors_left, resident_bytes
from tests.hostile.named import Named
from tests.hostile.names import APP, OTHER, PUB
from tests.hostile.recorder import Application, Request
from tests.hostile.run import Run, step
from tests.hostile.steps_cookies import FROM_PAGE, SIGN_OUT
from tests.hostile.steps_raw import others

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

Play = Callable[[Run], Awaitable[None]]
play: Named[Play] = Named()


@step("client", "client-behaviour")
async def client(run: Run, what: Mapping[str, Any]) -> None:
    """
    Plays a behaviour by its name.
    """
    await play[what["behaviour"]](run)


async def _head(run: Run, method: str = "GET", target: str = "/x", more: str = "", host: str = APP) -> bytes:
    cookie = f"Cookie: _pomerium={await run.world.handle('alice', host)}"
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n{more}\r\n".encode()


async def _many(run: Run, count: int) -> list[Line]:
    run.is_a_crowd = True
    # Some addresses: one has only half of the connections. Both ends of each are in this process.
    count = min(count, (descriptors_left() - 500) // 2)
    return [await run.world.connect(address=f"127.0.0.{2 + number % 3}") for number in range(count)]


def _flooding(run: Run, name: str, content: int) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        application.say(f"HTTP/1.1 200 OK\r\nContent-Length: {content}\r\n\r\n".encode() + bytes(64 * MIB))
        run.kept["application"] = application
        return None

    run.world.recorders[name].answering = answering


# -- slow --------------------------------------------------------------------------------------------------------------


@play("slowloris: 1 header byte / 10 s x 5 000 connections (Twisted baseline: idle timer reset by each byte)")
async def _slowloris(run: Run) -> None:
    lines = await _many(run, 5_000)
    for octet in b"GET ":
        for line in lines:
            line.say(bytes((octet,)))
        await run.world.settle()
        run.require(await others(run, 1) == 1, "somebody else was not answered")
        await run.world.advance(10)
    left = sum(not line.is_closed for line in lines)
    run.require(not left, f"{left} are still open after 40 s")
    statuses = {answer.status for line in lines for answer in line.answers()}
    run.require(statuses == {408}, f"they got {statuses}")


@play("slow body: 1 byte / 10 s")
async def _slow_body(run: Run) -> None:
    line = await run.world.connect()
    line.say(await _head(run, "POST", more="Content-Length: 100\r\n"))
    for _ in range(12):
        line.say(b"x")
        await run.world.advance(10)
    run.require(not line.is_closed, "a byte within 30 s is a byte")
    await run.world.advance(32)
    run.require([answer.status for answer in line.answers()] == [408], "no 408 after a pause of 30 s")
    there = await run.world.beside("deadline")
    line = await there.connect()
    line.say(f"POST /x HTTP/1.1\r\nHost: {PUB}\r\nContent-Length: 100\r\n\r\n".encode())
    for _ in range(7):
        line.say(b"x")
        await there.advance(10)
    run.require([answer.status for answer in line.answers()] == [408], "no 408 with timeout_request: 1m")
    await there.hang_up()


@play("slow TLS handshake x 2 000")
async def _slow_handshakes(run: Run) -> None:
    await tests_pass(run, "tests.process.test_limits.TlsTests")


@play("connect and send nothing x 10 000")
async def _silent(run: Run) -> None:
    lines = await _many(run, 9_000)
    run.require(await others(run, 1) == 1, "somebody else was not answered")
    await run.world.advance(32, step=4)
    left = sum(not line.is_closed for line in lines)
    run.require(not left, f"{left} are still open after 32 s")
    run.require(not any(line.received for line in lines), "something was said to them")


@play("half-close before response, upstream slow")
async def _half_close(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        run.kept["application"] = application
        return None

    run.world.recorders["app"].answering = answering
    line = await run.world.connect(patient=True)
    line.say(await _head(run))
    line.half_close()
    await run.world.advance(5)
    run.kept["application"].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await run.world.settle()
    run.require([answer.content for answer in line.answers()] == [b"ok"], "it did not get its answer")


@play("RST mid-download x 10 000")
async def _resets(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000)

    run.world.recorders["app"].answering = answering
    head = await _head(run)
    run.is_a_crowd = True
    before = run.world.recorders["app"].open_connections
    for _ in range(20):
        lines = [await run.world.connect() for _ in range(100)]
        for line in lines:
            line.say(head)
        await run.world.settle()
        served = sum(line.counted > 1_000 for line in lines)
        run.require(served == len(lines), f"{served} of 100 were being answered")
        for line in lines:
            line.reset()
        await run.world.settle()
        run.world.lines = [line for line in run.world.lines if not line.is_closed]
        run.world.recorders["app"].forget()
    left = run.world.recorders["app"].open_connections - before
    run.require(left <= 0, f"{left} of the application's connections are left")


@play("never reads a 10 GiB download")
async def _never_reads(run: Run) -> None:
    _flooding(run, "other", 10 * GIB)
    line = await run.world.connect()
    line.stop_reading()
    before = resident_bytes()
    line.say(await _head(run, host=OTHER))
    await run.world.settle()
    application = run.kept["application"]
    await run.world.stand_still(lambda: application.unsent)
    run.require(application.unsent > 32 * MIB, f"only {application.unsent} bytes wait at the application")
    grown = resident_bytes() - before - application.unsent
    run.require(grown < 8 * MIB, f"{grown} bytes more than what the application keeps")
    line.keeps = False
    await run.world.advance(330, step=10)
    line.read_again()
    await run.world.settle()
    run.require(line.is_reset and application.is_lost, "still open after 5 minutes")


@play("reads 1 byte/s")
async def _reads_slowly(run: Run) -> None:
    _flooding(run, "other", 10 * GIB)
    line = await run.world.connect()
    line.keeps = False
    line.say(await _head(run, host=OTHER))
    await run.world.settle_once()
    line.stop_reading()
    await run.world.settle()
    before, application = resident_bytes(), run.kept["application"]
    for _ in range(100):
        line.read_again()
        await run.world.settle_once()
        line.stop_reading()
        await run.world.advance(10, step=5)
    run.require(not line.is_closed and not application.is_lost, "who reads is cut off")
    grown = resident_bytes() - before
    run.require(grown < 8 * MIB, f"{grown} bytes more in memory")


@play("pipelines 2 000 x 8 KiB without reading (Twisted baseline: +34 MiB)")
async def _pipelines(run: Run) -> None:
    def answering(application: Application, request: Request) -> bytes | None:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + bytes(16_384)

    recorder = run.world.recorders["app"]
    recorder.answering = answering
    line = await run.world.connect()
    line.stop_reading()
    head = await _head(run, more=f"X-Long: {'a' * (8 * KIB - 500)}\r\n")
    line.said = b""
    line.keeps = False
    before = resident_bytes()
    line.say(head * 2_000)
    await run.world.settle()
    run.require(len(recorder.requests) < 1_200, f"{len(recorder.requests)} of 2,000 were asked of the application")
    kept = sum(len(each.raw) for each in recorder.connections) + len(recorder.raw) + line.unsent
    grown = resident_bytes() - before - kept - len(head) * 2_000
    run.require(grown < 8 * MIB, f"{grown} bytes more in memory")


# -- large -------------------------------------------------------------------------------------------------------------


@play("unauthenticated 3 GB upload (Twisted baseline: spooled to a temp file, no limit)")
async def _upload(run: Run) -> None:
    line = await run.world.connect(patient=True)
    line.say(f"POST /up HTTP/1.1\r\nHost: {APP}\r\nContent-Length: {3 * 10**9}\r\n\r\n".encode())
    await run.world.settle()
    run.require([answer.status for answer in line.answers()] == [302], "not decided by the head")
    line.keeps = False
    for _ in range(64):
        line.say(bytes(MIB))
        await run.world.settle()
    run.require(line.is_closed or line.unsent > 32 * MIB, f"only {line.unsent} of 64 MiB were not taken")
    run.require(not run.requests, "some of it reached an application")


@play("authenticated upload above max_body")
async def _large_upload(run: Run) -> None:
    recorder = run.world.recorders["app"]

    def on_head(application: Application) -> None:
        application.is_by_hand, application.keeps = True, False
        run.kept["application"] = application

    recorder.on_head = on_head
    line = await run.world.connect()
    line.say(await _head(run, "POST", more=f"Content-Length: {256 * MIB}\r\n"))
    await run.world.settle()
    line.keeps = False
    before = resident_bytes()
    for _ in range(256):
        line.say(bytes(MIB))
        while line.unsent:
            await run.world.settle_once()
    await run.world.settle()
    grown = resident_bytes() - before
    run.require(run.kept["application"].counted >= 256 * MIB, "it did not pass")
    run.require(grown < 8 * MIB, f"{grown} bytes more in memory")


@play("64 KiB header in 1-byte segments")
async def _segments(run: Run) -> None:
    cost = []
    for size in (4 * KIB, 16 * KIB, 64 * KIB - 1_000):
        head = await _head(run, more="")
        head = head.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"a" * (size - len(head)) + b"\r\n\r\n")
        line = await run.world.connect()
        line.transport.setTcpNoDelay(True)
        began = time.thread_time()
        for place in range(len(head)):
            line.transport.write(head[place : place + 1])
            await run.world.settle_once()
        cost.append((time.thread_time() - began) / len(head))
        await run.world.settle()
        line.said = head
        run.require([answer.status for answer in line.answers()] == [200], f"{size} bytes in pieces")
    run.require(cost[2] < cost[0] * 8, f"a byte of 64 KiB costs {cost[2] / cost[0]:.0f} times one of 4 KiB")


@play("Accept-Encoding of 16 KiB")
async def _accepts(run: Run) -> None:
    run.lines.append(await run.world.say(await _head(run, more=f"Accept-Encoding: {'gzip, ' * 2_730}x\r\n")))


# -- many --------------------------------------------------------------------------------------------------------------


@play("20 000 connects/s churn")
async def _churn(run: Run) -> None:
    run.is_a_crowd = True
    for _ in range(50):
        lines = [await run.world.connect() for _ in range(100)]
        for line in lines:
            line.reset()
        run.require(await others(run, 1) == 1, "somebody else was not answered")
        run.world.lines = [line for line in run.world.lines if not line.is_closed]


@play("fd limit reached (ulimit -n 256)")
async def _no_descriptors(run: Run) -> None:
    await tests_pass(run, "tests.process.test_limits.DescriptorTests")


@play("client cert garbage (mTLS)")
async def _garbage(run: Run) -> None:
    await tests_pass(run, "tests.process.test_client_certificates", "tests.tls.test_client_authorities")


@play("0-RTT")
async def _early_data(run: Run) -> None:
    await tests_pass(run, "tests.tls.test_downstream")


@play("PROXY protocol v2 garbage when enabled")
async def _proxy_protocol(run: Run) -> None:
    run.lines.append(await run.world.say(b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff" + bytes(range(200))))
    text = await run.world.say(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n" + await _head(run))
    run.require([answer.status for answer in text.answers()] == [501] and text.is_closed, "PROXY is a method")


@play("Slow read + sign-out")
async def _cut_while_slow(run: Run) -> None:
    run.sessions_may_change = True
    _flooding(run, "app", GIB)
    visitor = await run.world.sign_in(url=f"https://{OTHER}/")
    await visitor.get(f"https://{APP}/public/")
    line = await run.world.connect()
    line.stop_reading()
    cookie = visitor.handle(OTHER)
    line.say(f"GET /x HTTP/1.1\r\nHost: {APP}\r\nCookie: _pomerium={cookie}\r\n\r\n".encode())
    await run.world.settle()
    await run.world.stand_still(lambda: run.kept["application"].unsent)
    run.require(run.kept["application"].unsent > MIB, "nothing waits")
    await visitor.get(SIGN_OUT.replace(APP, OTHER), fields=FROM_PAGE, follow=False)
    run.require(run.kept["application"].is_lost, "the application is not told")
    line.read_again()
    await run.world.settle()
    run.require(line.is_reset, "a clean end")
    run.require(line.counted < 16 * MIB, f"{line.counted} bytes came")
    run.reads_broken_answers = True
