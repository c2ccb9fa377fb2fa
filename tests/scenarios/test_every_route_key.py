"""
Every key of a route that is about its requests and answers: take it away, and a named test fails.
"""

from __future__ import annotations

import unittest
from typing import Any

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys.route_answer import RouteAnswerKeys
from pomerium_tx.config.keys.route_forwarding import RouteForwardingKeys
from pomerium_tx.config.keys.route_headers import RouteHeaderKeys
from pomerium_tx.config.keys.route_match import RouteMatchKeys
from pomerium_tx.config.keys.route_rewriting import RouteRewriteKeys
from pomerium_tx.config.model import Config
from tests.scenarios.world import CONFIG, WorldTestCase

PATHS = "test_route_paths.PathsTests."
ANSWERS = "test_route_paths.AnswersTests."
HEADERS = "test_route_headers.RouteHeadersTests."
TIMES = "test_route_times.RouteTimesTests."
TESTS = {
    "prefix": PATHS + "test_rewrites",
    "path": PATHS + "test_rewrites",
    "regex": PATHS + "test_decided_and_sent",
    "prefix_rewrite": PATHS + "test_rewrites",
    "regex_rewrite_pattern": PATHS + "test_rewrites",
    "regex_rewrite_substitution": PATHS + "test_rewrites",
    "host_rewrite": PATHS + "test_hosts",
    "host_rewrite_header": PATHS + "test_hosts",
    "host_path_regex_rewrite_pattern": PATHS + "test_hosts",
    "host_path_regex_rewrite_substitution": PATHS + "test_hosts",
    "preserve_host_header": PATHS + "test_hosts",
    "redirect": ANSWERS + "test_redirect",
    "response": ANSWERS + "test_response",
    "set_response_headers": ANSWERS + "test_redirect",
    "set_request_headers": HEADERS + "test_tokens",
    "remove_request_headers": HEADERS + "test_removed",
    "rewrite_response_headers": HEADERS + "test_rewritten_answers",
    "kubernetes_service_account_token": HEADERS + "test_kubernetes",
    "timeout": TIMES + "test_timeout",
    "idle_timeout": TIMES + "test_idle_timeout",
    "caching": "test_caching.CachingTests.test_every_answer",
    "allow_websockets": TIMES + "test_idle_timeout",
}
ELSEWHERE = {
    "from": "a route has it or is none",
    "to": "likewise",
    "name": "it is what the log says",
    "description": "it is for the portal",
    "logo_url": "likewise",
    "regex_priority_order": "it does nothing",
    "kubernetes_service_account_token_file": "the sieve reads it as the key without _file",
    "allow_websocket_origins": "tests.authorize.test_handshake",
    "circuit_breaker_thresholds": "tests.scenarios.test_limits",
}


def without(key: str, reads: Any) -> Any:
    """
    What reads a world's configuration, with *key* taken out of every route.
    """

    def read(world: WorldTestCase, **changes: Any) -> Config:
        routes = changes.get("routes", {**CONFIG, **world.settings}["routes"])
        changes["routes"] = [{name: value for name, value in route.items() if name != key} for route in routes]
        config: Config = reads(world, **changes)
        return config

    return read


class EveryRouteKeyTests(SynchronousTestCase):
    """
    The table is whole, and true.
    """

    def passes(self, name: str) -> bool:
        """
        Whether a test of scenarios passes now.
        """
        class_name, _, method = f"tests.scenarios.{name}".rpartition(".")
        result = unittest.TestResult()
        namedAny(class_name)(method).run(result)
        self.flushLoggedErrors()
        self.assertEqual(result.testsRun, 1)
        return result.wasSuccessful()

    def test_whole(self) -> None:
        """
        No key is forgotten.
        """
        sections = (RouteMatchKeys, RouteAnswerKeys, RouteRewriteKeys, RouteForwardingKeys, RouteHeaderKeys)
        keys = {field.alias or name for section in sections for name, field in section.model_fields.items()}
        self.assertEqual(keys - set(ELSEWHERE) - set(TESTS), set())
        self.assertEqual(set(TESTS) & set(ELSEWHERE), set())

    def test_true(self) -> None:
        """
        With the key the test passes, without it does not.
        """
        self.assertTrue(all(self.passes(name) for name in set(TESTS.values())))
        for key, name in TESTS.items():
            with self.subTest(key=key, test=name):
                patch = self.patch(WorldTestCase, "read", without(key, WorldTestCase.read))
                self.assertFalse(self.passes(name))
                patch.restore()
