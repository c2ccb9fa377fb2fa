"""
What an application gets instead of the path that was asked for.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.expressions import Rewrite
from pomerium_tx.routing.rewriting import host_rewrite_by_path, path_rewrite
from tests.routing.routes import a_section

REWRITTEN: list[tuple[dict[str, Any], bytes, bytes]] = [
    # Pomerium's documented examples.
    ({"to": "http://a.test/any"}, b"/foo", b"/anyfoo"),
    ({"to": "http://a.test/any/"}, b"/foo", b"/any/foo"),
    ({"prefix": "/admin", "prefix_rewrite": "/"}, b"/admin/users", b"/users"),
    ({"prefix": "/admin", "prefix_rewrite": "/"}, b"/admin", b"/"),
    ({"prefix": "/one/", "prefix_rewrite": "/two/"}, b"/one/x", b"/two/x"),
    # The whole path, where that was matched.
    ({"path": "/a", "prefix_rewrite": "/b"}, b"/a", b"/b"),
    ({"path": "/a", "to": "http://a.test/b"}, b"/a", b"/b"),
    ({"regex": "/a/.*", "prefix_rewrite": "/b"}, b"/a/x/y", b"/b"),
    # Said for the route, it counts and not what ``to`` has.
    ({"prefix": "/a", "prefix_rewrite": "/b", "to": "http://a.test/c"}, b"/a/x", b"/b/x"),
    ({"regex_rewrite_pattern": "^/old(/.*)?$", "regex_rewrite_substitution": r"/new\1"}, b"/old/x", b"/new/x"),
    ({"regex_rewrite_pattern": "^/old", "to": "http://a.test/c"}, b"/old/x", b"/x"),
    ({"prefix": "/a", "prefix_rewrite": "/%7eb"}, b"/a/x", b"/~b/x"),
]


class PathRewriteTests(SynchronousTestCase):
    """
    Paths.
    """

    def test_rewritten(self) -> None:
        """
        What was matched is replaced, by the route's own words before the path of ``to``.
        """
        for keys, path, sent in REWRITTEN:
            with self.subTest(keys=keys):
                rewrite = path_rewrite(a_section(**keys))
                assert rewrite is not None
                self.assertEqual(rewrite.of(path), sent)

    def test_nothing_to_rewrite(self) -> None:
        """
        A route that says nothing about it leaves paths alone, and nothing is worked out for each.
        """
        self.assertIsNone(path_rewrite(a_section(prefix="/a")))

    def test_host(self) -> None:
        """
        A host is made of the path only where that is said.
        """
        self.assertIsNone(host_rewrite_by_path(a_section()))
        keys = {"host_path_regex_rewrite_pattern": "^/([^/]+).*", "host_path_regex_rewrite_substitution": r"\1"}
        self.assertEqual(host_rewrite_by_path(a_section(**keys)), Rewrite("^/([^/]+).*", r"\1"))

    def test_same(self) -> None:
        """
        What would be replaced by itself is not replaced at all.
        """
        self.assertIsNone(path_rewrite(a_section(to="http://a.test/")))
        self.assertIsNone(path_rewrite(a_section(prefix="/a", prefix_rewrite="/a")))
