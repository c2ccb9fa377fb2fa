"""
Steps in which something of ours is broken: the store, a process, a clock, the OP.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.logger import globalLogPublisher

from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from tests.doubles.sessions import a_session
from tests.hostile.elsewhere import tests_pass
from tests.hostile.named import Named
from tests.hostile.names import APP, OTHER, PUB
from tests.hostile.run import Run, step
from tests.hostile.steps_cookies import FROM_PAGE, SIGN_OUT
from tests.hostile.steps_websocket import opened
from tests.hostile.visitor import NAVIGATION
from tests.scenarios.traffic import SIGNED_OUT

HOUR = 3600.0
MANY = 10_000
"""
Sessions of one person.
"""
_CPU_SECONDS = 1.0

Play = Callable[[Run], Awaitable[None]]
play: Named[Play] = Named()


def elsewhere(name: str, *tests: str) -> None:
    """
    The scenario of that name is played by those tests.
    """

    @play(name)
    async def play_there(run: Run) -> None:
        await tests_pass(run, *tests)


@step("chaos", "reliability")
async def chaos(run: Run, what: Mapping[str, Any]) -> None:
    """
    Plays a scenario by its name.
    """
    await play[what["name"]](run)


async def _asks(run: Run, handle: str, host: str = APP) -> int:
    line = await run.world.say(f"GET /x HTTP/1.1\r\nHost: {host}\r\nCookie: _pomerium={handle}\r\n\r\n".encode())
    return line.answers()[0].status


@play("disk full during login")
async def _no_sign_in(run: Run) -> None:
    handle = await run.world.handle()
    run.world.store.break_down()
    run.cleanups.append(run.world.store.recover)
    visitor = run.world.visitor("bob")
    page = await visitor.get(f"https://{APP}/")
    run.require(page.status == 503, f"a sign-in got {page.status}")
    run.require((APP, "_pomerium") not in visitor.cookies, "it got a cookie of a session")
    run.require(await _asks(run, handle) == 200, "who was signed in is not any more")


@play("disk full during sign-out")
async def _no_sign_out(run: Run) -> None:
    run.sessions_may_change = True
    visitor = await run.world.sign_in()
    run.world.store.break_down()
    run.cleanups.append(run.world.store.recover)
    page = await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    run.require(page.status == 503 and page.get("Retry-After"), f"a sign-out got {page.status}")
    run.require((APP, "_pomerium") in visitor.cookies, "it is told that it is signed out")
    run.world.store.recover()
    handle = visitor.handle(APP)
    page = await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    run.require(page.status == 302 and run.world.session_of(handle) is None, "once more does not help")


@play("store read EIO")
async def _no_reading(run: Run) -> None:
    run.failures_may_be_logged = True
    there = await run.world.beside("unread")
    await there.hang_up()
    handle = await there.handle()
    there.store.break_down()
    registry = there.house.registry
    find = registry.find

    def broken(session_id: str) -> object:
        raise StoreUnavailable("EIO")

    registry.find = broken  # type: ignore[method-assign] # what this is about
    try:
        line = await there.say(f"GET /x HTTP/1.1\r\nHost: {APP}\r\nCookie: _pomerium={handle}\r\n\r\n".encode())
        public = await there.say(f"GET /x HTTP/1.1\r\nHost: {PUB}\r\n\r\n".encode())
    finally:
        registry.find = find  # type: ignore[method-assign] # what this is about
        there.store.recover()
    statuses = [answer.status for answer in line.answers()]
    run.require(statuses == [500], f"a protected route got {statuses}")
    run.require([answer.status for answer in public.answers()] == [200], "a public route is not served")
    run.require(len(there.recorders["app"].requests) == 1, "the application was reached")
    await there.hang_up()


@play("store slow (2 s/op)")
async def _slow_store(run: Run) -> None:
    run.sessions_may_change = True
    visitor, handle = await run.world.sign_in(), await run.world.handle("bob")
    run.world.store.hold()
    run.cleanups.append(run.world.store.release)
    line = await run.world.connect()
    cookies = "; ".join(f"{name}={value}" for (host, name), value in visitor.cookies.items() if host == APP)
    fields = f"Host: {APP}\r\nCookie: {cookies}\r\n"
    fields += "".join(f"{name}: {value}\r\n" for name, value in {**NAVIGATION, **FROM_PAGE}.items())
    line.say(f"GET /.pomerium/sign_out HTTP/1.1\r\n{fields}\r\n".encode())
    await run.world.advance(2)
    run.require(not line.answers(), "a sign-out is acknowledged before it is recorded")
    run.require(await _asks(run, handle) == 200, "others are not answered meanwhile")
    run.world.store.release()
    await run.world.settle()
    run.require([answer.status for answer in line.answers()] == [302], "then it is not answered")
    run.require(await _asks(run, visitor.handle(APP)) == 302, "and not ended")


@play("clock +1 h step")
async def _later(run: Run) -> None:
    run.sessions_may_change = True
    handle = await run.world.handle()
    run.world.clock.advance(HOUR)
    await run.world.settle()
    run.require(await _asks(run, handle) == 200, "a session of 14 h is over after one")
    lifetime = run.world.house.config.cookie_expire.total_seconds()
    run.world.clock.advance(lifetime)
    await run.world.settle()
    run.require(await _asks(run, handle) == 302, "a session is not over when its time is")


@play("clock -1 h step")
async def _earlier(run: Run) -> None:
    run.sessions_may_change = True
    visitor = await run.world.sign_in()
    handle = visitor.handle(APP)
    await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    run.world.clock.rightNow -= HOUR
    try:
        run.require(await _asks(run, handle) == 302, "the session is back")
        run.require(await _asks(run, await run.world.handle("bob")) == 200, "others are signed out")
    finally:
        run.world.clock.rightNow += HOUR


@play("IdP clock skew +/- 60 s")
async def _skewed(run: Run) -> None:
    run.sessions_may_change = True
    for skew in (-60, 60):
        run.world.provider.alterations["id_token"] = lambda claims, skew=skew: {  # type: ignore[misc] # its default
            **claims,
            **{name: int(claims[name]) + skew for name in ("iat", "exp", "auth_time") if name in claims},  # type: ignore[call-overload] # numbers
        }
        try:
            await run.world.sign_in()
        finally:
            del run.world.provider.alterations["id_token"]


@play("IdP down 1 h")
async def _no_provider(run: Run) -> None:
    run.sessions_may_change = True
    handle = await run.world.handle()
    down = Fault(status=503)
    endpoints = ("discovery", "jwks", "authorization", "token", "userinfo", "revocation", "end_session")
    run.world.provider.faults.update(dict.fromkeys(endpoints, down))
    run.cleanups.append(run.world.provider.faults.clear)
    for _ in range(6):
        await run.world.advance(600, step=60)
        run.require(await _asks(run, handle) == 200, "who was signed in is not any more")
    there = await run.world.beside("unread")
    there.provider.faults.update(dict.fromkeys(endpoints, down))
    page = await there.visitor("alice").get(f"https://{APP}/")
    there.provider.faults.clear()
    run.require(page.status in (502, 503) and len(page.trail) <= 3, f"a sign-in got {page.status}")
    await there.hang_up()


@play("IdP down during sign-out")
async def _local(run: Run) -> None:
    run.sessions_may_change = True
    visitor = await run.world.sign_in()
    handle = visitor.handle(APP)
    for name in ("revocation", "end_session", "token", "discovery"):
        run.world.provider.faults[name] = Fault(status=503)
    run.cleanups.append(run.world.provider.faults.clear)
    page = await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    run.require(page.status == 302, f"a sign-out got {page.status}")
    run.require(await _asks(run, handle) == 302, "and ended nothing")


@play("one user 10 000 sessions then sub-logout")
async def _ten_thousand(run: Run) -> None:
    there = await run.world.beside("unread")
    registry, now = there.house.registry, there.clock.seconds()
    one = there.session_of(await there.handle("alice"))
    for number in range(MANY):
        session = a_session(
            browser=f"b{number}", idp_id=one.idp_id, iss=one.iss, sub=one.sub, user_id=one.user_id, sids=(), began=now
        )
        await registry.begin(session, state_issued=now)
    began = time.thread_time()
    logout = ProviderLogout(iss=one.iss, sub=one.sub, sid=None, issued=now + 1)
    receipt = await there.house.ending.end_by_provider(logout, Cause.BACK_CHANNEL)
    spent = time.thread_time() - began
    run.require(receipt.sessions_ended == MANY + 1, f"{receipt.sessions_ended} ended")
    run.require(not any(session.sub == one.sub for session in registry.sessions()), "some are left")
    run.require(spent < _CPU_SECONDS * 2, f"it took {spent:.2f} s of work")
    await there.hang_up()


@play("exception in log formatter / metrics")
async def _broken_log(run: Run) -> None:
    def broken(event: object) -> None:
        raise RuntimeError("an observer that fails")

    globalLogPublisher.addObserver(broken)
    try:
        run.require(await _asks(run, await run.world.handle()) == 200, "a request is not answered")
    finally:
        globalLogPublisher.removeObserver(broken)
    run.failures_may_be_logged = True


@play("health endpoints under overload")
async def _health(run: Run) -> None:
    run.sessions_may_change = run.is_a_crowd = True
    handle = await run.world.handle("alice", OTHER)
    head = f"GET /x HTTP/1.1\r\nHost: {OTHER}\r\nCookie: _pomerium={handle}\r\n\r\n".encode()
    run.world.recorders["other"].answering = lambda application, request: None
    for _ in range(2_000):
        (await run.world.connect()).say(head)
    line = await run.world.connect()
    line.say(f"GET /healthz HTTP/1.1\r\nHost: {APP}\r\n\r\n".encode())
    turns = 0
    while not line.answers() and turns < 50:
        turns += 1
        await run.world.settle_once()
    run.require([answer.status for answer in line.answers()] == [200], "no answer within 50 turns of the reactor")


@play("year 2038 / leap second / DST")
async def _far_future(run: Run) -> None:
    run.sessions_may_change = True
    before, zone = run.world.clock.rightNow, os.environ.get("TZ")
    for moment in (2**31 - 5, 2**32 - 5, 1_483_228_799, 1_711_846_799):
        os.environ["TZ"] = "Europe/Berlin"
        time.tzset()
        run.world.clock.rightNow = float(moment)
        visitor = await run.world.sign_in()
        handle = visitor.handle(APP)
        await run.world.advance(10)
        run.require(await _asks(run, handle) == 200, f"not let through at {moment}")
        await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
        run.require(run.world.session_of(handle) is None, f"not ended at {moment}")
    run.world.clock.rightNow = before
    os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone)
    time.tzset()


@play("CPU starvation 90 %")
async def _starved(run: Run) -> None:
    run.sessions_may_change = run.is_a_crowd = True
    visitor = await run.world.sign_in()
    sockets = [await opened(run, visitor) for _ in range(200)]
    began = time.thread_time()
    await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    spent = time.thread_time() - began
    run.require(all(line.received == SIGNED_OUT for line, _ in sockets), "not all are cut")
    run.require(spent < _CPU_SECONDS / 10, f"it takes {spent:.2f} s of a CPU, with a tenth of one ten times that")


elsewhere("2 workers: sign-out on A, request on B", "tests.process.test_workers", "tests.scenarios.test_workers")
elsewhere("SIGHUP storm 100/s", "tests.process.test_reload", "tests.test_service.ReloadTests")
elsewhere("SIGTERM twice", "tests.process.test_stop")
elsewhere("SIGTERM with a stuck upload", "tests.process.test_stop", "tests.test_service.PomeriumServiceTests")
elsewhere("fd exhaustion", "tests.process.test_limits.DescriptorTests")
elsewhere(
    "memory cap 128 MiB cgroup, 2 000 slow clients",
    "tests.process.test_slow_peers",
    "tests.proxy.test_downstream_bounds",
)
