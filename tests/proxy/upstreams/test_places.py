"""
Tests of `pomerium_tx.proxy.upstreams.places`; what pools do with them is in `tests.proxy.upstreams.test_pool`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.upstreams.places import Descriptors, PlaceLimits, Places, Waiter


class Pool:
    """
    Idle connections, by when they would be closed.
    """

    def __init__(self, places: Places, *idle: float) -> None:
        self.idle = list(idle)
        places.join(self)

    @property
    def idle_until(self) -> float | None:
        return self.idle[0] if self.idle else None

    def drop_idle(self) -> None:
        del self.idle[0]


class PlacesTests(SynchronousTestCase):
    """
    Who has a place, who waits for one, and who is turned away.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, self.clock.seconds)
        self.deadlines.start()
        self.descriptors = Descriptors(100)
        self.places = Places(
            "http://a.test",
            PlaceLimits(connections=2, waiting=3, patience=10.0),
            self.deadlines,
            self.descriptors,
        )
        self.pool = Pool(self.places)
        self.served: list[str] = []
        self.turned_away: dict[str, str] = {}

    def wait(self, name: str, *, is_choosy: bool = False) -> Waiter:
        """
        Somebody who waits.
        """
        waiter = Waiter(
            pool=self.pool,
            is_choosy=is_choosy,
            serve=lambda: self.served.append(name),
            turn_away=lambda reason: self.turned_away.update({name: reason}),
        )
        is_waiting = self.places.wait(waiter)
        self.assertEqual(is_waiting, name not in self.turned_away)
        return waiter

    def take_all(self) -> None:
        """
        No place is left.
        """
        while self.places.take():
            pass

    def test_in_order(self) -> None:
        """
        There are so many places; whoever waits is served in the order of coming, each when one is free.
        """
        self.assertEqual([self.places.take() for _ in range(3)], [True, True, False])
        for name in "abc":
            self.wait(name)
        self.assertEqual(repr(self.places), "<Places of http://a.test: 2 taken, 3 waiting>")
        for expected in ("a", "ab", "abc"):
            self.places.give_back()
            self.assertEqual("".join(self.served), expected)
        self.assertEqual(self.places.taken, 2)
        self.places.give_back()
        self.assertEqual(self.places.taken, 1)

    def test_full_line(self) -> None:
        """
        The line has an end: one more is turned away at once, and nobody else loses the place in it.
        """
        self.take_all()
        for name in "abcd":
            self.wait(name)
        self.assertEqual(list(self.turned_away), ["d"])
        self.places.give_back()
        self.wait("e")
        self.assertEqual((self.served, list(self.turned_away)), (["a"], ["d"]))

    def test_no_line(self) -> None:
        """
        Where nobody may wait, whoever finds no place is turned away.
        """
        self.places.limit(PlaceLimits(connections=1, waiting=0))
        self.take_all()
        self.wait("a")
        self.assertEqual(list(self.turned_away), ["a"])

    def test_patience(self) -> None:
        """
        Nobody waits for longer than that; the time of one is not that of another.
        """
        self.take_all()
        self.wait("a")
        self.clock.pump([1.0] * 5)
        self.wait("b")
        self.clock.pump([1.0] * 7)
        self.assertEqual(list(self.turned_away), ["a"])
        self.clock.pump([1.0] * 5)
        self.assertEqual(list(self.turned_away), ["a", "b"])
        self.assertIn("in time", self.turned_away["a"])
        self.places.give_back()
        self.assertEqual((self.served, self.places.taken), ([], 1))

    def test_given_up(self) -> None:
        """
        Who does not want it any more is not served, and takes no place in the line.
        """
        self.take_all()
        waiters = [self.wait(name) for name in "abc"]
        self.assertTrue(self.places.give_up(waiters[1]))
        self.assertFalse(self.places.give_up(waiters[1]))
        self.wait("d")
        for _ in range(3):
            self.places.give_back()
        self.assertEqual(self.served, ["a", "c", "d"])
        self.assertFalse(self.places.give_up(waiters[0]))

    def test_choosy_first(self) -> None:
        """
        Who was served with a dead connection is first in line, also when the line is full.
        """
        self.take_all()
        for name in "abc":
            self.wait(name)
        self.wait("again", is_choosy=True)
        self.places.give_back()
        self.assertEqual((self.served, self.turned_away), (["again"], {}))

    def test_patience_of_the_choosy(self) -> None:
        """
        Whoever goes first does not hide that the time of those behind is over.
        """
        self.take_all()
        self.wait("a")
        self.clock.pump([1.0] * 8)
        self.wait("again", is_choosy=True)
        self.clock.pump([1.0] * 4)
        self.assertEqual(list(self.turned_away), ["a"])

    def test_room(self) -> None:
        """
        Before anybody waits in vain for a place, the connection is closed that has been idle for longest, of any pool.
        """
        pools = [self.pool, Pool(self.places, 30.0, 40.0), Pool(self.places, 20.0), Pool(self.places, 25.0)]
        self.take_all()
        self.wait("a")
        self.wait("b")
        self.assertEqual([pool.idle for pool in pools], [[], [30.0, 40.0], [], []])
        self.places.leave(pools[1])
        self.places.leave(pools[1])
        self.wait("c")
        self.assertEqual(pools[1].idle, [30.0, 40.0])

    def test_other_limits(self) -> None:
        """
        More places serve who waits, at once; fewer cut nobody off, and let nobody in until enough have gone.
        """
        self.take_all()
        self.wait("a")
        self.places.limit(PlaceLimits(connections=3, waiting=3))
        self.assertEqual((self.served, self.places.taken), (["a"], 3))
        self.wait("b")
        self.places.limit(PlaceLimits(connections=1, waiting=3))
        for _ in range(2):
            self.places.give_back()
            self.assertEqual(self.served, ["a"])
        self.places.give_back()
        self.assertEqual(self.served, ["a", "b"])

    def test_fewer_idle(self) -> None:
        """
        What is idle beyond a limit that has become smaller is closed.
        """
        other = Pool(self.places, 1.0, 2.0, 3.0)
        self.take_all()
        self.places.limit(PlaceLimits(connections=1, waiting=3))
        self.assertEqual(other.idle, [2.0, 3.0])

    def test_thousands_fail_at_once(self) -> None:
        """
        When each who is served fails in the same turn, the next is served, however many there are.
        """
        self.places.limit(PlaceLimits(connections=1, waiting=10_000))
        self.take_all()
        failed = []

        def fail() -> None:
            failed.append(True)
            self.places.give_back()

        for _ in range(10_000):
            self.places.wait(Waiter(pool=self.pool, is_choosy=False, serve=fail, turn_away=self.fail))
        self.places.give_back()
        self.assertEqual((len(failed), self.places.taken, self.places.first), (10_000, 0, None))

    def test_descriptors(self) -> None:
        """
        Before there are more connections to all origins than descriptors for them, idle ones are given up for new ones;
        those in use, and new ones, never are.
        """
        self.descriptors.most = 3
        other = Places("http://b.test", PlaceLimits(connections=10), self.deadlines, self.descriptors)
        idle = Pool(other, 1.0, 2.0)
        for expected in ([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [2.0], [], []):
            self.assertTrue(other.take())
            self.assertEqual(idle.idle, expected)
        for _ in range(6):
            other.give_back()
        self.assertEqual(self.descriptors.taken, 0)

    def test_no_descriptor(self) -> None:
        """
        When there is none after all, the connection is given up that has been idle for longest, to whichever origin.
        """
        other = Places("http://b.test", PlaceLimits(), self.deadlines, self.descriptors)
        pools = [Pool(self.places, 3.0), Pool(other, 2.0)]
        self.places.no_descriptor()
        self.assertEqual([pool.idle for pool in pools], [[3.0], []])
        self.places.leave(pools[0])
        self.places.no_descriptor()
        self.assertEqual(pools[0].idle, [3.0])

    def test_log(self) -> None:
        """
        The operator is told at once which origin has too few, and then once a minute.
        """
        self.take_all()
        with capturedLogs() as logged:
            for number in range(100):
                self.wait(str(number))
            self.clock.pump([1.0] * 70)
        self.assertEqual([event["count"] for event in logged], [1, 99])
        self.assertEqual({event["origin"] for event in logged}, {"http://a.test"})
