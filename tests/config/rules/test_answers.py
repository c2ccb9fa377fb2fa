"""
Tests of `pomerium_tx.config.rules.answers`, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import complaints, loaded
from tests.config.rules.test_whole import route

ELSEWHERE = {"host_redirect": "new.example.com"}
REFUSED = [
    ({}, "to", "to, redirect or response"),
    ({"to": "http://127.0.0.1:1", "redirect": ELSEWHERE}, "redirect", "beside to"),
    ({"to": "http://127.0.0.1:1", "response": {"status": 200}}, "response", "beside to"),
    ({"redirect": ELSEWHERE, "response": {"status": 200}}, "response", "beside redirect"),
    ({"redirect": {"path_redirect": "/a", "prefix_rewrite": "/b"}}, "redirect", "remove one"),
    (
        {"redirect": {"https_redirect": True, "scheme_redirect": "http", "path_redirect": "/x"}},
        "redirect",
        "remove one",
    ),
    ({"redirect": {"response_code": 302}}, "redirect", "again and again"),
    ({"redirect": {"https_redirect": True}}, "redirect", "again and again"),
    ({"redirect": {"strip_query": True}}, "redirect", "again and again"),
    ({"redirect": {"response_code": 200, **ELSEWHERE}}, "redirect.response_code", "must be one of"),
    ({"redirect": {"host_redirect": "a/b"}}, "redirect.host_redirect", "host name"),
    ({"redirect": {"prefix_rewirte": "/x"}}, "redirect.prefix_rewirte", "not a known key"),
    ({"response": {"body": "x"}}, "response.status", "required"),
    ({"response": {"status": 101}}, "response.status", "whole number"),
    ({"response": {"status": 204, "body": "x"}}, "response", "have none"),
]


class AnswerRulesTests(SynchronousTestCase):
    """
    Who answers the requests of a route.
    """

    def test_refused(self) -> None:
        """
        A route has exactly one of ``to``, ``redirect`` and ``response``, and each of those makes sense.
        """
        for keys, key, words in REFUSED:
            with self.subTest(keys=keys):
                found = complaints(self.mktemp(), {"routes": [route(**{"to": ..., **keys})]})
                self.assertEqual([problem.key for problem in found], [f"routes[0].{key}"], list(map(str, found)))
                self.assertIn(words, found[0].message)

    def test_ignored(self) -> None:
        """
        What is about an application is warned of where there is none.
        """
        for keys in ({"prefix_rewrite": "/x"}, {"allow_websockets": True}, {"timeout": "3s"}):
            with self.subTest(keys=keys):
                values = {"to": ..., "response": {"status": 200}, **keys}
                found = loaded(self.mktemp(), {"routes": [route(**values)]}).warnings
                self.assertEqual([warning.key for warning in found], [f"routes[0].{next(iter(keys))}"])

    def test_forms(self) -> None:
        """
        Both are mappings, or JSON in a string.
        """
        values = {"to": ..., "redirect": '{"host_redirect": "new.example.com", "response_code": 308}'}
        config = loaded(self.mktemp(), {"routes": [route(**values)]}).config
        assert config.routes[0].redirect is not None
        self.assertEqual(config.routes[0].redirect.response_code, 308)
