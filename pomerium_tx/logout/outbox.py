"""
What is owed to others once a session has ended, done until it is done or pointless.

Nobody waits for it. What is owed is in the registry; what this process has tried is here. Whatever was not taken is
tried again, less and less often, for a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.logout.owed_work import NotTaken, Progress, T, Terms, Work
from pomerium_tx.logout.turns import Turn, Turns, pause
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import StoreUnavailable

log = Logger()

AT_ONCE = 8
"""
Attempts under way at a time.
"""
GATHERING = 0.1
"""
Seconds in which many ends are looked at as one.
"""
LOOKED_AT_IN_A_SECOND = 100_000
"""
Things: while many wait, ends are looked at together for longer, or nothing but looking would be done.
"""
LONGEST_PAUSE = 3600.0
GIVE_UP_AFTER = 24 * 3600.0
"""
Seconds after which what nobody has taken is not tried any more.
"""
CLAIM = 60.0
"""
Seconds for which an attempt is one process's; the others look again when they are over.
"""


class Outbox(Generic[T]):
    """
    Does what is owed.
    """

    def __init__(self, work: Work[T], *, registry: SessionRegistry, clock: IReactorTime) -> None:
        self._work = work
        self._registry = registry
        self._clock = clock
        self._unsubscribe: Callable[[], None] | None = None
        self._look_call: IDelayedCall | None = None
        self._wake_call: IDelayedCall | None = None
        self._entries: dict[str, _Entry[T]] = {}
        self._by_owed_id: dict[str, dict[str, _Entry[T]]] = {}
        self._turns = Turns(AT_ONCE, work.at_once_each)
        self._under_way: dict[str, Deferred[bool]] = {}
        self._is_starting = False
        self._has_rivals = False

    def start(self) -> None:
        """
        Begin with what is owed now, and hear of what comes.
        """
        self._unsubscribe = self._work.subscribe(self._told)
        self._look()

    def stop(self) -> None:
        """
        Do nothing more; what is owed stays owed.
        """
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._look_call is not None:
            self._look_call.cancel()
            self._look_call = None
        self._wake_at(None)
        for attempt in list(self._under_way.values()):
            attempt.cancel()

    # For the administrator.

    def progress(self) -> tuple[Progress, ...]:
        """
        How far everything that is owed has come, as far as this process knows.
        """
        return tuple(map(self._progress, self._entries.values()))

    def progress_of(self, owed_id: str) -> tuple[Progress, ...]:
        """
        How far that has come which the registry has under one id; nothing, if it is unknown here.
        """
        return tuple(map(self._progress, self._by_owed_id.get(owed_id, {}).values()))

    def attempts_of(self, owed_id: str) -> int:
        """
        How often it was tried.
        """
        return max((one.attempts for one in self.progress_of(owed_id)), default=0)

    def problem_of(self, owed_id: str) -> str:
        """
        Why it is still owed; empty if it was not tried yet.
        """
        return "; ".join(dict.fromkeys(one.problem for one in self.progress_of(owed_id) if one.problem))

    def next_attempt_of(self, owed_id: str) -> float | None:
        """
        When it is tried next; None while it is being tried, or if it is unknown here.
        """
        times = [one.next_attempt for one in self.progress_of(owed_id)]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    def _progress(self, entry: _Entry[T]) -> Progress:
        party = entry.terms.party
        return Progress(
            id=entry.terms.owed_id,
            party=party,
            attempts=entry.attempts,
            next_attempt=None
            if entry.owed.id in self._under_way
            else max(entry.due, self._turns.paused_until(party), self._clock.seconds()),
            problem=entry.problem,
        )

    # What is owed.

    def _told(self) -> None:
        if self._look_call is None:
            gathering = GATHERING + len(self._entries) / LOOKED_AT_IN_A_SECOND
            self._look_call = self._clock.callLater(gathering, self._look_again)

    def _look_again(self) -> None:
        self._look_call = None
        self._look()

    def _look(self) -> None:
        """
        Take in what has changed, and start what is due.
        """
        now = self._clock.seconds()
        owed = {one.id: one for one in self._work.owed()}
        for name in [name for name in self._entries if name not in owed and name not in self._under_way]:
            self._forget(name)
        for name, one in owed.items():
            entry = self._entries.get(name)
            if entry is not None and entry.owed is one:
                continue
            terms = self._work.terms(one)
            if entry is None:
                entry = _Entry(owed=one, terms=terms, due=terms.not_before, attempts=terms.attempts, since=terms.since)
                self._entries[name] = entry
                self._by_owed_id.setdefault(terms.owed_id, {})[name] = entry
            else:
                # It may be done earlier, but not before the pause after an attempt is over.
                entry.owed, entry.terms = one, terms
                entry.due = terms.not_before if not entry.problem else entry.due
            if name not in self._under_way:
                self._turns.put(name, terms.party, entry.due, now)
        self._start_due()

    def _forget(self, name: str) -> None:
        entry = self._entries.pop(name)
        self._turns.drop(name)
        others = self._by_owed_id[entry.terms.owed_id]
        del others[name]
        if not others:
            del self._by_owed_id[entry.terms.owed_id]

    # Attempts.

    def _woken(self) -> None:
        self._wake_call = None
        if self._has_rivals:
            # What was owed may have been done by another process.
            self._look()
        else:
            self._start_due()

    def _start_due(self) -> None:
        # An attempt may be over at once: that must not lead back here, once for each of ten thousand.
        if self._is_starting or self._unsubscribe is None:
            return
        self._is_starting = True
        try:
            while (turn := self._turns.next(self._clock.seconds())) is not None:
                self._begin(turn)
        finally:
            self._is_starting = False
        self._wake_at(self._turns.wakes_at)

    def _wake_at(self, time: float | None) -> None:
        if self._wake_call is not None:
            self._wake_call.cancel()
            self._wake_call = None
        if time is not None:
            self._wake_call = self._clock.callLater(max(0.0, time - self._clock.seconds()), self._woken)

    def _begin(self, turn: Turn) -> None:
        entry = self._entries[turn.name]
        if entry.since is None:
            entry.since = self._clock.seconds()
        attempt = Deferred.fromCoroutine(self._attempt(entry))
        self._under_way[turn.name] = attempt
        attempt.addCallbacks(self._done, self._not_done, callbackArgs=(turn,), errbackArgs=(turn, entry))

    def _done(self, was_tried: bool, turn: Turn) -> None:
        del self._under_way[turn.name]
        self._forget(turn.name)
        self._turns.over(turn, self._clock.seconds(), is_in_trouble=False if was_tried else None)
        self._start_due()

    def _not_done(self, reason: Failure, turn: Turn, entry: _Entry[T]) -> None:
        del self._under_way[turn.name]
        now = self._clock.seconds()
        wait = pause(entry.attempts, LONGEST_PAUSE)
        is_in_trouble = None
        if isinstance(reason.value, NotTaken):
            entry.problem, is_in_trouble = reason.value.problem, reason.value.is_in_trouble
        elif isinstance(reason.value, StoreUnavailable):
            entry.problem = "nothing can be recorded"
        elif isinstance(reason.value, _AnotherProcess):
            entry.problem = "another process was trying"
            wait = max(wait, CLAIM)
            self._has_rivals = True
        elif isinstance(reason.value, CancelledError):
            entry.problem = "the service was stopped"
        else:
            log.failure("The {kind} {id} failed", reason, kind=self._work.kind, id=turn.name)
            entry.problem = "a fault of ours, which is in the log"
        entry.attempts += 1
        entry.due = now + wait
        self._turns.put(turn.name, turn.party, entry.due, now)
        self._turns.over(turn, now, is_in_trouble=is_in_trouble)
        self._start_due()

    async def _attempt(self, entry: _Entry[T]) -> bool:
        """
        Whether it was tried; if not, it has been given up.
        """
        now, kind, name = self._clock.seconds(), self._work.kind, entry.owed.id
        # Of several processes that know of it, one makes this attempt.
        if not await self._registry.use_once(f"{kind}/{name}/{entry.attempts}", now + CLAIM):
            raise _AnotherProcess
        attempts = entry.attempts
        is_pointless = entry.since is not None and now - entry.since >= GIVE_UP_AFTER
        if is_pointless:
            log.error("Gave up the {kind} {id} after {attempts} attempts", kind=kind, id=name, attempts=attempts)
        else:
            await self._work.attempt(entry.owed)
            attempts += 1
        await self._work.done(entry.owed, attempts)
        return not is_pointless


@dataclass(slots=True, kw_only=True)
class _Entry(Generic[T]):
    """
    What this process knows of one thing that is owed.
    """

    owed: T
    terms: Terms
    due: float
    attempts: int
    since: float | None
    problem: str = ""


class _AnotherProcess(Exception):
    """
    It was another process's turn to try.
    """
