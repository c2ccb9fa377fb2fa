"""
Tests for `pomerium_tx.workers.supervisor`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.sessions.elsewhere import Seen, SeenExchange
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.workers.child import Child
from pomerium_tx.workers.shared_store import SharedStore
from pomerium_tx.workers.supervisor import (
    ATTEMPTS,
    CHECK_SECONDS,
    GRACE_SECONDS,
    LONGEST_PAUSE,
    STEADY_SECONDS,
    Supervisor,
    WorkersCannotServe,
)

EXCHANGE = SeenExchange(kind="sse", route_id="r", method="GET", age=1.0, bytes_in=0, bytes_out=5)


class RecordedChild:
    """
    A worker that is none.
    """

    def __init__(self, reactor: object, number: int, **callbacks: Any) -> None:
        self.number = number
        self.pid = 1000 + number
        self.is_ready = False
        self.done: list[object] = []
        self.configuring: Deferred[None] = Deferred()
        self._callbacks = callbacks

    def spawn(self, descriptors: list[int], config: Config) -> None:
        # The first is that of what the workers tell one another.
        self.done.append(("spawn", descriptors[1:], config))

    def serve(self) -> None:
        """
        It says that it is ready.
        """
        self.is_ready = True
        self._callbacks["ready"](self)

    def end(self, *, status: int | None = 0, signal: int | None = None) -> None:
        """
        The process ends.
        """
        self.is_ready = False
        reason = ProcessTerminated(status, signal) if status or signal else ProcessDone(0)
        self._callbacks["gone"](self, Failure(reason))

    def ask(self, session_ids: Collection[str]) -> Deferred[Seen]:
        """
        It wants to know what is open at the others.
        """
        answer: Deferred[Seen] = self._callbacks["elsewhere"](self, session_ids)
        return answer

    def exchanges(self, session_ids: Collection[str]) -> Deferred[Seen]:
        return succeed(dict.fromkeys(session_ids, (EXCHANGE,)))

    def configure(self, config: Config) -> Deferred[None]:
        self.done.append(("configure", config))
        return self.configuring

    def check(self) -> None:
        self.done.append("check")

    def drain(self, seconds: float) -> None:
        self.done.append(("drain", seconds))

    def hurry(self) -> None:
        self.done.append("hurry")

    def kill(self) -> None:
        self.done.append("kill")


class SupervisorTests(SynchronousTestCase):
    """
    As many workers as there are to be.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.children: list[RecordedChild] = []
        self.failures: list[Failure] = []
        shared = SharedStore(MemoryStore(), clock=self.clock, now=self.clock.seconds)
        self.supervisor = Supervisor(
            self.clock, shared, count=2, descriptors=lambda: [7, 8], child=cast(type[Child], self.child)
        )

    def child(self, *about: Any, **callbacks: Any) -> RecordedChild:
        """
        One more worker.
        """
        child = RecordedChild(*about, **callbacks)
        self.children.append(child)
        return child

    def start(self, config: object = "config") -> Deferred[None]:
        """
        The workers are started.
        """
        return Deferred.fromCoroutine(
            self.supervisor.start(
                cast(Config, config), ended=lambda receipt_id: None, failed=lambda reason: self.failures.append(reason)
            )
        )

    def serving(self) -> list[RecordedChild]:
        """
        Two workers that serve.
        """
        starting = self.start()
        for child in self.children:
            child.serve()
        self.successResultOf(starting)
        return list(self.children)

    def stop(self, seconds: float = 10.0, *, is_hurried: bool = False) -> Deferred[None]:
        """
        The workers are stopped.
        """
        self.is_hurried = is_hurried
        return Deferred.fromCoroutine(self.supervisor.stop(seconds, lambda: self.is_hurried))

    def test_start(self) -> None:
        """
        All are started on the same sockets, and it has started when all of them serve.
        """
        starting = self.start()
        self.assertEqual([child.number for child in self.children], [1, 2])
        self.assertEqual([child.done for child in self.children], [[("spawn", [7, 8], "config")]] * 2)
        self.children[1].serve()
        self.assertNoResult(starting)
        self.children[0].serve()
        self.successResultOf(starting)
        self.assertEqual(len(self.supervisor.serving), 2)

    def test_another_in_its_place(self) -> None:
        """
        A worker that ends is told of, and after a pause another is started in its place, with the configuration of now.
        """
        one, other = self.serving()
        self.clock.advance(STEADY_SECONDS)
        for child in (one, other):
            child.configuring.callback(None)
        Deferred.fromCoroutine(self.supervisor.configure(cast(Config, "new")))
        with capturedLogs() as events:
            one.end(status=None, signal=9)
        self.assertEqual([event["log_level"] for event in events], [LogLevel.error])
        self.assertIn("Worker 1 has ended: signal 9", formatEvent(events[0]))
        self.assertEqual(len(self.children), 2)
        self.clock.advance(1)
        self.assertEqual((self.children[2].number, self.children[2].done), (1, [("spawn", [7, 8], "new")]))
        self.children[2].serve()
        self.assertEqual(len(self.supervisor.serving), 2)

    def test_longer_and_longer(self) -> None:
        """
        As long as they do not stay, the pause grows, up to a limit; while another serves that goes on for ever.
        """
        one, _ = self.serving()
        self.clock.advance(STEADY_SECONDS)
        pauses = []
        child = one
        for _ in range(12):
            child.end(status=1)
            (call,) = [call for call in self.clock.getDelayedCalls() if call.func == self.supervisor._spawn]
            pauses.append(call.getTime() - self.clock.seconds())
            self.clock.advance(pauses[-1])
            child = self.children[-1]
        self.assertEqual(pauses, sorted(pauses))
        self.assertLess(pauses[0], 1)
        self.assertEqual(pauses[-1], LONGEST_PAUSE)
        self.assertEqual(self.failures, [])
        child.serve()
        self.clock.advance(STEADY_SECONDS)
        child.end(status=1)
        self.clock.advance(pauses[0])
        self.assertIsNot(self.children[-1], child)

    def test_cannot_start(self) -> None:
        """
        If none can be started at all, the start fails.
        """
        starting = self.start()
        for _ in range(ATTEMPTS):
            self.assertNoResult(starting)
            for child in self.children[-2:]:
                child.end(status=1)
            self.clock.advance(LONGEST_PAUSE)
        self.failureResultOf(starting, WorkersCannotServe)

    def test_cannot_go_on(self) -> None:
        """
        If all end later and none stays, whoever has started them is told so, once.
        """
        self.serving()
        for _ in range(ATTEMPTS + 2):
            for child in self.children[-2:]:
                child.end(status=1)
            if self.failures:
                break
            self.clock.advance(LONGEST_PAUSE)
        (failure,) = self.failures
        failure.trap(WorkersCannotServe)

    def test_checks(self) -> None:
        """
        Workers that serve are asked again and again whether they do anything.
        """
        starting = self.start()
        self.children[0].serve()
        self.clock.advance(CHECK_SECONDS)
        self.assertEqual([child.done[1:] for child in self.children], [["check"], []])
        self.children[1].serve()
        self.successResultOf(starting)
        self.clock.advance(CHECK_SECONDS)
        self.assertEqual([child.done[1:] for child in self.children], [["check", "check"], ["check"]])

    def test_configure(self) -> None:
        """
        A configuration is in force when every worker says so, whether it serves or has yet to.
        """
        one, other = self.serving()
        configuring = Deferred.fromCoroutine(self.supervisor.configure(cast(Config, "new")))
        self.assertEqual([child.done[-1] for child in (one, other)], [("configure", "new")] * 2)
        one.configuring.callback(None)
        self.assertNoResult(configuring)
        other.configuring.callback(None)
        self.successResultOf(configuring)

    def test_stop(self) -> None:
        """
        All are told to leave, none is started again, and it is over when all have left.
        """
        one, other = self.serving()
        stopping = self.stop()
        self.assertEqual([child.done[-1] for child in (one, other)], [("drain", 10.0)] * 2)
        one.end()
        self.clock.advance(1)
        self.assertNoResult(stopping)
        other.end()
        self.clock.advance(1)
        self.successResultOf(stopping)
        self.assertEqual((len(self.children), self.clock.getDelayedCalls()), (2, []))

    def test_stop_while_one_is_to_be_started(self) -> None:
        """
        Nobody is started any more, also not in the place of one that has just ended.
        """
        one, other = self.serving()
        one.end(status=1)
        stopping = self.stop()
        other.end()
        self.clock.advance(LONGEST_PAUSE)
        self.successResultOf(stopping)
        self.assertEqual(len(self.children), 2)

    def test_who_does_not_leave(self) -> None:
        """
        Who has not left a little after its time is killed.
        """
        one, other = self.serving()
        stopping = self.stop(10.0)
        one.end()
        self.clock.pump([1.0] * 11)
        self.assertNotIn("kill", other.done)
        self.clock.advance(GRACE_SECONDS)
        self.assertIn("kill", other.done)
        other.end(status=None, signal=9)
        self.clock.advance(1)
        self.successResultOf(stopping)

    def test_hurry(self) -> None:
        """
        Whoever stops them may change their mind about waiting: all are told once, and killed if that does not help.
        """
        one, other = self.serving()
        stopping = self.stop(10.0)
        self.clock.advance(1)
        self.is_hurried = True
        self.clock.pump([0.1] * 5)
        for child in (one, other):
            self.assertEqual(child.done[1:], [("drain", 10.0), "hurry"])
        one.end()
        self.clock.advance(GRACE_SECONDS)
        self.assertIn("kill", other.done)
        other.end(status=None, signal=9)
        self.clock.advance(1)
        self.successResultOf(stopping)

    def test_what_is_open(self) -> None:
        """
        What is open is what is open at all that serve; a worker that asks is not asked itself.
        """
        one, other = self.serving()
        asking = Deferred.fromCoroutine(self.supervisor.exchanges(["a"]))
        self.assertEqual(self.successResultOf(asking), {"a": (EXCHANGE, EXCHANGE)})
        self.assertEqual(self.successResultOf(one.ask(["a"])), {"a": (EXCHANGE,)})
        other.end(status=1)
        self.assertEqual(self.successResultOf(one.ask(["a"])), {})
