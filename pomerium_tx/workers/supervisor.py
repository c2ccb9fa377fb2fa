"""
Starts the workers, and starts those again that end.

A worker that ends unasked is started again after a pause, which grows while those that come do not stay. When three in
a row have not stayed, and no other serves, there is no use in going on: whoever started us is told so by our end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.config.model import Config
from pomerium_tx.logout.heard import Hear
from pomerium_tx.sessions.elsewhere import Seen, joined
from pomerium_tx.workers.child import Child
from pomerium_tx.workers.shared_store import SharedStore
from pomerium_tx.workers.shares import Shares

log = Logger()

STEADY_SECONDS = 10.0
"""
Who has served for so long has not failed to start.
"""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
ATTEMPTS = 3
CHECK_SECONDS = 5.0
"""
How often workers are asked whether they do anything.
"""
GRACE_SECONDS = 2.0
"""
How much longer than the drain a worker may take to leave.
"""


class WorkersCannotServe(Exception):
    """
    No worker serves, and those that are started do not stay.
    """


@dataclass(slots=True, eq=False)
class _Place:
    """
    One of the workers there are to be, whichever process it is now.
    """

    number: int
    child: Child | None = None
    ready_since: float | None = None
    failures: int = 0
    """
    In a row.
    """
    has_served: bool = False
    restart: IDelayedCall | None = None


class Supervisor:
    """
    Keeps as many workers as there are to be.

    :param descriptors: Of the sockets to accept on, asked each time.
    :param heard: Told what OPs ask workers for.
    """

    def __init__(
        self,
        reactor: Any,
        shared: SharedStore,
        *,
        count: int,
        descriptors: Callable[[], list[int]],
        heard: Hear = lambda heard: None,
        child: Callable[..., Child] = Child,
    ) -> None:
        self._reactor = reactor
        self._shared = shared
        self._descriptors = descriptors
        self._child = child
        self._heard = heard
        self._ended: Callable[[str], object] = lambda receipt_id: None
        self._failed: Callable[[Failure], object] = lambda reason: None
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._shares = Shares.make(count)
        self._config: Config | None = None
        self._started: Deferred[None] | None = None
        self._is_stopping = False
        self._checking = LoopingCall(self._check)
        self._checking.clock = reactor

    @property
    def serving(self) -> list[Child]:
        """
        The workers that serve.
        """
        return [child for child in self._children() if child.is_ready]

    async def start(
        self, config: Config, *, ended: Callable[[str], object], failed: Callable[[Failure], object]
    ) -> None:
        """
        All workers serve.

        :param ended: Told the receipt of each end that a worker has asked for, when it is in force everywhere.
        :param failed: Told later why there is no use in going on.
        :raises WorkersCannotServe: If that cannot be brought about.
        """
        self._config, self._ended, self._failed = config, ended, failed
        self._started = Deferred()
        for place in self._places:
            self._spawn(place)
        self._checking.start(CHECK_SECONDS, now=False)
        await self._started

    async def configure(self, config: Config) -> None:
        """
        No worker serves by the configuration of before.
        """
        self._config = config
        await gatherResults([child.configure(config) for child in self._children()])

    async def exchanges(self, session_ids: Collection[str]) -> Seen:
        """
        What is open for some sessions, at all workers.
        """
        return await self._exchanges(session_ids, besides=None)

    async def stop(self, seconds: float, is_hurried: Callable[[], bool]) -> None:
        """
        No worker is left.

        :param seconds: How long what is under way may take to finish.
        :param is_hurried: Whether it may take no time any more.
        """
        self._start_no_more()
        for child in self._children():
            child.drain(seconds)
        until = self._reactor.seconds() + seconds + GRACE_SECONDS
        is_hurry_told = False

        def look() -> None:
            nonlocal until, is_hurry_told
            children = list(self._children())
            now = self._reactor.seconds()
            if not children:
                waiting.stop()
            elif now >= until:
                for child in children:
                    child.kill()
            elif is_hurried() and not is_hurry_told:
                is_hurry_told, until = True, now + GRACE_SECONDS
                for child in children:
                    child.hurry()

        waiting = LoopingCall(look)
        waiting.clock = self._reactor
        await waiting.start(0.05)

    def _start_no_more(self) -> None:
        self._is_stopping = True
        if self._checking.running:
            self._checking.stop()
        for place in self._places:
            if place.restart is not None:
                place.restart.cancel()
                place.restart = None

    def _children(self) -> Iterator[Child]:
        return (place.child for place in self._places if place.child is not None)

    def _spawn(self, place: _Place) -> None:
        place.restart = None
        place.ready_since = None
        assert self._config is not None
        place.child = self._child(
            self._reactor,
            place.number,
            shared=self._shared,
            ready=lambda child: self._ready(place),
            gone=lambda child, reason: self._gone(place, reason),
            ended=self._ended,
            heard=self._heard,
            elsewhere=lambda child, ids: Deferred.fromCoroutine(self._exchanges(ids, besides=child)),
        )
        place.child.spawn([self._shares.descriptor, *self._descriptors()], self._config)

    def _check(self) -> None:
        for child in self.serving:
            child.check()

    def _ready(self, place: _Place) -> None:
        place.ready_since = self._shared.now()
        place.has_served = True
        assert place.child is not None
        log.info("Worker {number} serves, as process {pid}", number=place.number, pid=place.child.pid)
        started = self._started
        if started is not None and all(each.has_served for each in self._places):
            self._started = None
            started.callback(None)

    def _gone(self, place: _Place, reason: Failure) -> None:
        place.child = None
        self._shares.put(place.number, None)
        if self._is_stopping:
            return
        is_steady = place.ready_since is not None and self._shared.now() - place.ready_since >= STEADY_SECONDS
        place.failures = 0 if is_steady else place.failures + 1
        pause = min(FIRST_PAUSE * 2.0**place.failures, LONGEST_PAUSE)
        why = _words(reason)
        if place.failures >= ATTEMPTS and not self.serving:
            log.error("Worker {number} has ended: {reason}", number=place.number, reason=why)
            self._give_up()
            return
        log.error(
            "Worker {number} has ended: {reason}; another is started in {pause} seconds",
            number=place.number,
            reason=why,
            pause=pause,
        )
        place.restart = self._reactor.callLater(pause, self._spawn, place)

    def _give_up(self) -> None:
        self._start_no_more()
        problem = Failure(WorkersCannotServe(f"{ATTEMPTS} in a row have ended, and no other serves"))  # type: ignore[no-untyped-call] # Twisted's own
        started, self._started = self._started, None
        if started is not None:
            started.errback(problem)
        else:
            self._failed(problem)

    async def _exchanges(self, session_ids: Collection[str], *, besides: Child | None) -> Seen:
        asked = [child.exchanges(session_ids) for child in self.serving if child is not besides]
        return joined(await gatherResults(asked))


def _words(reason: Failure) -> str:
    value = reason.value
    if isinstance(value, ProcessTerminated):
        return f"signal {value.signal}" if value.signal else f"exit status {value.exitCode}"
    return "exit status 0" if isinstance(value, ProcessDone) else str(value)
