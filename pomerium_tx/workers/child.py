"""
One worker, as its parent sees it: a process, the link to it, and what it writes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.config.model import Config
from pomerium_tx.logout.heard import Hear
from pomerium_tx.sessions.elsewhere import Seen
from pomerium_tx.workers.link import Link
from pomerium_tx.workers.messages import (
    Append,
    Applied,
    Asked,
    Begin,
    Configure,
    Configured,
    Drain,
    Follow,
    Hurry,
    Open,
    Ready,
    Unfollow,
    WhatIsOpen,
)
from pomerium_tx.workers.output import Lines, pass_on, say_of_worker
from pomerium_tx.workers.shared_store import SharedStore

log = Logger()

MODULE = "pomerium_tx.worker"
"""
What the interpreter of a worker runs.
"""
LINK = 3
"""
The descriptor at which a worker finds its end of the link; that of `Shares` and those of the listening sockets follow.
"""
CONFIGURE_SECONDS = 10.0
"""
How long a worker may take to put another configuration in force.
"""
ANSWER_SECONDS = 1.0
"""
How long it may take to say what is open there.
"""
ALIVE_SECONDS = 20.0
"""
How long it may say nothing at all.
"""
LEAVE_SECONDS = 1.0
"""
How long a worker whose link is broken may take to end by itself, and to reset its connections.
"""


class Child(ProcessProtocol):
    """
    A worker's process.

    :param ready: Called when it serves.
    :param gone: Called, with the reason, once the process has ended: the kernel has closed all that it had.
    :param ended: Told the receipt of each end that it has asked for, when it is in force everywhere.
    :param elsewhere: Asks all others what is open there.
    :param heard: Told what OPs ask it for.
    """

    def __init__(
        self,
        reactor: Any,
        number: int,
        *,
        shared: SharedStore,
        ready: Callable[[Child], object],
        gone: Callable[[Child, Failure], object],
        ended: Callable[[str], object],
        elsewhere: Callable[[Child, Collection[str]], Deferred[Seen]],
        heard: Hear,
    ) -> None:
        self.number = number
        self.is_ready = False
        """
        Whether it serves.
        """
        self._reactor = reactor
        self._ready = ready
        self._gone = gone
        self._elsewhere = elsewhere
        self._heard = heard
        self._numbers = count(1)
        self._answers: dict[int, Deferred[Any]] = {}
        self._is_leaving = False
        self._kill_call: IDelayedCall | None = None
        self._out = Lines(pass_on)
        self._err = Lines(say_of_worker)
        self.link = Link(self._received, self._link_lost)
        self._client = shared.client(self.link.send, overdue=self._overdue, ended=ended)

    def spawn(self, descriptors: Sequence[int], config: Config) -> None:
        """
        Start the process. One that cannot be started has ended.

        :param descriptors: That of `Shares`, and those of the sockets to accept on.
        """
        try:
            self._spawn(descriptors)
        except OSError:
            # Perhaps for want of descriptors or memory, of which there may be more later.
            log.failure("Worker {number} cannot be started", number=self.number)
            if self.link.transport is not None:
                self.link.close()
            self.processExited(Failure())  # type: ignore[no-untyped-call] # Twisted's own
            return
        self.link.send(Begin(config=config))

    def _spawn(self, descriptors: Sequence[int]) -> None:
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            ours.setblocking(False)
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, OneLink(self.link))
            passed = dict(enumerate(descriptors, LINK + 1))
            reactor_module = type(self._reactor).__module__
            self._reactor.spawnProcess(
                self,
                sys.executable,
                # Not from the working directory, which may be anybody's.
                [sys.executable, "-P", "-m", MODULE, str(self.number), reactor_module, *map(str, passed)],
                env=_environment(),
                childFDs={0: null, 1: "r", 2: "r", LINK: theirs.fileno(), **passed},
            )
        finally:
            os.close(null)
            for each in (ours, theirs):
                each.close()

    @property
    def pid(self) -> int | None:
        """
        The process's number, while it runs.
        """
        return None if self.transport is None else self.transport.pid

    def configure(self, config: Config) -> Deferred[None]:
        """
        Have it serve by another configuration; fires when it does, or serves nothing.
        """

        def too_late() -> None:
            log.error("Worker {number} did not take the configuration and was killed", number=self.number)
            self.kill()

        def send(number: int) -> None:
            self.link.send(Configure(number=number, config=config))

        call = self._reactor.callLater(CONFIGURE_SECONDS, too_late)

        def done(result: object) -> None:
            if call.active():
                call.cancel()

        return self._ask(send).addBoth(done)

    def exchanges(self, session_ids: Collection[str]) -> Deferred[Seen]:
        """
        What is open there for some sessions; nothing, if it does not say so soon.
        """

        def send(number: int) -> None:
            self.link.send(WhatIsOpen(number=number, session_ids=tuple(session_ids)))

        answer: Deferred[Seen | None] = self._ask(send)
        answer.addTimeout(ANSWER_SECONDS, self._reactor)
        return answer.addCallbacks(lambda seen: seen or {}, lambda reason: {})

    def check(self) -> None:
        """
        Have it show that it does anything at all; if it does not, whoever waits for an answer of it waits no more.
        """

        def send(number: int) -> None:
            self.link.send(WhatIsOpen(number=number, session_ids=()))

        def silent(reason: Failure) -> None:
            # One that has changes to apply may be long about it, and has a time of its own for that.
            if not self._client.is_behind:
                self._overdue()

        answer = self._ask(send)
        answer.addTimeout(ALIVE_SECONDS, self._reactor)
        answer.addErrback(silent)

    def drain(self, seconds: float) -> None:
        """
        Have it accept no more, finish what is under way, and leave.
        """
        self._is_leaving = True
        if self.is_ready:
            self.link.send(Drain(seconds=seconds))
        else:
            self.kill()

    def hurry(self) -> None:
        """
        Have it leave at once.
        """
        self.link.send(Hurry())

    def kill(self) -> None:
        """
        Have the process ended, whatever state it is in.
        """
        if self.transport is not None:
            try:
                self.transport.signalProcess("KILL")
            except ProcessExitedAlready:
                pass

    def outReceived(self, data: bytes) -> None:
        self._out.add(data)

    def errReceived(self, data: bytes) -> None:
        self._err.add(data)

    def processExited(self, reason: Failure) -> None:
        self.is_ready = False
        if self._kill_call is not None:
            self._kill_call.cancel()
            self._kill_call = None
        self._client.gone()
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.callback(None)
        self._gone(self, reason)

    def processEnded(self, reason: Failure) -> None:
        self._out.end()
        self._err.end()

    def _ask(self, send: Callable[[int], None]) -> Deferred[Any]:
        number = next(self._numbers)
        answer = self._answers[number] = Deferred(lambda _: self._forget(number))
        send(number)
        return answer

    def _forget(self, number: int) -> None:
        self._answers.pop(number, None)

    def _received(self, message: Any) -> None:
        if isinstance(message, Append | Follow | Unfollow | Applied):
            self._client.received(message)
        elif isinstance(message, WhatIsOpen):
            self._elsewhere(self, message.session_ids).addCallback(
                lambda seen: self.link.send(Open(number=message.number, exchanges=seen))
            )
        elif isinstance(message, Asked):
            self._heard(message.heard)
        elif isinstance(message, Ready):
            self.is_ready = True
            self._ready(self)
        elif isinstance(message, Open | Configured):
            answer = self._answers.pop(message.number, None)
            if answer is not None:
                answer.callback(message.exchanges if isinstance(message, Open) else None)
        else:
            raise AssertionError(f"A worker says what workers do not say: {type(message).__name__}")

    def _overdue(self) -> None:
        log.error("Worker {number} does not keep up with the others and is killed", number=self.number)
        self.kill()

    def _link_lost(self) -> None:
        # It has nothing to say to anybody any more, or is leaving: the process ends by itself, but may not stay.
        if not self._is_leaving and self._kill_call is None and self.transport is not None:
            self._kill_call = self._reactor.callLater(LEAVE_SECONDS, self._stayed)

    def _stayed(self) -> None:
        self._kill_call = None
        self.kill()


class OneLink(Factory):
    """
    Makes the one link that there is.
    """

    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: object) -> Link:
        return self._link


def _environment() -> Mapping[str, str]:
    # The same modules, wherever this process has found them.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(each) for each in sys.path if each)}
