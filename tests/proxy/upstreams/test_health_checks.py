"""
Tests of `pomerium_tx.proxy.upstreams.health_checks`.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.proxy.upstreams.health_checks import LEAST_PAUSE
from pomerium_tx.proxy.upstreams.members import Member
from pomerium_tx.routing.balancing import Balancing, HttpCheck, TcpCheck
from tests.doubles.peers import Peer
from tests.proxy.several import PORT, SeveralTestCase, health_check, outlier_detection

GOOD, BAD = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 Oops\r\n\r\n"
SOFT = HttpCheck(path=b"/", host=None, expected=(range(200, 201),), retriable=(range(500, 501),))


class HealthTestCase(SeveralTestCase):
    """
    One upstream that is checked, among others.
    """

    def setUp(self) -> None:
        super().setUp()
        self.answers: dict[str, bytes | None] = dict.fromkeys(self.hosts, GOOD)
        self.asked_at: list[float] = []
        """
        When ``a`` was asked.
        """

    def watch(self, *checks: Any, **settings: Any) -> Member:
        """
        Check all of them from now on; the first one.
        """
        watched = self.balance(Balancing(health_checks=checks, **settings))
        self.pass_time(0)
        return watched.members.all[0]

    def pass_time(self, seconds: float, step: float = 0.5) -> None:
        """
        Let time pass, with each of them answering its checks.
        """
        while True:
            self.settle()
            for host in self.hosts:
                for peer in self.peers[host].peers:
                    self._answer(host, peer)
            self.settle()
            if seconds <= 0:
                return
            self.network.clock.advance(min(step, seconds))
            seconds -= step

    def _answer(self, host: str, peer: Peer) -> None:
        answer = self.answers[host]
        if peer.take() and host == "a":
            self.asked_at.append(self.network.clock.seconds())
        if answer is not None and peer.lost is None:
            peer.say(answer)

    def pauses(self) -> list[float]:
        """
        The time between the checks of ``a`` so far.
        """
        return [later - earlier for earlier, later in zip(self.asked_at, self.asked_at[1:], strict=False)]


class ThresholdTests(HealthTestCase):
    """
    When an upstream is well, and when it is not.
    """

    def test_first_check(self) -> None:
        """
        An upstream is taken to be well until the first check, which decides alone.
        """
        self.answers["a"] = BAD
        watched = self.balance(Balancing(health_checks=(health_check(SOFT, unhealthy_threshold=3),)))
        self.assertTrue(watched.members.all[0].health.is_well)
        self.pass_time(0)
        self.assertFalse(watched.members.all[0].health.is_well)
        self.assertEqual({self.exchange() for _ in range(4)}, {"b", "c"})

    def test_thresholds(self) -> None:
        """
        After that so many bad checks in a row make it unhealthy, and so many good ones healthy again.
        """
        member = self.watch(health_check(SOFT, unhealthy_threshold=3, healthy_threshold=2))
        for answers, is_well in (
            ([BAD, BAD], True),
            ([GOOD, BAD, BAD], True),
            ([BAD], False),
            ([GOOD, BAD, GOOD], False),
            ([GOOD], True),
        ):
            for answer in answers:
                self.answers["a"] = answer
                self.pass_time(10)
            self.assertEqual(member.health.is_well, is_well, answers)
        self.assertEqual(len(self.said("is not well")), 1)
        self.assertEqual(len(self.said("is well")), 1)

    def test_unexpected_status(self) -> None:
        """
        A status that nobody expected makes it unhealthy at once.
        """
        member = self.watch(health_check(unhealthy_threshold=5))
        self.answers["a"] = BAD
        self.pass_time(10)
        self.assertFalse(member.health.is_well)
        (said,) = self.said("is not well")
        self.assertEqual((said["upstream"], said["reason"]), ("http://a:3000", "answered 500"))

    def test_gone(self) -> None:
        """
        One that is not there any more is found out about, and when it is back, that too.
        """
        member = self.watch(health_check(unhealthy_threshold=2))
        self.network.close("a", PORT)
        self.pass_time(10)
        self.assertTrue(member.health.is_well)
        self.pass_time(10)
        self.assertFalse(member.health.is_well)
        self.network.listen("a", PORT, self.peers["a"])
        self.pass_time(10)
        self.assertTrue(member.health.is_well)

    def test_never_answers(self) -> None:
        """
        One that accepts and says nothing is not well once the time of a check is over; checks do not pile up.
        """
        member = self.watch(
            health_check(timeout=3.0, interval=1.0, unhealthy_interval=1.0, unhealthy_edge_interval=1.0)
        )
        self.answers["a"] = None
        self.pass_time(30)
        self.assertFalse(member.health.is_well)
        self.assertLessEqual(len([peer for peer in self.peers["a"].peers if peer.lost is None]), 1)
        self.assertGreaterEqual(min(self.pauses()[3:]), 3.5)

    def test_several_checks(self) -> None:
        """
        With several checks each must be good.
        """
        member = self.watch(health_check(), health_check(TcpCheck(send=b"", receive=())))
        self.answers["a"] = BAD
        self.pass_time(10)
        self.assertEqual(member.health.failing, {0})
        self.answers["a"] = GOOD
        self.pass_time(10)
        self.assertTrue(member.health.is_well)

    def test_flapping(self) -> None:
        """
        One that comes and goes leaves two lines in the log each time, and no connection.
        """
        self.watch(health_check())
        for answer in [BAD, GOOD] * 5:
            self.answers["a"] = answer
            self.pass_time(10)
        self.assertEqual((len(self.said("is not well")), len(self.said("is well"))), (5, 5))
        self.assertTrue(all(peer.lost is not None for peer in self.peers["a"].peers))

    def test_ends_an_ejection(self) -> None:
        """
        A good check lets in one that was ejected for its answers.
        """
        member = self.watch(health_check(), outlier_detection=outlier_detection(base_ejection_time=1_000.0))
        assert self.watched is not None and self.watched.outliers is not None
        for _ in range(5):
            self.watched.outliers.answered(member, 500)
        self.assertFalse(member.health.is_well)
        self.pass_time(10)
        self.assertTrue(member.health.is_well)


class IntervalTests(HealthTestCase):
    """
    How often an upstream is asked.
    """

    def test_intervals(self) -> None:
        """
        There is an interval for each state, and for each change of it.
        """
        self.watch(
            health_check(interval=10.0, unhealthy_interval=5.0, unhealthy_edge_interval=2.0, healthy_edge_interval=3.0)
        )
        self.exchange(), self.exchange(), self.exchange()
        self.pass_time(10)
        self.answers["a"] = BAD
        self.pass_time(17)
        self.answers["a"] = GOOD
        self.pass_time(23)
        self.assertEqual(self.pauses(), [10.0, 10.0, 2.0, 5.0, 5.0, 3.0, 10.0])

    def test_no_traffic(self) -> None:
        """
        While nobody has asked for anything on the route its upstreams may be left in peace.
        """
        self.watch(health_check(interval=1.0, no_traffic_interval=20.0))
        self.pass_time(40)
        self.assertEqual(self.pauses(), [20.0, 20.0])
        self.get()
        self.pass_time(22)
        self.assertEqual(self.pauses()[-2:], [1.0, 1.0])

    def test_shortest(self) -> None:
        """
        Nobody is asked more than ten times a second.
        """
        self.watch(health_check(interval=1e-9, no_traffic_interval=1e-9))
        self.pass_time(2, step=0.01)
        self.assertLessEqual(len(self.asked_at), 1 + 2 / LEAST_PAUSE)
        self.assertGreater(len(self.asked_at), 15)

    def test_jitter(self) -> None:
        """
        Chance spreads the checks, within what is allowed.
        """
        check = health_check(initial_jitter=5.0, interval_jitter=2.0, interval_jitter_percent=50)
        self.balance(Balancing(health_checks=(check,)))
        began = self.network.clock.seconds()
        self.pass_time(200, step=0.1)
        self.assertLess(self.asked_at[0] - began, 5.2)
        pauses = self.pauses()
        self.assertGreater(len({round(pause, 1) for pause in pauses}), 5)
        self.assertGreaterEqual(min(pauses), 10.0)
        self.assertLessEqual(max(pauses), 18.2)

    def test_stop(self) -> None:
        """
        After the stop nobody is asked, no answer is waited for, and no timer is left.
        """
        quiet = len(self.network.clock.getDelayedCalls())
        member = self.watch(health_check())
        self.answers["a"] = None
        self.pass_time(10)
        assert self.watched is not None
        self.watched.stop()
        self.settle()
        self.assertEqual(len(self.network.clock.getDelayedCalls()), quiet)
        self.assertTrue(all(peer.lost is not None for peer in self.peers["a"].peers))
        self.asked_at.clear()
        self.pass_time(60)
        self.assertEqual(self.asked_at, [])
        self.assertTrue(member.health.is_well)
