"""
Tests for `pomerium_tx.oidc.published`.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.published import Published


class PublishedTests(SynchronousTestCase):
    """
    Tests for `Published`.
    """

    def setUp(self) -> None:
        """
        Something that is fresh for 100 seconds and asked for every 10 at most.
        """
        self.clock = Clock()
        self.clock.advance(1000)
        self.fetches: list[Deferred[str]] = []
        self.cancelled = 0
        self.thing = Published(self.fetch, self.clock, fresh_for=100.0, pause=10.0)

    async def fetch(self) -> str:
        """
        What the test decides.
        """
        fetching: Deferred[str] = Deferred(self.count_cancelled)
        self.fetches.append(fetching)
        return await fetching

    def count_cancelled(self, _: object) -> None:
        """
        One more fetch was cancelled.
        """
        self.cancelled += 1

    def current(self) -> Deferred[str]:
        """
        Somebody asks.
        """
        return Deferred.fromCoroutine(self.thing.current())

    def refetch(self) -> Deferred[None]:
        """
        Somebody asks for better.
        """
        return Deferred.fromCoroutine(self.thing.refetch())

    def know(self, value: str) -> None:
        """
        *value* has been fetched.
        """
        got = self.current()
        self.fetches[-1].callback(value)
        self.assertEqual(self.successResultOf(got), value)

    def test_single_flight(self) -> None:
        """
        A hundred who ask at once are answered by one fetch.
        """
        everybody = [self.current() for _ in range(100)]
        self.assertEqual(len(self.fetches), 1)
        self.assertIsNone(self.thing.known)
        self.fetches[0].callback("a")
        self.assertEqual([self.successResultOf(got) for got in everybody], ["a"] * 100)
        self.assertEqual(self.thing.known, "a")

    def test_fresh(self) -> None:
        """
        A fresh value is not fetched again; an old one is.
        """
        self.know("a")
        self.clock.advance(99)
        self.assertEqual(self.successResultOf(self.current()), "a")
        self.assertEqual(len(self.fetches), 1)
        self.clock.advance(2)
        got = self.current()
        self.fetches[1].callback("b")
        self.assertEqual(self.successResultOf(got), "b")

    def test_last_good(self) -> None:
        """
        When a fetch fails, the last good value is used, and the provider is left alone for the pause.
        """
        self.know("a")
        self.clock.advance(200)
        got = self.current()
        self.fetches[1].errback(ProviderUnavailable("down"))
        self.assertEqual(self.successResultOf(got), "a")
        self.clock.advance(9)
        self.assertEqual(self.successResultOf(self.current()), "a")
        self.assertEqual(len(self.fetches), 2)
        self.clock.advance(2)
        self.current()
        self.assertEqual(len(self.fetches), 3)

    def test_never_had(self) -> None:
        """
        Without any value, everybody who asks is told what the problem was, and asks no more often than the pause.
        """
        first, second = self.current(), self.current()
        self.fetches[0].errback(ProviderUnavailable("down"))
        for got in (first, second, self.current()):
            self.assertEqual(self.failureResultOf(got, ProviderUnavailable).value.reason, "down")
        self.assertEqual(len(self.fetches), 1)
        self.clock.advance(10)
        self.current()
        self.assertEqual(len(self.fetches), 2)

    def test_refetch(self) -> None:
        """
        A thousand requests for better lead to one fetch in each pause, also when the last one brought something.
        """
        self.know("a")
        for _ in range(1000):
            self.successResultOf(self.refetch())
        self.assertEqual(len(self.fetches), 1)
        self.clock.advance(10)
        waiting = [self.refetch() for _ in range(1000)]
        self.assertEqual(len(self.fetches), 2)
        self.fetches[1].callback("b")
        for got in waiting:
            self.successResultOf(got)
        self.assertEqual(self.thing.known, "b")

    def renewed(self) -> Deferred[str]:
        """
        Somebody asks for what is published from now on.
        """
        return Deferred.fromCoroutine(self.thing.renewed())

    def test_renewed(self) -> None:
        """
        Who asks for a newer value waits for the pause, and for no fetch that began before.
        """
        self.know("a")
        self.clock.advance(4)
        waiting = [self.renewed() for _ in range(3)]
        self.clock.advance(5.9)
        self.assertEqual(len(self.fetches), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.fetches), 2)
        later = self.renewed()
        self.fetches[1].callback("b")
        self.assertEqual([self.successResultOf(got) for got in waiting], ["b"] * 3)
        self.assertNoResult(later)
        self.clock.advance(10)
        self.fetches[2].callback("c")
        self.assertEqual(self.successResultOf(later), "c")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_renewal_fails(self) -> None:
        """
        An old value is no renewed one.
        """
        self.know("a")
        self.clock.advance(10)
        got = self.renewed()
        self.fetches[1].errback(ProviderUnavailable("down"))
        self.assertEqual(self.failureResultOf(got, ProviderUnavailable).value.reason, "down")
        self.assertEqual(self.thing.known, "a")
        self.clock.advance(10)
        got = self.renewed()
        self.fetches[2].callback("b")
        self.assertEqual(self.successResultOf(got), "b")

    def test_renewal_given_up(self) -> None:
        """
        A fetch that nobody waits for any more is no reason to ask again before the pause is over.
        """
        self.know("a")
        self.clock.advance(10)
        got = self.renewed()
        got.cancel()
        self.failureResultOf(got, CancelledError)
        self.assertEqual(self.cancelled, 1)
        got = self.renewed()
        self.assertEqual(len(self.fetches), 2)
        self.clock.advance(10)
        self.fetches[2].callback("b")
        self.assertEqual(self.successResultOf(got), "b")

    def test_fresh_without_waiting(self) -> None:
        """
        A value is fresh for its time, and whether it is being fetched can be seen.
        """
        self.assertIsNone(self.thing.fresh)
        self.know("a")
        self.clock.advance(99)
        self.assertEqual((self.thing.fresh, self.thing.is_on_its_way), ("a", False))
        self.clock.advance(1)
        self.assertIsNone(self.thing.fresh)
        self.current()
        self.assertTrue(self.thing.is_on_its_way)

    def test_clock_set_back(self) -> None:
        """
        A clock that is set back makes neither an old value fresh nor the pause longer.
        """
        self.know("a")
        self.clock.rightNow -= 900
        got = self.current()
        self.fetches[1].callback("b")
        self.assertEqual(self.successResultOf(got), "b")

    def test_one_gives_up(self) -> None:
        """
        Who gives up takes nothing from the others.
        """
        one, other = self.current(), self.current()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertEqual(self.cancelled, 0)
        self.fetches[0].callback("a")
        self.assertEqual(self.successResultOf(other), "a")

    def test_all_give_up(self) -> None:
        """
        A fetch that nobody waits for is ended, and the next who asks need not wait for the pause.
        """
        one, other = self.current(), self.current()
        one.cancel()
        other.cancel()
        self.failureResultOf(one, CancelledError)
        self.failureResultOf(other, CancelledError)
        self.assertEqual(self.cancelled, 1)
        self.know("a")
        self.assertEqual(len(self.fetches), 2)

    def test_a_fault_of_ours(self) -> None:
        """
        A fault of ours reaches those who wait, and does not stay.
        """
        got = self.current()
        self.fetches[0].errback(AssertionError())
        self.failureResultOf(got, AssertionError)
        self.clock.advance(10)
        self.know("a")
