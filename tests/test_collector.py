"""
Tests for `pomerium_tx.collector`.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.collector import FEW, LONG, Collector


class Old:
    """
    Something that lives long.
    """

    itself: Any = None


class CollectorTests(SynchronousTestCase):
    """
    What the collector walks through, and what not.
    """

    def setUp(self) -> None:
        """
        A collector whose walks take as long as the test says.
        """
        self.took = 0.0
        self.times = self.clock()
        self.collector = Collector(lambda: next(self.times))
        self.addCleanup(self.collector.stop)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        # No walk but those that the test asks for.
        gc.set_threshold(0)

    def clock(self) -> Any:
        """
        The beginnings and the ends of walks.
        """
        while True:
            yield 0.0
            yield self.took

    def made_garbage(self) -> Any:
        """
        Something old that refers to itself, once nobody else does.
        """
        old = Old()
        old.itself = old
        return old

    def test_what_is_there_at_the_start(self) -> None:
        """
        What lives at the start is not walked through again.
        """
        old = self.made_garbage()
        found = weakref.ref(old)
        self.collector.start()
        del old
        gc.collect()
        self.assertIsNotNone(found())
        self.collector.stop()
        gc.collect()
        self.assertIsNone(found())

    def test_long_walks(self) -> None:
        """
        What has survived a long walk is not walked through again; after a short one everything is.
        """
        self.collector.start()
        for took, stays in ((LONG / 2, False), (LONG * 2, True)):
            with self.subTest(took=took):
                old = self.made_garbage()
                found = weakref.ref(old)
                self.took = took
                gc.collect()
                del old
                self.took = 0.0
                gc.collect()
                self.assertEqual(found() is not None, stays)
        self.assertEqual(self.collector.longest, LONG * 2)

    def test_a_walk_through_what_is_new(self) -> None:
        """
        That what is new takes long says nothing about what is old.
        """
        self.collector.start()
        old = self.made_garbage()
        found = weakref.ref(old)
        self.took = LONG * 2
        gc.collect(0)
        self.took = 0.0
        del old
        gc.collect()
        self.assertIsNone(found())

    def test_survey(self) -> None:
        """
        After a reload old garbage is found, unless there are too many sessions to look through.
        """
        for sessions, stays in ((FEW + 1, True), (FEW, False)):
            with self.subTest(sessions=sessions):
                old = self.made_garbage()
                found = weakref.ref(old)
                self.collector.start()
                del old
                self.collector.survey(sessions)
                gc.collect()
                self.assertEqual(found() is not None, stays)
                self.collector.stop()

    def test_a_collector_that_is_not_started(self) -> None:
        """
        It does nothing to the interpreter, and stopping or starting it twice does no more than once.
        """
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        frozen = gc.get_freeze_count()
        self.collector.survey(0)
        self.collector.stop()
        self.assertGreater(gc.get_freeze_count(), frozen / 2)
        before = len(gc.callbacks)
        self.collector.start()
        self.collector.start()
        self.assertEqual(len(gc.callbacks), before + 1)
        self.collector.stop()
        self.assertEqual(len(gc.callbacks), before)
