"""
Tests for `pomerium_tx.authenticate.pool`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.pool import Pool


class PoolTests(SynchronousTestCase):
    """
    Work by name, at its time, a little at a time.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.begun: list[str] = []
        self.waiting: dict[str, Deferred[None]] = {}
        self.pool = Pool(self.clock, self.work, at_once=2)

    async def work(self, name: str) -> None:
        self.begun.append(name)
        if name == "broken":
            raise RuntimeError("broken")
        waiting = self.waiting[name] = Deferred()
        await waiting

    def finish(self, name: str) -> None:
        self.waiting.pop(name).callback(None)
        self.clock.advance(0)

    def test_at_its_time(self) -> None:
        """
        Work begins when its time has come, the earlier of two plans.
        """
        self.pool.add("one", 10.0)
        self.pool.add("one", 5.0)
        self.pool.add("one", 20.0)
        self.clock.advance(4.9)
        self.assertEqual(self.begun, [])
        self.clock.advance(0.2)
        self.finish("one")
        self.clock.advance(100.0)
        self.assertEqual(self.begun, ["one"])

    def test_never_too_many(self) -> None:
        """
        What finds no room waits until there is.
        """
        for name in ("one", "two", "three"):
            self.pool.add(name, 0.0)
        self.clock.advance(0)
        self.assertEqual(self.begun, ["one", "two"])
        self.finish("one")
        self.assertEqual(self.begun, ["one", "two", "three"])

    def test_never_twice_at_once(self) -> None:
        """
        A name that is under way has its next turn when it is over.
        """
        self.pool.add("one", 0.0)
        self.clock.advance(0)
        self.pool.add("one", 1.0)
        self.clock.advance(5.0)
        self.assertEqual(self.begun, ["one"])
        self.finish("one")
        self.assertEqual(self.begun, ["one", "one"])

    def test_fault(self) -> None:
        """
        Work that fails is logged, and keeps nobody from theirs.
        """
        self.pool.add("broken", 0.0)
        self.pool.add("one", 0.0)
        self.clock.advance(0)
        self.assertEqual(self.begun, ["broken", "one"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_stopped(self) -> None:
        """
        What is under way is broken off, and nothing begins any more.
        """
        self.pool.add("one", 0.0)
        self.pool.add("later", 5.0)
        self.clock.advance(0)
        self.pool.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.waiting["one"].called)
        self.pool.add("two", 0.0)
        self.clock.advance(10.0)
        self.assertEqual(self.begun, ["one"])
