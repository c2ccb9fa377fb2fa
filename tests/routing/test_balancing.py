"""
Tests of `pomerium_tx.routing.balancing`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.routing.balancing import Balancing, HealthCheck, HttpCheck, OutlierDetection, TcpCheck, balancing

HTTP = {"path": "/healthz"}


def read(**keys: Any) -> Balancing:
    """
    What a route with *keys* says.
    """
    section = {"from": "https://app.example.com", "to": ["http://a", "http://b"], **keys}
    return balancing(RouteSection.model_validate(section))


class BalancingTests(SynchronousTestCase):
    """
    From keys to seconds.
    """

    def test_defaults(self) -> None:
        """
        Each in turn, nobody watched.
        """
        self.assertEqual(read(), Balancing())

    def test_settings(self) -> None:
        """
        Policy, weights and threshold are carried.
        """
        found = read(to=["http://a,3", "http://b,1"], load_balancing_policy="RANDOM", healthy_panic_threshold="20")
        self.assertEqual(found, Balancing(policy="random", weights=(3, 1), panic_threshold=20))

    def test_http_check(self) -> None:
        """
        200 is expected where nothing else is; the end of a range is not in it.
        """
        for keys, expected in (
            (HTTP, HttpCheck(path=b"/healthz", host=None, expected=(range(200, 201),), retriable=())),
            (
                {
                    "path": "/?a=b",
                    "host": "inner:8080",
                    "expected_statuses": [{"start": 200, "end": 300}, {"start": 401, "end": 402}],
                    "retriable_statuses": [{"end": 501}],
                },
                HttpCheck(
                    path=b"/?a=b",
                    host=b"inner:8080",
                    expected=(range(200, 300), range(401, 402)),
                    retriable=(range(501),),
                ),
            ),
        ):
            section = {"timeout": "1s", "interval": "2s", "http_health_check": keys}
            (check,) = read(health_checks=[section]).health_checks
            self.assertEqual(check.what, expected)

    def test_intervals(self) -> None:
        """
        An interval that is not said is the one next to it.
        """
        written: dict[str, Any] = {"timeout": "500ms", "interval": "10s", "tcp_health_check": {}}
        (plain,) = read(health_checks=[written]).health_checks
        self.assertEqual(
            plain,
            HealthCheck(
                what=TcpCheck(send=b"", receive=()),
                timeout=0.5,
                interval=10.0,
                no_traffic_interval=10.0,
                unhealthy_interval=10.0,
                unhealthy_edge_interval=10.0,
                healthy_edge_interval=10.0,
                initial_jitter=0.0,
                interval_jitter=0.0,
                interval_jitter_percent=0,
                unhealthy_threshold=1,
                healthy_threshold=1,
            ),
        )
        written |= {"unhealthy_interval": "3s", "no_traffic_interval": "1m"}
        (other,) = read(health_checks=[written]).health_checks
        self.assertEqual(
            (other.unhealthy_interval, other.unhealthy_edge_interval, other.no_traffic_interval), (3.0, 3.0, 60.0)
        )

    def test_outlier_detection(self) -> None:
        """
        Envoy's defaults, and a longest ejection that is no shorter than the first.
        """
        expected = OutlierDetection(
            consecutive_5xx=5,
            enforcing_consecutive_5xx=100,
            consecutive_gateway_failure=5,
            enforcing_consecutive_gateway_failure=0,
            interval=10.0,
            base_ejection_time=30.0,
            max_ejection_time=300.0,
            max_ejection_percent=10,
            ends_by_health_check=True,
        )
        self.assertEqual(read(outlier_detection={}).outlier_detection, expected)
        found = read(outlier_detection={"base_ejection_time": "10m"}).outlier_detection
        assert found is not None
        self.assertEqual(found.max_ejection_time, 600.0)
