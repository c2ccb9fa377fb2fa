"""
Tests of `pomerium_tx.config.rules.upstreams`, through whole files.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import ROUTE, complaints, loaded

TCP = {"timeout": "1s", "interval": "5s", "tcp_health_check": {}}
TWO = ["http://a", "http://b"]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"to": ["http://a,2", "http://b"]}, "to", "not for all"),
    ({"to": "h2c://a"}, "to", "write http://"),
    ({"to": "https+unix:///a"}, "tls_upstream_server_name", "no name that its certificate"),
    ({"to": "unix:///a", "upstream_logout_uri": "/out"}, "upstream_logout_uri", "UNIX socket"),
    ({"to": TWO, "load_balancing_policy": "SOME"}, "load_balancing_policy", "ROUND_ROBIN"),
    ({"to": TWO, "healthy_panic_threshold": 101}, "healthy_panic_threshold", "0 to 100"),
    ({"to": TWO, "health_checks": {}}, "health_checks", "must be a list"),
    ({"to": TWO, "health_checks": ["x"]}, "health_checks[0]", "must be a mapping"),
    ({"to": TWO, "health_checks": [{**TCP, "timeout": None}]}, "health_checks[0].timeout", "required"),
    ({"to": TWO, "health_checks": [{**TCP, "interval": "0s"}]}, "health_checks[0].interval", "longer than nothing"),
    ({"to": TWO, "health_checks": [{**TCP, "intervall": "3s"}]}, "health_checks[0].intervall", "did you mean interval"),
    ({"to": TWO, "health_checks": [{"timeout": "1s", "interval": "1s"}]}, "health_checks[0]", "must have one of"),
    (
        {"to": TWO, "health_checks": [TCP, {**TCP, "http_health_check": {"path": "/"}}]},
        "health_checks[1]",
        "must have one of",
    ),
    (
        {"to": TWO, "health_checks": [{**TCP, "http_health_check": {"path": "healthz"}}]},
        "health_checks[0].http_health_check.path",
        "begins with a slash",
    ),
    (
        {"to": TWO, "health_checks": [{**TCP, "grpc_health_check": {}}]},
        "health_checks[0].grpc_health_check",
        "write http_health_check or tcp_health_check",
    ),
    (
        {
            "to": TWO,
            "health_checks": [
                {
                    "timeout": "1s",
                    "interval": "1s",
                    "http_health_check": {"path": "/", "expected_statuses": [{"start": 300, "end": 300}]},
                }
            ],
        },
        "health_checks[0]",
        "nothing in it",
    ),
    (
        {"to": TWO, "outlier_detection": {"consecutive_5xx": -1}},
        "outlier_detection.consecutive_5xx",
        "whole number",
    ),
    (
        {"to": TWO, "outlier_detection": {"consecutive_500": 3}},
        "outlier_detection.consecutive_500",
        "did you mean consecutive_5xx?",
    ),
]
"""
What differs from a good route, the key that is complained about, and with which words.
"""

WARNED: list[tuple[dict[str, Any], str, str]] = [
    ({"to": ["http://a/x", "http://b/y"]}, "to", "several paths"),
    ({"to": "unix:///a", "tls_server_name": "a"}, "tls_server_name", "to says http://"),
    ({"to": ["http://a", "http://b"], "tls_server_name": "a"}, "tls_server_name", "to says http://"),
    ({"health_checks": [TCP]}, "health_checks", "the only upstream gets all requests"),
    ({"outlier_detection": {}}, "outlier_detection", "the only upstream gets all requests"),
    ({"to": TWO, "health_checks": [{**TCP, "reuse_connection": True}]}, "health_checks[0].reuse_connection", "ignored"),
    (
        {"to": TWO, "outlier_detection": {"success_rate_stdev_factor": 1900}},
        "outlier_detection.success_rate_stdev_factor",
        "errors in a row only",
    ),
    ({"to": TWO, "lb_policy": "RANDOM"}, "lb_policy", "its name is load_balancing_policy"),
]

TAKEN: list[dict[str, Any]] = [
    {"to": ["http://a", "https://b"], "tls_server_name": "b"},
    {"to": "https+unix:///a", "tls_server_name": "a"},
    {"to": "unix:///a", "upstream_logout_uri": "http://a/out"},
    {"to": ["http://a/x", "http://b/x"]},
    {"to": TWO, "health_checks": [TCP], "outlier_detection": {}},
    {"health_checks": [TCP], "healthy_panic_threshold": 0},
    {"to": TWO, "load_balancing_policy": "LOAD_BALANCING_POLICY_MAGLEV"},
]
"""
Nothing is wrong with these.
"""


class UpstreamRulesTests(SynchronousTestCase):
    """
    What is said about a route's upstreams.
    """

    def test_refused(self) -> None:
        """
        What cannot work is refused by the key that is wrong, with what to do.
        """
        for changes, key, words in REFUSED:
            with self.subTest(str(changes)):
                (problem,) = complaints(self.mktemp(), {"routes": [{**ROUTE, **changes}]})
                self.assertEqual(problem.key, f"routes[0].{key}")
                self.assertIn(words, problem.message)
                self.assertTrue(problem.line)

    def test_warned(self) -> None:
        """
        What has no effect is said.
        """
        for changes, key, words in WARNED:
            with self.subTest(str(changes)):
                (warning,) = loaded(self.mktemp(), {"routes": [{**ROUTE, **changes}]}).warnings
                self.assertEqual(warning.key, f"routes[0].{key}")
                self.assertIn(words, warning.message)

    def test_taken(self) -> None:
        """
        What makes sense passes without a word.
        """
        for changes in TAKEN:
            with self.subTest(str(changes)):
                self.assertEqual(loaded(self.mktemp(), {"routes": [{**ROUTE, **changes}]}).warnings, ())
