"""
The cases about who somebody is, as steps of the catalogue; importing this registers them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from tests.hostile import (
    identity_after,
    identity_back_channel,
    identity_endpoints,
    identity_flow,
    identity_flow_people,
    identity_flow_whole,
    identity_keys,
    identity_leaks,
    identity_login,
    identity_logout,
    identity_metadata,
    identity_redirects,
    identity_sign_out,
    identity_start,
    identity_urls,
)
from tests.hostile.catalogue import Case, catalogue
from tests.hostile.identity_expected import NOT_HERE, frozen
from tests.hostile.identity_login import Seen
from tests.hostile.identity_world import IdentityWorld
from tests.hostile.run import SLOW, Result, Run, does_not_apply, expects, run_case, step

_FLOWS = (identity_flow_people, identity_flow_whole)
"""
Importing them is what makes their flows known.
"""
Runner = Callable[[IdentityWorld, Case], Awaitable[Seen]]


async def _endpoint(world: IdentityWorld, case: Case) -> Seen:
    is_scenario = case.steps[0]["do"] == "scenario"
    return await (identity_metadata.scenario if is_scenario else identity_endpoints.endpoint)(world, case)


RUNNERS: Mapping[str, tuple[tuple[str, ...], Runner]] = {
    "signed-urls": (("signed_url",), identity_urls.signed_url),
    "redirect-targets": (("redirect_param", "corpus", "http"), identity_redirects.redirect_target),
    "oidc-flow": (("callback",), identity_flow.callback),
    "id-token": (("token_endpoint_returns", "complete_login"), identity_login.id_token),
    "backchannel-logout": (("signed_in", "bc_logout", "scenario"), identity_back_channel.back_channel),
    "frontchannel-logout": (("signed_in", "http"), identity_logout.front_channel),
    "sign-out": (("signed_in", "scenario"), identity_sign_out.sign_out),
    "after-sign-out": (("signed_in", "open", "end_session", "probe"), identity_after.after_sign_out),
    "config": (("config", "start_or_reload"), identity_start.configured),
    "information-leak": (("inspect",), identity_leaks.inspect),
    "jwks": (("idp_jwks", "complete_login"), identity_keys.jwks),
    "idp-endpoints": (("idp_endpoint", "complete_login", "scenario"), _endpoint),
}
"""
How the cases of a group are done: the kinds of their steps, which belong together, and what does them all.
"""
_ONE_WORLD = ("redirect-targets", "id-token", "config")
"""
Groups whose cases change nothing that the next one would notice.
"""
_OWN_WORK = ("RD-162",)
"""
Cases of which most of the work is the test's own.
"""
_LONG = frozenset(("IT-017", "OF-008", "OF-041", "OF-042", "SU-003", "RD-162", "JW-030", "LT-041", "CF-083", "CF-084"))
_BULKY: Mapping[str, int] = {
    "after-sign-out": 5,
    "redirect-targets": 4,
    "idp-endpoints": 4,
    "backchannel-logout": 3,
    "jwks": 3,
}
"""
Groups of which ``make test`` runs one case in so many: those whose numbers can be divided.
"""
_LOGS_FAILURES = ("LT-075", "SO-012", "DI-093")
"""
Cases in which something is out of order that must be written into the log as a failure.
"""


def _register() -> None:
    for group, (kinds, runner) in RUNNERS.items():
        _register_steps(group, kinds, runner)
    for case in catalogue().values():
        if case.id in NOT_HERE:
            does_not_apply(case.id, because=NOT_HERE[case.id])
            continue
        wanted = frozen(case.id, case.group) if case.group in RUNNERS else None
        if wanted is not None:
            expects(
                case.id,
                because=wanted.because,
                overrules=wanted.overrules,
                outcome="what the case demands" if wanted.status is None else str(wanted.status),
                check=_check(wanted.status),
            )
            if case.id in _LONG or int(case.id[3:]) % _BULKY.get(case.group, 1):
                SLOW.add(case.id)


def _register_steps(group: str, kinds: tuple[str, ...], runner: Runner) -> None:
    async def do(run: Run, what: Mapping[str, Any]) -> None:
        run.sessions_may_change = True
        run.is_a_crowd = run.case.id in _OWN_WORK
        # What is cut is cut in the middle of an answer.
        run.reads_broken_answers = group == "after-sign-out"
        run.failures_may_be_logged = run.case.id in _LOGS_FAILURES
        if what is run.case.steps[-1]:
            world = cast(IdentityWorld, run.world)
            if run.case.group not in _ONE_WORLD:
                # Here, since a case may be tried again.
                await world.restart()
            run.kept["seen"] = await runner(world, run.case)
            await world.tidy()
            # Whoever asks next is served by the configuration that all cases know.
            world.house.reload(world.read_plainly())

    for kind in kinds:
        step(kind, group)(do)


def _check(status: int | None) -> Callable[[Run], None]:
    def check(run: Run) -> None:
        seen: Seen = run.kept["seen"]
        run.require(seen.status == status, f"got {seen.status}, not {status}")

    return check


async def run_identity(reactor: Any, folder: Path, cases: Iterable[Case]) -> list[Result]:
    """
    What becomes of cases of `RUNNERS`, each in a world of its own where that matters.
    """
    world = IdentityWorld(reactor, folder)
    await world.start()
    try:
        return [await run_case(world, case) for case in cases]
    finally:
        await world.stop()


_register()
