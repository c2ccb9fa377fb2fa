"""
Tests for `pomerium_tx.sessions.seen_reports`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions import seen_reports
from pomerium_tx.sessions.seen_reports import SeenReports
from pomerium_tx.sessions.store import Conflict, SessionsSeen
from tests.doubles.stores import UnreliableStore
from tests.sessions.records import NOW


class SeenReportsTests(SynchronousTestCase):
    """
    A report each minute.
    """

    def setUp(self) -> None:
        """
        A store that can misbehave.
        """
        self.clock = Clock()
        self.clock.advance(NOW)
        self.store = UnreliableStore()
        self.addresses: dict[str, str] = {}
        self.reports = SeenReports(self.store, self.clock, self.addresses)
        self.reports.every(60)

    def use(self, *names: str) -> None:
        """
        Use sessions.
        """
        for name in names:
            if not self.reports.unsaid:
                self.reports.wake()
            self.reports.unsaid[name] = self.clock.seconds()

    def asked(self) -> list[tuple[float, list[str]]]:
        """
        At which seconds which sessions were told of, or were to be.
        """
        changes = [change for change in self.store.appended if isinstance(change, SessionsSeen)]
        return [(change.at - NOW, sorted(change.seen)) for change in changes]

    def test_what_is_said(self) -> None:
        """
        A report has the name of who says it, each use at its time, and the addresses that are known.
        """
        self.addresses.update(a="192.0.2.7", c="192.0.2.8")
        self.use("a")
        self.use("b")
        self.clock.advance(2)
        [change] = self.store.appended
        assert isinstance(change, SessionsSeen)
        self.assertEqual((change.registry, change.at), (self.reports.name, NOW + 2))
        self.assertEqual(change.seen, {"a": NOW, "b": NOW})
        self.assertEqual(change.addresses, {"a": "192.0.2.7"})
        self.assertNotEqual(self.reports.name, SeenReports(self.store, self.clock, {}).name)

    def test_secrets(self) -> None:
        """
        Nobody who prints a report learns of sessions, or where people are.
        """
        self.addresses["secret"] = "192.0.2.7"
        self.use("secret")
        self.clock.advance(0)
        self.assertNotIn("secret", repr(self.store.appended))
        self.assertNotIn("192.0.2.7", repr(self.store.appended))

    def test_when(self) -> None:
        """
        A use is told at once, unless something was told within the minute; then when that is over, all in one.
        """
        for second, names in ((0, "a"), (10, "bc"), (20, "b"), (70, "d"), (200, "e")):
            self.clock.pump([0.5] * round(2 * (NOW + second - self.clock.seconds())))
            self.use(*names)
        self.clock.pump([0, 1000])
        self.assertEqual(self.asked(), [(0.5, ["a"]), (60.5, ["b", "c"]), (120.5, ["d"]), (200, ["e"])])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_interval(self) -> None:
        """
        Without an interval nothing is told; with a new one what is untold is, at once.
        """
        self.use("a")
        self.reports.every(None)
        self.use("b")
        self.clock.advance(1000)
        self.assertEqual(self.asked(), [])
        self.reports.every(60)
        self.clock.advance(0)
        self.use("c")
        self.clock.advance(1)
        self.reports.every(600)
        self.clock.advance(0)
        self.assertEqual(self.asked(), [(1000, ["a", "b"]), (1001, ["c"])])

    def test_unavailable(self) -> None:
        """
        What the store does not take is told when the next minute is over, with what was used meanwhile, at its time.
        """
        self.store.break_down()
        self.use("a", "b")
        self.clock.advance(0)
        self.clock.advance(30)
        self.use("a")
        self.clock.pump([10] * 4)
        self.store.failure = None
        self.clock.pump([10] * 6)
        self.assertEqual(self.asked(), [(0, ["a", "b"]), (60, ["a", "b"]), (120, ["a", "b"])])
        change = self.store.appended[-1]
        assert isinstance(change, SessionsSeen)
        self.assertEqual(change.seen, {"a": NOW + 30, "b": NOW})

    def test_broken(self) -> None:
        """
        So it is with whatever else the store raises, which is logged.
        """
        self.store.failure = Conflict("for no reason")
        self.use("a")
        self.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(Conflict)), 1)
        self.store.failure = None
        self.clock.advance(60)
        self.assertEqual(self.asked(), [(0, ["a"]), (60, ["a"])])

    def test_slow(self) -> None:
        """
        As long as the store has not answered nothing more is told; then what is due.
        """
        self.store.hold()
        self.use("a")
        self.clock.advance(0)
        self.use("b")
        self.clock.advance(100)
        self.assertEqual(self.asked(), [(0, ["a"])])
        self.store.release()
        self.clock.advance(0)
        self.assertEqual(self.asked(), [(0, ["a"]), (100, ["b"])])

    def test_used_while_telling(self) -> None:
        """
        What is used while the store fails to take its use was used last then.
        """
        self.store.hold()
        self.use("a")
        self.clock.advance(10)
        self.use("a")
        self.store.break_down()
        self.store.release()
        self.store.failure = None
        self.clock.advance(60)
        change = self.store.appended[-1]
        assert isinstance(change, SessionsSeen)
        self.assertEqual((len(self.store.appended), change.seen), (2, {"a": NOW + 10}))

    def test_many_in_vain(self) -> None:
        """
        When the store takes the first of several changes not, there is a pause before any other.
        """
        self.patch(seen_reports, "MOST", 3)
        self.use(*"abcd")
        self.store.break_down()
        self.clock.advance(0)
        self.clock.advance(59)
        self.assertEqual(len(self.asked()), 1)
        self.store.failure = None
        self.clock.advance(1)
        self.assertEqual(sorted(name for _, names in self.asked()[1:] for name in names), ["a", "b", "c", "d"])

    def test_many(self) -> None:
        """
        More than fit into one change are told in several, each in a turn of its own, with a pause after the last.
        """
        self.patch(seen_reports, "MOST", 3)
        self.use(*"abcdefgh")
        self.store.hold()
        self.clock.advance(0)
        self.use("a")
        self.store.release()
        self.assertEqual(len(self.asked()), 1)
        self.clock.advance(0)
        self.assertEqual([names for _, names in self.asked()], [["a", "b", "c"], ["d", "e", "f"], ["a", "g", "h"]])
        self.use("a")
        self.clock.advance(59)
        self.assertEqual(len(self.asked()), 3)
        self.clock.advance(1)
        self.assertEqual(len(self.asked()), 4)

    def test_set_back(self) -> None:
        """
        A clock that is set back delays nothing by more than the minute.
        """
        self.use("a")
        self.clock.advance(0)
        self.clock.rightNow -= 3600
        self.use("b")
        self.clock.advance(60)
        self.assertEqual([names for _, names in self.asked()], [["a"], ["b"]])

    def test_stop(self) -> None:
        """
        Who stops tells the rest, and waits for nothing: neither for its turn nor for a store that does not answer.
        """
        for prepare in (lambda: None, self.store.hold, self.store.break_down):
            with self.subTest(prepare):
                self.setUp()
                self.patch(seen_reports, "MOST", 2)
                prepare()
                self.use(*"abc")
                self.reports.stop()
                self.assertEqual(self.asked(), [(0, ["a", "b"]), (0, ["c"])])
                self.assertEqual((self.reports.unsaid, self.clock.getDelayedCalls()), ({}, []))

    def test_stop_while_telling(self) -> None:
        """
        Who stops while the store has not answered is told nothing by it any more.
        """
        self.store.hold()
        self.use("a")
        self.clock.advance(0)
        self.reports.stop()
        self.store.release()
        self.clock.advance(1000)
        self.assertEqual((self.asked(), self.reports.unsaid, self.clock.getDelayedCalls()), ([(0, ["a"])], {}, []))
