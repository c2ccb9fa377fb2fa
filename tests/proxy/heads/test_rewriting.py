"""
The target and the host that an application sees.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.expressions import Rewrite
from pomerium_tx.http11.canonical import canonical_path
from pomerium_tx.http11.heads import BadRequest
from pomerium_tx.proxy.heads.rewriting import host_rule, target_rule, without_handles
from pomerium_tx.routing.rewriting import PrefixRewrite
from tests.proxy.harness import a_route
from tests.proxy.heads.test_forwarding import FACTS, ForwardingTestCase, read

HOSTILE = [
    # Each is one path when it is decided, and would be another one when it is sent.
    (Rewrite("^/safe", ""), "/safe../admin"),
    (Rewrite("^/safe", "/app/."), "/safe./admin"),
    (Rewrite("x", "."), "/x./admin"),
    (Rewrite("x", "%2"), "/xFadmin"),
    (Rewrite("x", "%"), "/x2e"),
    (Rewrite("[a-z]", ""), "/%61a/x"),
    (Rewrite("^/", ""), "/http://elsewhere.test/"),
    (Rewrite("^/", ""), "/admin"),
    (Rewrite(".*", ""), "/admin"),
    (Rewrite("^/a", "*"), "/a"),
    (PrefixRewrite(matched=b"/safe", sent=b"/app/"), "/safe../admin"),
    (PrefixRewrite(matched=b"/safe", sent=b"/app/."), "/safe./admin"),
]
HOSTS = [
    ({}, "upstream.test:8080", "app.example.com"),
    ({"host_rewrite": "fixed.test:81"}, "fixed.test:81", "app.example.com"),
    ({"preserve_host_header": True}, "app.example.com", None),
    ({"host_rewrite_header": b"x-host"}, "chosen.test", "app.example.com"),
    ({"host_rewrite_header": b"x-other"}, "app.example.com", "app.example.com"),
    ({"host_rewrite_by_path": Rewrite("^/([^/]+)/.*", r"\1.test")}, "one.test", "app.example.com"),
    # The first way counts.
    ({"host_rewrite": "fixed.test", "host_rewrite_header": b"x-host"}, "fixed.test", "app.example.com"),
    (
        {"host_rewrite_header": b"x-host", "host_rewrite_by_path": Rewrite("^/([^/]+)/.*", r"\1.test")},
        "chosen.test",
        "app.example.com",
    ),
    ({"remove_request_headers": ("X-Forwarded-Host",)}, "upstream.test:8080", None),
]


class TargetTests(SynchronousTestCase):
    """
    One path is decided about, and the one that is sent cannot be taken for a third.
    """

    def test_never_another_path(self) -> None:
        """
        A rewrite that leaves the canonical form is refused, and nothing is sent.
        """
        for rewrite, target in HOSTILE:
            with self.subTest(rewrite=rewrite, target=target):
                _, canonical = read(target=target)
                problem = self.assertRaises(BadRequest, target_rule(a_route(path_rewrite=rewrite)), canonical)
                self.assertEqual(problem.status, 400)

    @given(
        st.lists(st.sampled_from(["a", ".", "..", "%2E", "%25", "x", "b;c", "-"]), max_size=5).map("/".join),
        st.sampled_from(["x", "[.]", "%", "a", "^/", "/", "-", "(x)(/)"]),
        st.sampled_from(["", ".", "/", "..", "%", "2e", "a", "%2e", "\\0"]),
    )
    def test_any_rewrite(self, path: str, pattern: str, substitution: str) -> None:
        """
        Whatever is replaced by whatever, what is sent is a path in canonical form.
        """
        try:
            _, canonical = read(target="/" + path)
        except BadRequest:
            return
        try:
            sent = target_rule(a_route(path_rewrite=Rewrite(pattern, substitution)))(canonical)
        except BadRequest:
            return
        self.assertEqual(canonical_path(sent, True, False), sent)
        self.assertTrue(sent.startswith(b"/"))

    def test_query_stays(self) -> None:
        """
        The query is not rewritten, and loses session handles only.
        """
        rule = target_rule(a_route(path_rewrite=Rewrite("a", "b")))
        self.assertEqual(rule(read(target="/a?a=a")[1]), b"/b?a=a")
        self.assertEqual(rule(read(target="/a?pomerium_session=x&a=1")[1]), b"/b?a=1")
        self.assertIsNone(without_handles(b"pomerium_session=x"))
        self.assertIsNone(without_handles(None))

    def test_nothing_to_rewrite(self) -> None:
        """
        A route that rewrites nothing sends what was decided.
        """
        self.assertEqual(target_rule(a_route())(read(target="/a/../b?c")[1]), b"/b?c")


class HostTests(ForwardingTestCase):
    """
    ``Host`` and ``X-Forwarded-Host``.
    """

    def test_ways(self) -> None:
        """
        The first way that the route names counts, and the host that was asked for is told beside it.
        """
        for changes, host, forwarded in HOSTS:
            with self.subTest(changes=changes):
                route = a_route(**changes)
                seen = self.request_fields("X-Host: Chosen.test", target="/one/two", route=route)
                self.assertEqual(seen["host"], [host])
                self.assertEqual(seen.get("x-forwarded-host"), None if forwarded is None else [forwarded])

    def test_hosts_that_are_none(self) -> None:
        """
        A header or a path that names no host is refused: nothing else gets into ``Host``.
        """
        for value in ("", "a b", "a/b", "user@host", "a:0", "a:99999", "http://a.test", "a,b", "[::1", "*"):
            with self.subTest(value=value):
                route = a_route(host_rewrite_header=b"x-host")
                self.assertRaises(BadRequest, self.request_fields, f"X-Host: {value}", route=route)
        route = a_route(host_rewrite_header=b"x-host")
        self.assertRaises(BadRequest, self.request_fields, "X-Host: a.test", "X-Host: b.test", route=route)
        by_path: dict[str, Any] = {"host_rewrite_by_path": Rewrite("^/([^/]+)/.*", r"\1")}
        for target in ("/", "/nothing", "/a%20b/x", "/a@b/x", "/a:b/x"):
            with self.subTest(target=target):
                self.assertRaises(BadRequest, self.request_fields, target=target, route=a_route(**by_path))

    def test_once(self) -> None:
        """
        The host by path, or by a field that varies, follows that, request by request, though everything else is alike.
        """
        by_path = a_route(host_rewrite_by_path=Rewrite("^/([^/]+)/.*", r"\1.test"))
        by_field = a_route(host_rewrite_header=b"referer")
        for route, first in ((by_path, "a.test"), (by_field, "c.test")):
            forwarding = self.forwarding(route)
            for host, asked in ((first, ("/a/x", "c.test")), ("b.test", ("/b/x", "b.test"))):
                head, canonical = read(f"Referer: {asked[1]}", target=asked[0])
                written = forwarding.request_head(head, canonical, route.upstreams[0], FACTS)
                self.assertEqual(written.split(b"\r\n")[1], f"Host: {host}".encode())
                self.assertEqual(written.count(b"\r\nHost: "), 1)
        for route, is_own in (
            (a_route(), False),
            (a_route(host_rewrite_header=b"x-host"), False),
            (a_route(host_rewrite="a.test", host_rewrite_header=b"referer"), False),
            (by_field, True),
            (by_path, True),
        ):
            self.assertIs(host_rule(route)[1], is_own)
        head, canonical = read()
        self.assertEqual(host_rule(a_route())[0](head, canonical, a_route().upstreams[0]), b"upstream.test:8080")
