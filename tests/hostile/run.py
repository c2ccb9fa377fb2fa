"""
One case: its steps, what came of them, whether that is what it had to be, and the ten invariants.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.hostile.catalogue import Case, filled_in
from tests.hostile.invariants import LAG, Before, violations
from tests.hostile.line import Line
from tests.hostile.names import APP, AUTHENTICATE, LOOP, OP, OTHER, PUB
from tests.hostile.world import World

TRIES = 3
"""
Of a case with which the reactor took too long for a turn: once may be somebody else's doing.
"""


class UnknownStep(Exception):
    """
    Nobody knows how to do a step of this kind.
    """


class Verdict(Enum):
    """
    What became of a case.
    """

    AS_WRITTEN = "as written"
    BY_DOCUMENT = "by document"
    """
    Another outcome than the catalogue's, because a document that counts for more says so.
    """
    NOT_HERE = "does not apply"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """
    What has to come of a case: frozen, from what the documents say.
    """

    because: str
    """
    Which sentence of which document says so; what was decided, where none does.
    """
    status: int | None = None
    """
    That of the first answer on every connection of the case's own.
    """
    silent: bool = False
    """
    Whether no answer at all is right.
    """
    closed: bool | None = None
    requests: int | None = None
    """
    How many reach an application.
    """
    outcome: str = ""
    """
    What `check` makes sure of, in words, where a status does not say it.
    """
    check: Callable[[Run], Awaitable[None] | None] | None = field(default=None, repr=False)
    """
    What else must be so; raises AssertionError.
    """
    overrules: str = ""
    """
    Which document says otherwise than the catalogue, and what.
    """

    @property
    def words(self) -> str:
        """
        All of it in a line.
        """
        parts = [] if self.status is None else [str(self.status)]
        if self.silent:
            parts.append("no answer")
        if self.closed is not None:
            parts.append("closed" if self.closed else "kept")
        if self.requests is not None:
            what = "request reaches" if self.requests == 1 else "requests reach"
            parts.append(f"{self.requests} {what} an application")
        if self.outcome:
            parts.append(self.outcome)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What became of a case.
    """

    case: Case
    verdict: Verdict
    expected: str
    got: str
    why: str
    problems: tuple[str, ...] = ()


