"""
Tests of `pomerium_tx.config.rules.paths`, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import complaints, loaded
from tests.config.rules.test_whole import route

REFUSED = [
    ({"prefix_rewrite": "/x", "regex_rewrite_pattern": "a"}, "regex_rewrite_pattern", "beside prefix_rewrite"),
    (
        {"regex_rewrite_pattern": "a", "regex_rewrite_substitution": r"\1"},
        "regex_rewrite_substitution",
        "group 1",
    ),
    (
        {"host_path_regex_rewrite_pattern": "(a)", "host_path_regex_rewrite_substitution": r"\2"},
        "host_path_regex_rewrite_substitution",
        "group 2",
    ),
    ({"regex_rewrite_pattern": "a", "regex_rewrite_substitution": "/b?c"}, "regex_rewrite_substitution", "path only"),
    ({"regex_rewrite_pattern": "a", "regex_rewrite_substitution": "/b#c"}, "regex_rewrite_substitution", "path only"),
    ({"regex_rewrite_pattern": "a", "regex_rewrite_substitution": r"\\"}, "regex_rewrite_substitution", "path only"),
    ({"to": "http://127.0.0.1:3000/a/../b"}, "to", "segments"),
    ({"to": "http://127.0.0.1:3000/a%2Fb"}, "to", "escaped"),
    ({"regex": "admin/.*"}, "regex", "begin with a slash"),
    ({"regex": "("}, "regex", "RE2"),
]
WARNED = [
    ({"regex": "/a/.*", "path": "/b"}, "path", "ignored: regex"),
    ({"regex": "/a/.*", "prefix": "/b"}, "prefix", "ignored: regex"),
    ({"path": "/a", "prefix": "/b"}, "prefix", "ignored: path"),
    ({"regex_rewrite_substitution": "x"}, "regex_rewrite_substitution", "without regex_rewrite_pattern"),
    (
        {"host_path_regex_rewrite_substitution": "x"},
        "host_path_regex_rewrite_substitution",
        "without host_path_regex_rewrite_pattern",
    ),
    ({"host_rewrite": "a", "preserve_host_header": True}, "preserve_host_header", "ignored: host_rewrite"),
    ({"host_rewrite": "a", "host_rewrite_header": "X-H"}, "host_rewrite_header", "ignored: host_rewrite"),
    (
        {"host_rewrite_header": "X-H", "host_path_regex_rewrite_pattern": "a"},
        "host_path_regex_rewrite_pattern",
        "ignored: host_rewrite_header",
    ),
    ({"to": "http://127.0.0.1:3000/a", "prefix_rewrite": "/b"}, "to", "ignored: prefix_rewrite"),
]
HIDDEN = [
    ({}, {"regex": "/a/.*"}, "never reached"),
    ({"regex": ".*"}, {"prefix": "/a"}, "never reached"),
    ({"regex": "/.*"}, {"regex": "/a/.*"}, "never reached"),
    ({"regex": "/a/.*"}, {"path": "/a/b"}, "never reached"),
]
NOT_HIDDEN = [
    ({"regex": "/a/.*"}, {"prefix": "/a/"}),
    ({"regex": "/a/.*"}, {"path": "/b"}),
    ({"regex": "/a/.*"}, {"regex": "/a/b"}),
    ({"prefix": "/a"}, {"regex": "/a/b"}),
    ({"path": "/a"}, {"regex": "/a"}),
]


class PathRulesTests(SynchronousTestCase):
    """
    What the keys about paths and hosts can get wrong together.
    """

    def test_refused(self) -> None:
        """
        What cannot be meant is refused, at its key.
        """
        for keys, key, words in REFUSED:
            with self.subTest(keys=keys):
                found = complaints(self.mktemp(), {"routes": [route(**keys)]})
                self.assertEqual([problem.key for problem in found], [f"routes[0].{key}"], list(map(str, found)))
                self.assertIn(words, found[0].message)

    def test_warned(self) -> None:
        """
        What has no effect is warned of.
        """
        for keys, key, words in WARNED:
            with self.subTest(keys=keys):
                found = loaded(self.mktemp(), {"routes": [route(**keys)]}).warnings
                self.assertEqual([warning.key for warning in found], [f"routes[0].{key}"], list(map(str, found)))
                self.assertIn(words, found[0].message)

    def test_hidden(self) -> None:
        """
        A route of which another one gets every request is warned of, expressions included.
        """
        for first, second, words in HIDDEN:
            with self.subTest(first=first, second=second):
                found = loaded(self.mktemp(), {"routes": [route(**first), route(**second)]}).warnings
                self.assertEqual([warning.key for warning in found], ["routes[1].from"], list(map(str, found)))
                self.assertIn(words, found[0].message)
        for first, second in NOT_HIDDEN:
            with self.subTest(first=first, second=second):
                self.assertEqual(
                    list(loaded(self.mktemp(), {"routes": [route(**first), route(**second)]}).warnings), []
                )

    def test_same(self) -> None:
        """
        Of two routes with the same expression the second one is never reached.
        """
        found = loaded(self.mktemp(), {"routes": [route(regex="/a.*"), route(regex="/a.*")]}).warnings
        self.assertEqual([problem.key for problem in found], ["routes[1].from"])

    def test_wildcard_hosts(self) -> None:
        """
        ``*`` may stand for a part of a host, but not for names that anybody can have.
        """
        for from_ in ("https://*.example.com", "https://app-*.example.com", "https://a.*.example.com:8443"):
            with self.subTest(from_=from_):
                config = loaded(self.mktemp(), {"routes": [route(from_=from_)]}).config
                self.assertEqual(config.routes[0].from_, from_)
        for from_ in ("https://*", "https://app.*", "https://example.c*m"):
            with self.subTest(from_=from_):
                found = complaints(self.mktemp(), {"routes": [route(from_=from_)]})
                self.assertIn("domain of yours", found[0].message)
        found = complaints(self.mktemp(), {"routes": [route(to="http://*.example.com")]})
        self.assertIn("wildcard", found[0].message)
