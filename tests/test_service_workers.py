"""
Tests of `pomerium_tx.service`: with workers.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.house import House, Part
from pomerium_tx.outside import Outside
from pomerium_tx.proxy.listener import Listener
from pomerium_tx.service import PomeriumService
from pomerium_tx.workers.shared_store import SharedStore
from pomerium_tx.workers.supervisor import Supervisor, WorkersCannotServe
from tests import test_service
from tests.test_service import Reactor, RecordedHouse, RecordedListener, RecordedOutside


class RecordedWorkers:
    """
    Workers that say what is done to them.
    """

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.starting: Deferred[None] = Deferred()
        self.stopping: Deferred[None] = Deferred()
        self.configuring: Deferred[None] = Deferred()
        self.failed: Any = None
        self.is_hurried: Any = None

    async def start(self, config: object, *, ended: object, failed: object) -> None:
        self._done.append("start workers")
        self.failed = failed
        await self.starting

    async def configure(self, config: Any) -> None:
        self._done.append(f"configure workers {config.log_level}")
        await self.configuring

    async def stop(self, seconds: float, is_hurried: object) -> None:
        self._done.append(f"stop workers in {seconds}")
        self.is_hurried = is_hurried
        await self.stopping


class WorkersTests(SynchronousTestCase):
    """
    A service whose workers accept.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.done: list[str] = []
        self.house = RecordedHouse(self.done, lambda: succeed(None))
        self.workers = RecordedWorkers(self.done)
        self.service = PomeriumService(
            self.reactor,
            cast(House, self.house),
            cast(Outside, RecordedOutside(self.done)),
            listeners=[cast(Listener, RecordedListener("one", self.done))],
            admin=cast(Listener, RecordedListener("admin", self.done)),
            workers=cast(Supervisor, self.workers),
            drain_seconds=10.0,
        )
        self.house.admin_factory = None
        self.service.startService()
        self.reactor.advance(0)

    def take(self) -> list[str]:
        """
        What was done since the last time.
        """
        done, self.done[:] = list(self.done), []
        return done

    def test_start(self) -> None:
        """
        The addresses are bound and the log is there before a worker is started; only the administrator's listener is
        accepted on here, once all workers serve.
        """
        self.assertEqual(self.take(), ["bind one", "bind admin", "join", "start workers"])
        self.workers.starting.callback(None)
        self.assertEqual(self.take(), ["accept admin"])

    def test_cannot_start(self) -> None:
        """
        If no worker can be started, that is told as gravely as possible, and the process ends, knowing that it has
        failed.
        """
        with capturedLogs() as events:
            self.workers.starting.errback(WorkersCannotServe())
        self.assertEqual([event["log_format"] for event in events], ["The service cannot start"])
        self.reactor.advance(0)
        self.assertEqual((self.service.has_failed, self.reactor.stopped), (True, 1))
        self.flushLoggedErrors(WorkersCannotServe)

    def test_cannot_go_on(self) -> None:
        """
        So it is if none can be started any more.
        """
        self.workers.starting.callback(None)
        with capturedLogs() as events:
            self.workers.failed(Failure(WorkersCannotServe()))
        self.assertEqual([event["log_format"] for event in events], ["The service cannot go on"])
        self.reactor.advance(0)
        self.assertEqual((self.service.has_failed, self.reactor.stopped), (True, 1))
        self.flushLoggedErrors(WorkersCannotServe)

    def test_stop(self) -> None:
        """
        Nothing is accepted any more, then the workers leave, and only then is what they need taken away.
        """
        self.workers.starting.callback(None)
        self.take()
        stopping = self.service.stopService()
        self.assertEqual(
            self.take(), ["stop one", "close one", "stop admin", "close admin", "drain", "stop workers in 10.0"]
        )
        self.assertFalse(self.workers.is_hurried())
        self.service.hurry()
        self.assertTrue(self.workers.is_hurried())
        self.assertNoResult(stopping)
        self.workers.stopping.callback(None)
        self.reactor.advance(0)
        self.successResultOf(stopping)
        self.assertEqual(self.take(), ["leave", "close"])


class ReloadWithWorkersTests(test_service.ReloadCase):
    """
    Reading the configuration again.
    """

    def test_in_force_at_all_workers(self) -> None:
        """
        It is in force here before the workers are told; that it is in force is told when it is at all of them.
        """
        workers = RecordedWorkers(self.done)
        self.service = PomeriumService(
            Reactor(),
            cast(House, self.house),
            cast(Outside, self.outside),
            listeners=[],
            workers=cast(Supervisor, workers),
            drain_seconds=1.0,
        )
        new = self.loaded(log_level="warn")
        is_done, told = self.reload(lambda: new)
        self.assertTrue(is_done)
        self.assertEqual(self.done, ["configure warn", "reload warn", "configure workers warn"])
        self.assertNotIn((LogLevel.info, "The configuration was read again: 1 routes"), told)
        with capturedLogs() as events:
            workers.configuring.callback(None)
        self.assertEqual([formatEvent(event) for event in events], ["The configuration was read again: 1 routes"])


class BuildTests(test_service.BuildCase):
    """
    From a configuration to a service.
    """

    def test_parts(self) -> None:
        """
        With one worker there is one process that does all; with more it is the parent of as many as are wanted.
        """
        alone = self.build()
        self.assertIsNone(alone._workers)
        self.assertIs(alone.house._part, Part.ALL)
        parent = self.build(workers=3)
        assert parent._workers is not None
        self.assertEqual(len(parent._workers._places), 3)
        self.assertIs(parent.house._part, Part.PARENT)
        self.assertIsInstance(parent.house.registry._store, SharedStore)
        parent.privilegedStartService()
        self.assertEqual(len(parent._workers._descriptors()), 2)
        for listener in parent._listeners:
            listener.close()