Prepare = Callable[["Run"], Awaitable[None]]
Do = Callable[["Run", Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """
    How steps of a kind are done.
    """

    do: Do
    is_slow: bool


STEPS: dict[tuple[str, str | None], Step] = {}
"""
By kind, and group of the case; None for any group.
"""
EXPECTED: dict[str, Expected] = {}
NOT_HERE: dict[str, str] = {}
"""
Why a case cannot apply.
"""
PREPARED: dict[str, Prepare] = {}
"""
What is done before the steps of a case, so that its words mean something here.
"""
SLOW: set[str] = set()
"""
Cases that take longer than the kind of their steps tells.
"""


def step(kind: str, *groups: str, is_slow: bool = False) -> Callable[[Do], Do]:
    """
    A decorator: so are steps of that *kind* done, in cases of the *groups*, or in all.
    """

    def register(do: Do) -> Do:
        for group in groups or (None,):
            assert (kind, group) not in STEPS, f"two ways to do {kind} in {group}"
            STEPS[kind, group] = Step(do, is_slow)
        return do

    return register


def expects(*ids: str, because: str, **more: Any) -> None:
    """
    Freeze what has to come of the cases with these *ids*.
    """
    for each in ids:
        assert each not in EXPECTED, f"{each} is expected twice"
        EXPECTED[each] = Expected(because=because, **more)


def does_not_apply(*ids: str, because: str) -> None:
    """
    Say why cases have nothing to say about this product.
    """
    for each in ids:
        assert each not in EXPECTED and each not in NOT_HERE, f"{each} is in two classes"
        NOT_HERE[each] = because


def prepare(*ids: str) -> Callable[[Prepare], Prepare]:
    """
    A decorator: what is done before the steps of these cases.
    """

    def register(prepared: Prepare) -> Prepare:
        for each in ids:
            assert each not in PREPARED, f"{each} is prepared twice"
            PREPARED[each] = prepared
        return prepared

    return register


class Run:
    """
    A case under way.
    """

    def __init__(self, world: World, case: Case) -> None:
        self.world = world
        self.case = case
        self.canary = secrets.token_hex(12)
        self.lines: list[Line] = []
        """
        The connections that are the case's own, in order.
        """
        self.variables: dict[str, str] = {
            "APP": APP,
            "PUB": PUB,
            "OTHER": OTHER,
            "LOOP": LOOP,
            "AUTH": AUTHENTICATE,
            "IDP": OP,
            "PORT": "443",
            "COOKIE": "_pomerium",
            "CANARY": self.canary,
        }
        self.kept: dict[str, Any] = {}
        """
        What steps leave for later ones, and for the check.
        """
        self.cleanups: list[Callable[[], object]] = []
        """
        What is called once the steps are done.
        """
        self.sessions_may_change = False
        self.is_a_crowd = False
        """
        Whether so many clients are in this process that a turn of the reactor is mostly theirs; how long others wait is
        looked at by the steps then.
        """
        self.failures_may_be_logged = False
        self.reads_broken_answers = False
        """
        Whether what comes to a user agent may be no HTTP; then a check looks at it.
        """

    async def fill(self, text: str) -> str:
        """
        *text* with the variables of this world; sessions are begun when they are asked for.
        """
        for name in re.findall(r"\{([A-Z][A-Z_]*)", text):
            if name not in self.variables and (make := VARIABLES.get(name)):
                self.variables[name] = await make(self)
        return filled_in(text, self.variables)

    async def say(self, text: str) -> Line:
        """
        Say *text*, of which each character is an octet, on a connection of the case's own.
        """
        line = await self.aside(text)
        self.lines.append(line)
        return line

    async def aside(self, text: str) -> Line:
        """
        Say *text* on a connection that `Expected.status` does not speak of.
        """
        return await self.world.say((await self.fill(text)).encode("latin-1"))

    @property
    def requests(self) -> int:
        """
        How many requests have reached applications.
        """
        return sum(len(recorder.requests) for recorder in self.world.recorders.values())

    def require(self, is_so: object, what: str) -> None:
        """
        Complain unless *is_so*.
        """
        if not is_so:
            raise AssertionError(what)


VARIABLES: dict[str, Callable[[Run], Awaitable[str]]] = {
    "SESS": lambda run: run.world.handle("alice"),
    "SESS_ALICE": lambda run: run.world.handle("alice"),
    "SESS_BOB": lambda run: run.world.handle("bob"),
    "SESS_MALLORY": lambda run: run.world.handle("mallory"),
    "SESS_EXPIRED": lambda run: run.world.ended_handle(),
    "SESS_UNKNOWN_SID": lambda run: run.world.handle_of_nobody(),
    "CSRF_COOKIE_VALUE": lambda run: run.world.csrf_cookie(),
}
"""
What is made when a case asks for it.
"""


def step_of(case: Case, kind: str) -> Step:
    """
    How a step of a case is done.

    :raises UnknownStep: If nobody knows.
    """
    found = STEPS.get((kind, case.group)) or STEPS.get((kind, None))
    if found is None:
        raise UnknownStep(f"{case.id}: {kind} in {case.group}")
    return found


def is_slow(case: Case) -> bool:
    """
    Whether a case takes longer than a tenth of a second.
    """
    return case.id in SLOW or any(step_of(case, each["do"]).is_slow for each in case.steps)


async def run_case(world: World, case: Case) -> Result:
    """
    What becomes of a case.

    :raises UnknownStep: If one of its steps is of a kind that nobody knows.
    """
    if case.id in NOT_HERE:
        return as_it_has_to(case)
    steps = [(step_of(case, each["do"]), each) for each in case.steps]
    expected = EXPECTED.get(case.id)
    if expected is None:
        return Result(case=case, verdict=Verdict.WRONG, expected="-", got="-", why="-", problems=("it is in no class",))
    for _ in range(TRIES):
        run = Run(world, case)
        problems = await _once(run, steps, expected)
        if problems != [LAG]:
            break
    return _result(case, expected, tuple(problems))


def as_it_has_to(case: Case) -> Result:
    """
    The result of a case that is as it has to be.
    """
    if case.id in NOT_HERE:
        return Result(case=case, verdict=Verdict.NOT_HERE, expected="-", got="-", why=NOT_HERE[case.id])
    return _result(case, EXPECTED[case.id], ())


def _result(case: Case, expected: Expected, problems: tuple[str, ...]) -> Result:
    verdict = Verdict.BY_DOCUMENT if expected.overrules else Verdict.AS_WRITTEN
    why = f"{expected.because} Not as written: {expected.overrules}" if expected.overrules else expected.because
    return Result(
        case=case,
        verdict=Verdict.WRONG if problems else verdict,
        expected=expected.words,
        got="; ".join(problems) or expected.words,
        why=why,
        problems=problems,
    )


async def _once(run: Run, steps: list[tuple[Step, Mapping[str, Any]]], expected: Expected) -> list[str]:
    # Whoever is signed in for a case is signed in before it.
    for each in run.case.steps:
        for value in each.values():
            if isinstance(value, str):
                await run.fill(_known(value))
    before = await Before.look(run.world)
    problems = []
    try:
        if run.case.id in PREPARED:
            await PREPARED[run.case.id](run)
        for how, what in steps:
            await how.do(run, what)
        checked = None if expected.check is None else expected.check(run)
        if checked is not None:
            await checked
        problems += _outcome(run, expected)
    except AssertionError as problem:
        problems.append(str(problem) or repr(problem))
    finally:
        for clean_up in run.cleanups:
            clean_up()
    return problems + await violations(before, run)


def _known(text: str) -> str:
    return "".join(f"{{{name}}}" for name in re.findall(r"\{([A-Z][A-Z_]*)", text) if name in VARIABLES)


def _outcome(run: Run, expected: Expected) -> list[str]:
    problems = []
    for line in run.lines:
        try:
            statuses = [answer.status for answer in line.answers()]
        except Exception as problem:  # noqa: BLE001 - whatever a strict reader finds wrong with it
            if not run.reads_broken_answers:
                problems.append(f"no HTTP: {problem}")
            continue
        if expected.status is not None and statuses[:1] != [expected.status]:
            problems.append(f"got {statuses[0] if statuses else 'no answer'}, not {expected.status}")
        if expected.silent and line.received:
            problems.append(f"got {statuses}, not silence")
        if expected.closed is not None and line.is_closed is not expected.closed:
            problems.append("closed" if line.is_closed else "not closed")
    if expected.requests is not None and run.requests != expected.requests:
        problems.append(f"{run.requests} requests reached an application, not {expected.requests}")
    return problems
