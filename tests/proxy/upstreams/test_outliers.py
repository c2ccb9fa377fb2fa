"""
Tests of `pomerium_tx.proxy.upstreams.outliers`.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.proxy.upstreams.members import Member
from pomerium_tx.proxy.upstreams.outliers import Outliers
from pomerium_tx.routing.balancing import Balancing
from tests.proxy.several import SeveralTestCase, outlier_detection

EJECTED = [
    ({}, [500] * 4, False),
    ({}, [500] * 5, True),
    ({}, [500, 501, 503, 599, 504], True),
    ({}, [500] * 4 + [200] + [500] * 4, False),
    ({}, [404] * 50, False),
    ({}, [101, 304] * 50, False),
    ({"consecutive_5xx": 1}, [500], True),
    ({"consecutive_5xx": 0}, [500] * 50, False),
    ({"enforcing_consecutive_5xx": 0}, [500] * 50, False),
    ({"enforcing_consecutive_5xx": 0}, [503] * 50, False),
    ({"enforcing_consecutive_5xx": 0, "enforcing_consecutive_gateway_failure": 100}, [502, 503, 504, 502, 503], True),
    ({"enforcing_consecutive_5xx": 0, "enforcing_consecutive_gateway_failure": 100}, [502, 503, 504, 502], False),
    ({"enforcing_consecutive_5xx": 0, "enforcing_consecutive_gateway_failure": 100}, [502, 500] * 50, False),
    ({"enforcing_consecutive_5xx": 0, "enforcing_consecutive_gateway_failure": 100}, [500] * 50, False),
    ({"consecutive_gateway_failure": 0, "enforcing_consecutive_gateway_failure": 100}, [503] * 4, False),
    ({"max_ejection_percent": 0}, [500] * 50, False),
]
"""
What differs from Envoy's defaults, the statuses of answers, and whether they eject.
"""


class OutliersTests(SeveralTestCase):
    """
    Ejection and return.
    """

    def detect(self, **changes: Any) -> tuple[Outliers, list[Member]]:
        """
        A detection, with the upstreams that it watches.
        """
        watched = self.balance(Balancing(outlier_detection=outlier_detection(**changes)))
        assert watched.outliers is not None
        return watched.outliers, list(watched.members.all)

    def eject(self, outliers: Outliers, member: Member) -> bool:
        """
        Five errors; whether they ejected.
        """
        for _ in range(5):
            outliers.answered(member, 500)
        return member.health.ejected_until is not None

    def test_errors_in_a_row(self) -> None:
        """
        So many errors in a row eject, of the kinds that are counted, with the chance that is given.
        """
        for changes, statuses, is_ejected in EJECTED:
            with self.subTest(str(changes), statuses=statuses[:6]):
                outliers, (member, *_) = self.detect(**changes)
                for status in statuses:
                    outliers.answered(member, status)
                self.assertEqual(member.health.ejected_until is not None, is_ejected)

    def test_chance(self) -> None:
        """
        Between 0 and 100 it is a matter of chance.
        """
        outliers, (member, *_) = self.detect(consecutive_5xx=1, enforcing_consecutive_5xx=50, max_ejection_percent=100)
        count = 0
        for _ in range(1_000):
            outliers.answered(member, 500)
            count += member.health.ejected_until is not None
            member.health.ejected_until = None
        self.assertLess(abs(count - 500), 60)

    def test_longer_each_time(self) -> None:
        """
        Every further ejection is longer, up to a limit; good behaviour shortens the next one again.
        """
        outliers, (member, *_) = self.detect(base_ejection_time=30.0, max_ejection_time=70.0)
        for seconds in (30.0, 60.0, 70.0):
            self.assertTrue(self.eject(outliers, member))
            self.assertEqual(member.health.ejected_until, self.network.clock.seconds() + seconds)
            self.network.advance(seconds + 11)
            self.assertIsNone(member.health.ejected_until)
            # What it was looked at once in the meantime is made up for.
            member.health.ejections = {30.0: 1, 60.0: 2, 70.0: 3}[seconds]
        self.network.advance(31)
        self.assertEqual(member.health.ejections, 0)
        self.assertEqual(len(self.said("gets no requests for")), 3)
        self.assertEqual(len(self.said("may get requests again")), 3)

    def test_looks(self) -> None:
        """
        Whether the time is over is looked at once an interval.
        """
        outliers, (member, *_) = self.detect(base_ejection_time=1.0, interval=20.0)
        self.eject(outliers, member)
        self.network.advance(18)
        self.assertIsNotNone(member.health.ejected_until)
        self.network.advance(4)
        self.assertIsNone(member.health.ejected_until)

    def test_most(self) -> None:
        """
        One may always be ejected, others only while the share of the ejected is below the limit.
        """
        for percent, expected in ((10, 1), (33, 1), (34, 2), (67, 3), (100, 3), (0, 0)):
            with self.subTest(percent):
                outliers, members = self.detect(max_ejection_percent=percent)
                self.assertEqual(sum(self.eject(outliers, member) for member in members), expected)

    def test_counts_from_zero(self) -> None:
        """
        Answers to requests that were under way when it was ejected do not eject it twice, nor at its return.
        """
        outliers, (member, *_) = self.detect()
        self.eject(outliers, member)
        until = member.health.ejected_until
        for _ in range(4):
            outliers.answered(member, 500)
        self.assertEqual(member.health.ejected_until, until)
        self.eject(outliers, member)
        self.assertEqual(member.health.ejections, 1)

    def test_health_check(self) -> None:
        """
        A good check of its health ends an ejection, unless that is not wanted.
        """
        for ends in (True, False):
            with self.subTest(ends):
                outliers, (member, *_) = self.detect(ends_by_health_check=ends)
                self.eject(outliers, member)
                outliers.checked(member)
                self.assertEqual(member.health.ejected_until is None, ends)

    def test_stop(self) -> None:
        """
        After the stop nobody is let in, and nothing is left of it.
        """
        outliers, (member, *_) = self.detect()
        self.eject(outliers, member)
        outliers.stop()
        self.network.advance(100)
        self.assertIsNotNone(member.health.ejected_until)
