"""
The ten invariants notice what they are for: here each is broken on purpose.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.hostile.catalogue import Case
from tests.hostile.invariants import MOST_WORK, folded, leads_astray
from tests.hostile.line import Line
from tests.hostile.names import APP, CLIENT_SECRET
from tests.hostile.run import EXPECTED, STEPS, Expected, Run, Step, run_case
from tests.hostile.steps_cookies import FROM_PAGE, SIGN_OUT
from tests.hostile.world import World

log = Logger()


async def _behind_the_proxy(run: Run, target: str = "/x", more: str = "") -> None:
    """
    A request that no proxy has written reaches the application.
    """
    line = Line(run.world.moved)
    port = run.world.ports["app.internal"]
    await connectProtocol(TCP4ClientEndpoint(run.world.reactor, "127.0.0.1", port), line)
    fields = "Host: x\r\nVia: x\r\nX-Forwarded-For: x\r\nX-Forwarded-Proto: x\r\nX-Request-Id: x\r\n"
    line.say(f"GET {target} HTTP/1.1\r\n{fields}{more}\r\n".encode())
    await run.world.settle()
    line.reset()


async def _forges(run: Run) -> None:
    await _behind_the_proxy(run, more=f"X-Pomerium-Claim-Email: {run.canary}\r\n")


async def _forges_in_another_spelling(run: Run) -> None:
    await _behind_the_proxy(run, more="X.Pomerium.Jwt..Assertion: x\r\n")


async def _passes_a_cookie(run: Run) -> None:
    await _behind_the_proxy(run, more=f"Cookie: a=b; _pomerium={await run.world.handle()}\r\n")


async def _smuggles(run: Run) -> None:
    await _behind_the_proxy(run, "/smuggled")


async def _works_for_long(run: Run) -> None:
    until = time.thread_time() + MOST_WORK * 2
    run.world.reactor.callLater(0, lambda: [None for _ in iter(lambda: time.thread_time() > until, True)])
    await run.world.settle()


async def _logs_a_failure(run: Run) -> None:
    log.error("Traceback (most recent call last)")


async def _logs_a_secret(run: Run) -> None:
    log.info("what it says: {text}", text=f"client_secret={CLIENT_SECRET}")


async def _keeps_a_descriptor(run: Run) -> None:
    kept = os.dup(0)
    run.kept["descriptor"] = kept


async def _keeps_a_call(run: Run) -> None:
    call = run.world.clock.callLater(3600, int)
    run.kept["call"] = call


async def _ends_a_session(run: Run) -> None:
    visitor = await run.world.sign_in()
    await visitor.get(SIGN_OUT, fields=FROM_PAGE, follow=False)
    await run.world.sign_in()


BROKEN: Mapping[str, Any] = {
    "I1": _behind_the_proxy,
    "I2 a forged claim": _forges,
    "I2 another spelling": _forges_in_another_spelling,
    "I2 a cookie": _passes_a_cookie,
    "I4": _works_for_long,
    "I5": _logs_a_failure,
    "I6": _logs_a_secret,
    "I7 a descriptor": _keeps_a_descriptor,
    "I7 a call": _keeps_a_call,
    "I8": _ends_a_session,
    "I10": _smuggles,
}


class BrokenTests(TestCase):
    """
    Something goes wrong in a case that is otherwise as expected.
    """

    timeout = 120

    async def test_noticed(self) -> None:
        """
        Each violation is found by the invariant that it is one of, and a case with nothing wrong has none.
        """
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        folder = Path(self.mktemp())
        folder.mkdir()
        world = World(reactor, folder)
        await world.start()
        try:
            await world.handle()
            self.assertEqual(await self._problems(world, lambda run: world.settle()), ())
            for name, broken in BROKEN.items():
                with self.subTest(name):
                    problems = await self._problems(world, broken)
                    invariant = name.partition(" ")[0]
                    self.assertTrue(any(each.startswith(f"{invariant}:") for each in problems), problems)
        finally:
            await world.stop()
            self.flushLoggedErrors()

    async def _problems(self, world: World, does: Any) -> tuple[str, ...]:
        async def do(run: Run, what: Mapping[str, Any]) -> None:
            self._case_run = run
            await does(run)

        case = Case(id="T", group="T", title="", severity="", steps=({"do": "T"},), written={})
        STEPS["T", "T"], EXPECTED["T"] = Step(do, is_slow=False), Expected(because="nothing")
        try:
            return (await run_case(world, case)).problems
        finally:
            del STEPS["T", "T"], EXPECTED["T"]
            if "descriptor" in self._case_run.kept:
                os.close(self._case_run.kept["descriptor"])
            if "call" in self._case_run.kept:
                self._case_run.kept["call"].cancel()


class LocationTests(SynchronousTestCase):
    """
    Where a browser would go.
    """

    def test_astray(self) -> None:
        """
        A Location is read as browsers read it.
        """
        allowed = {f"https://{APP}"}
        for location in ("/x", f"https://{APP}/x", "//app.example.com/x", "?x"):
            with self.subTest(location):
                self.assertEqual(leads_astray(location, allowed), [])
        for location in (
            "https://evil.test/",
            "//evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "https:////evil.test",
            "http://app.example.com/",
            f"https://u:p@{APP}/",
            "/\t/evil.test",
            "javascript:alert(1)",
            "/sign_in?pomerium_redirect_uri=https://evil.test/",
        ):
            with self.subTest(location):
                self.assertNotEqual(leads_astray(location, allowed), [])


class FoldedTests(SynchronousTestCase):
    """
    Names as the most careless of servers sees them.
    """

    def test_folded(self) -> None:
        """
        All spellings of a name are one.
        """
        for name in ("X-Pomerium-Claim-Email", "x_pomerium.claim--email", "HTTP_X_POMERIUM_CLAIM_EMAIL"):
            with self.subTest(name):
                self.assertEqual(folded(name), "X_POMERIUM_CLAIM_EMAIL")
