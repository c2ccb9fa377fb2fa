"""
Tests of `pomerium_tx.config.keys.health`: the forms in which Pomerium lets health checks be written.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys.health import HealthCheck, OutlierDetection, TcpHealthCheck
from tests.config.material import ROUTE, loaded

SNAKE: dict[str, Any] = {
    "timeout": "10s",
    "interval": "60s",
    "healthy_threshold": 1,
    "unhealthy_threshold": "2",
    "http_health_check": {"path": "/", "expected_statuses": [{"start": "200", "end": 300}]},
}
CAMEL: dict[str, Any] = {
    "timeout": "10s",
    "interval": "60s",
    "healthyThreshold": 1,
    "unhealthyThreshold": 2,
    "httpHealthCheck": {"path": "/", "expectedStatuses": [{"start": 200, "end": 300}]},
}


class HealthKeysTests(SynchronousTestCase):
    """
    Messages of protobuf, as they stand in a file.
    """

    def section(self, **changes: object) -> Any:
        """
        The only route of a file.
        """
        route = {**ROUTE, "to": ["http://a", "http://b"], **changes}
        return loaded(self.mktemp(), {"routes": [route]}).config.routes[0]

    def test_spellings(self) -> None:
        """
        Both spellings of protobuf's keys mean the same, and numbers may be in quotes.
        """
        (snake,) = self.section(health_checks=[SNAKE]).health_checks
        (camel,) = self.section(health_checks=[CAMEL]).health_checks
        self.assertEqual(snake, camel)
        self.assertEqual((snake.timeout, snake.interval), (timedelta(seconds=10), timedelta(minutes=1)))
        self.assertEqual(snake.http_health_check.expected_statuses[0].end, 300)
        self.assertEqual(
            self.section(outlier_detection={"baseEjectionTime": "3s"}).outlier_detection.base_ejection_time,
            timedelta(seconds=3),
        )

    def test_json(self) -> None:
        """
        A mapping may be written as JSON.
        """
        found = self.section(outlier_detection='{"consecutive_5xx": 12}').outlier_detection
        self.assertEqual(found.consecutive_5xx, 12)

    def test_defaults(self) -> None:
        """
        They are Envoy's.
        """
        found = OutlierDetection.model_validate({})
        self.assertEqual(
            (found.consecutive_5xx, found.max_ejection_percent, found.enforcing_consecutive_gateway_failure), (5, 10, 0)
        )

    def test_payloads(self) -> None:
        """
        Bytes are written in hexadecimal digits or base64; one of them need not stand in a list.
        """
        for receive in ({"text": "504F4E47"}, [{"text": "50"}, {"binary": "T05H"}], [{"text": "504f 4e47"}]):
            found = TcpHealthCheck.model_validate({"send": {"binary": "UElORw=="}, "receive": receive})
            self.assertEqual((found.send, b"".join(found.receive)), (b"PING", b"PONG"))
        for wrong in ({"text": "PING"}, {"binary": "%"}, {"text": 50}, {"text": "50", "binary": ""}, "50", {}, 3):
            with self.subTest(str(wrong)):
                self.assertRaises(ValidationError, TcpHealthCheck.model_validate, {"send": wrong})

    def test_bounds(self) -> None:
        """
        Thresholds are at least one, and no time is nothing.
        """
        for name, wrong in (
            ("timeout", "0s"),
            ("interval", "-1s"),
            ("unhealthy_threshold", 0),
            ("healthy_threshold", 0),
            ("interval_jitter_percent", 101),
        ):
            with self.subTest(name):
                self.assertRaises(ValidationError, HealthCheck.model_validate, {**SNAKE, name: wrong})
