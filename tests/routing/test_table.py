"""
Which route a request finds.
"""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.expressions import Expression
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.routing import table as table_module
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from tests.routing.routes import a_route


def asked(host: str, path: bytes = b"/", port: int | None = None) -> Canonical:
    """
    A request in canonical form.
    """
    authority = host if port is None else f"{host}:{port}"
    return Canonical(host=host, port=port, path=path, query=b"x=/admin", authority=authority.encode())


class FindTests(SynchronousTestCase):
    """
    Hosts, ports and paths.
    """

    def assert_found(self, table: RouteTable, cases: list[tuple[Canonical, Route | None]]) -> None:
        """
        Each request finds its route.
        """
        for canonical, route in cases:
            with self.subTest(host=canonical.host, port=canonical.port, path=canonical.path):
                self.assertIs(table.find(canonical), route)

    def test_host(self) -> None:
        """
        A host is matched exactly.
        """
        app, chat = a_route("https://app.example.com"), a_route("https://chat.example.com")
        self.assert_found(
            RouteTable([app, chat]),
            [
                (asked("app.example.com"), app),
                (asked("chat.example.com", b"/deep/path"), chat),
                (asked("example.com"), None),
                (asked("app.example.com.evil.test"), None),
                (asked("xapp.example.com"), None),
                (asked(""), None),
            ],
        )

    def test_same_requests(self) -> None:
        """
        Of routes that match the same requests the first one counts, and the others are as if they were not there.
        """
        first, second, other = a_route("https://a.test"), a_route("https://a.test"), a_route("https://b.test")
        table = RouteTable([first, second, other])
        self.assertEqual([id(route) for route in table.routes], [id(first), id(other)])
        self.assert_found(table, [(asked("a.test"), first), (asked("b.test"), other)])

    def test_many_hosts(self) -> None:
        """
        Among any number of hosts, spelt in any case by whom ever, each request finds its own; no host is another's.
        """
        routes = [a_route(f"https://host{number}.a.test", prefix="/x") for number in range(300)]
        table = RouteTable(routes)
        for number in (0, 1, 99, 100, 101, 299):
            for host in (f"host{number}.a.test", f"HOST{number}.A.TEST", f"hOst{number}.a.Test."):
                head = RequestReader(HeadLimits()).feed(f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())[0]
                assert isinstance(head, RequestHead)
                self.assert_found(table, [(canonicalise(head), routes[number])])
        self.assert_found(table, [(asked("host300.a.test", b"/x"), None), (asked("host1.a.test", b"/X"), None)])

    def test_first_route_wins(self) -> None:
        """
        Of several routes that match, the first one configured is taken, whatever its kind.
        """
        wide = a_route("https://a.test")
        narrow = a_route("https://a.test", prefix="/narrow")
        exact = a_route("https://a.test", path="/narrow/exact")
        self.assert_found(RouteTable([wide, narrow, exact]), [(asked("a.test", b"/narrow/exact"), wide)])
        self.assert_found(
            RouteTable([narrow, exact, wide]),
            [
                (asked("a.test", b"/narrow/exact"), narrow),
                (asked("a.test", b"/narrow"), narrow),
                (asked("a.test", b"/narro"), wide),
            ],
        )
        self.assert_found(
            RouteTable([exact, narrow, wide]),
            [(asked("a.test", b"/narrow/exact"), exact), (asked("a.test", b"/narrow/exact/"), narrow)],
        )
        again = a_route("https://a.test")
        self.assert_found(RouteTable([wide, again]), [(asked("a.test"), wide)])
        exact_again = a_route("https://a.test", path="/narrow/exact")
        self.assert_found(RouteTable([exact, exact_again]), [(asked("a.test", b"/narrow/exact"), exact)])

    def test_prefix(self) -> None:
        """
        A prefix is a prefix of the path's bytes, as Pomerium has it: ``/admin`` is for ``/administrator`` too.
        """
        admin = a_route("https://a.test", prefix="/admin")
        self.assert_found(
            RouteTable([admin]),
            [
                (asked("a.test", b"/admin"), admin),
                (asked("a.test", b"/admin/x"), admin),
                (asked("a.test", b"/administrator"), admin),
                (asked("a.test", b"/Admin"), None),
                (asked("a.test", b"/x/admin"), None),
                (asked("a.test", b"/"), None),
                (asked("a.test", b"*"), None),
            ],
        )

    @given(st.lists(st.text("ab/", max_size=5).map("/".__add__), min_size=1), st.text("ab/", max_size=8))
    def test_any_prefixes(self, prefixes: list[str], path: str) -> None:
        """
        However many prefixes a host has, and whichever of them begin with one another, the first that matches is taken.
        """
        routes = [a_route("https://a.test", prefix=prefix) for prefix in prefixes]
        matching = [route for route in routes if f"/{path}".encode().startswith(route.prefix or b"")]
        found = RouteTable(routes).find(asked("a.test", f"/{path}".encode()))
        self.assertIs(found, matching[0] if matching else None)

    def test_expressions(self) -> None:
        """
        An expression is for whole paths, and takes its turn among prefixes and paths.
        """
        users = a_route("https://a.test", regex=Expression("/users/[0-9]+"))
        below = a_route("https://a.test", prefix="/users/7")
        everything = a_route("https://a.test", regex=Expression(".*"))
        self.assert_found(
            RouteTable([users, below, everything]),
            [
                (asked("a.test", b"/users/7"), users),
                (asked("a.test", b"/users/77"), users),
                (asked("a.test", b"/users/7/x"), below),
                (asked("a.test", b"/x/users/7"), everything),
                (asked("a.test", b"*"), None),
            ],
        )
        self.assert_found(RouteTable([below, users]), [(asked("a.test", b"/users/7"), below)])

    @given(
        st.lists(st.sampled_from(["/", "/a", "/ab", "=/a", "=/ab", "~/a.*", "~/.b", "~.*b"]), min_size=1, max_size=6),
        st.sampled_from([b"/", b"/a", b"/ab", b"/b", b"/abb", b"/cb"]),
    )
    def test_any_kinds(self, matched: list[str], path: bytes) -> None:
        """
        Whatever routes match by, in whatever order they stand, the first that matches is taken.
        """
        routes = []
        for each in matched:
            if each.startswith("~"):
                routes.append(a_route("https://a.test", regex=Expression(each[1:])))
            elif each.startswith("="):
                routes.append(a_route("https://a.test", path=each[1:]))
            else:
                routes.append(a_route("https://a.test", prefix=each))
        matching = [
            route
            for each, route in zip(matched, routes, strict=True)
            if (each[0] == "~" and re.fullmatch(each[1:].encode(), path))
            or (each[0] == "=" and each[1:].encode() == path)
            or (each[0] == "/" and path.startswith(each.encode()))
        ]
        self.assertIs(RouteTable(routes).find(asked("a.test", path)), matching[0] if matching else None)

    def test_wildcards_take_no_time(self) -> None:
        """
        However many wildcards a host has, and whatever name is asked for, the answer comes at once.
        """
        table = RouteTable([a_route("https://" + "*a" * 20 + ".example.com")])
        began = time.process_time()
        self.assertIsNone(table.find(asked("a" * 240 + "b.example.com")))
        self.assertLess(time.process_time() - began, 0.5)
        self.assertIsNotNone(table.find(asked("a" * 40 + ".example.com")))

    def test_path(self) -> None:
        """
        A path is the whole path, without the query.
        """
        status = a_route("https://a.test", path="/status")
        self.assert_found(
            RouteTable([status]),
            [
                (asked("a.test", b"/status"), status),
                (asked("a.test", b"/status/"), None),
                (asked("a.test", b"/statu"), None),
            ],
        )

    def test_query_is_no_path(self) -> None:
        """
        Nothing that a query says is matched, whatever routes match by.
        """
        public = [
            a_route("https://a.test", regex=Expression(".*/status")),
            a_route("https://a.test", path="/status"),
            a_route("https://a.test", prefix="/status"),
        ]
        everything = a_route("https://a.test")
        for line in (b"/admin?x=/status", b"/admin?/status", b"/?/status", b"/admin?a=b&c=/status"):
            head = RequestReader(HeadLimits()).feed(b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n" % line)[0]
            assert isinstance(head, RequestHead)
            self.assert_found(RouteTable([*public, everything]), [(canonicalise(head), everything)])

    def test_any_port(self) -> None:
        """
        A route that names no port is found at every port.
        """
        app = a_route("https://a.test")
        self.assert_found(
            RouteTable([app]), [(asked("a.test", port=port), app) for port in (None, 80, 443, 8443, 65535)]
        )

    def test_named_port(self) -> None:
        """
        A port that is named must be the one asked for; the scheme's default may be left out.
        """
        other, default = a_route("https://a.test:8443"), a_route("https://b.test:443")
        self.assert_found(
            RouteTable([other, default]),
            [
                (asked("a.test", port=8443), other),
                (asked("a.test"), None),
                (asked("a.test", port=443), None),
                (asked("b.test"), default),
                (asked("b.test", port=443), default),
                (asked("b.test", port=80), None),
            ],
        )

    def test_ports_in_order(self) -> None:
        """
        Routes with and without a port keep their order among each other.
        """
        anywhere, special = a_route("http://a.test"), a_route("http://a.test:8000")
        self.assert_found(RouteTable([anywhere, special]), [(asked("a.test", port=8000), anywhere)])
        self.assert_found(
            RouteTable([special, anywhere]),
            [
                (asked("a.test", port=8000), special),
                (asked("a.test", port=8001), anywhere),
                (asked("a.test"), anywhere),
            ],
        )

    def test_wildcards(self) -> None:
        """
        An exact host beats ``*``; among wildcards, the order counts.
        """
        wild = a_route("https://*.example.com")
        app = a_route("https://app.example.com", prefix="/app")
        second = a_route("https://*.com")
        self.assert_found(
            RouteTable([wild, app, second]),
            [
                (asked("app.example.com", b"/app"), app),
                (asked("app.example.com", b"/"), None),
                (asked("x.example.com"), wild),
                (asked("x.example.com"), wild),
                (asked("a.b.example.com", port=8443), wild),
                (asked("example.com"), second),
                (asked("x.example.com.evil.test"), None),
                (asked("xexample.org"), None),
            ],
        )

    def test_wildcard_is_not_the_authenticate_host(self) -> None:
        """
        No application gets the origin of the pages on which people end their sessions, at whatever port, because its
        ``*`` could stand for that host too.
        """
        wild = a_route("https://*.example.com")
        table = RouteTable([wild], own_host="authenticate.example.com")
        self.assert_found(
            table,
            [
                (asked("authenticate.example.com"), None),
                (asked("authenticate.example.com", port=8443), None),
                (asked("x.authenticate.example.com"), wild),
            ],
        )
        self.assertFalse(table.serves_origin("https://authenticate.example.com"))

    def test_wildcard_behind_port(self) -> None:
        """
        A host whose exact routes are for other ports may still match a wildcard.
        """
        app, wild = a_route("https://app.example.com:8443"), a_route("https://*.example.com")
        self.assert_found(
            RouteTable([app, wild]),
            [(asked("app.example.com", port=8443), app), (asked("app.example.com", port=443), wild)],
        )

    def test_many_names(self) -> None:
        """
        The names that clients think of do not fill the memory, and stay right.
        """
        self.patch(table_module, "WILDCARD_HOSTS_KEPT", 3)
        wild = a_route("https://*.example.com")
        table = RouteTable([wild])
        for number in range(10):
            self.assertIs(table.find(asked(f"h{number}.example.com")), wild)
            self.assertIsNone(table.find(asked(f"h{number}.example.org")))
        self.assertEqual(len(table._wildcard_hosts), 3)


class OriginTests(SynchronousTestCase):
    """
    The external origins of hosts.
    """

    def test_serves(self) -> None:
        """
        A host is served if a route names it, whatever its paths.
        """
        table = RouteTable([a_route("https://a.test:8443", prefix="/deep")])
        self.assertTrue(table.serves("a.test", 8443))
        self.assertFalse(table.serves("a.test", None))
        self.assertFalse(table.serves("b.test", 8443))

    def test_origin(self) -> None:
        """
        Scheme and port are those of ``from``; only a port it does not name comes from the request.
        """
        table = RouteTable(
            [a_route("https://a.test"), a_route("http://app.localhost:8000"), a_route("https://*.w.test:8443")]
        )
        cases = [
            ("a.test", None, "https://a.test"),
            ("a.test", 443, "https://a.test"),
            ("a.test", 80, "https://a.test:80"),
            ("a.test", 8443, "https://a.test:8443"),
            ("app.localhost", 8000, "http://app.localhost:8000"),
            ("app.localhost", None, None),
            ("x.w.test", 8443, "https://x.w.test:8443"),
            ("unknown.test", None, None),
        ]
        for host, port, origin in cases:
            with self.subTest(host=host, port=port):
                self.assertEqual(table.origin(host, port), origin)

    def test_origins(self) -> None:
        """
        The origins of all exact hosts can be listed.
        """
        table = RouteTable(
            [a_route("https://a.test"), a_route("https://a.test", prefix="/x"), a_route("http://b.localhost:8000")]
        )
        self.assertEqual(table.origins, {"https://a.test", "http://b.localhost:8000"})

    def test_site_data(self) -> None:
        """
        A host is cleared of what any of its routes asks for, at the ports that they are for, and no other host is.
        """
        table = RouteTable(
            [
                a_route("https://a.test", prefix="/x", clear_site_data=frozenset({"cache"})),
                a_route("https://a.test", clear_site_data=frozenset({"storage"})),
                a_route("https://a.test:8443", prefix="/y", clear_site_data=frozenset({"cookies"})),
                a_route("https://*.w.test", clear_site_data=frozenset({"cache"})),
                a_route("https://b.test"),
            ]
        )
        for origin, expected in (
            ("https://a.test", {"cache", "storage"}),
            ("https://a.test:9443", {"cache", "storage"}),
            ("https://a.test:8443", {"cache", "storage", "cookies"}),
            ("https://x.w.test", {"cache"}),
            ("http://a.test", set()),
            ("https://b.test", set()),
            ("https://unknown.test", set()),
            ("", set()),
        ):
            with self.subTest(origin):
                self.assertEqual(table.site_data(origin), expected)

    def test_serves_origin(self) -> None:
        """
        A URL is one of ours only if scheme, host and port are.
        """
        table = RouteTable([a_route("https://a.test"), a_route("http://b.localhost:8000"), a_route("https://*.w.test")])
        ours = [
            "https://a.test",
            "https://a.test/path?q",
            "https://A.test:443/",
            "https://a.test:8443/",
            "http://b.localhost:8000/x",
            "https://x.w.test/",
        ]
        foreign = [
            "http://a.test/",
            "https://b.localhost:8000/",
            "http://b.localhost/",
            "https://a.test.evil.test/",
            "https://a.test@evil.test/",
            "https://evil.test\\@a.test/",
            "https://evil.test/https://a.test",
            "//a.test/",
            "/",
            "",
            "javascript:alert(1)//a.test",
            "https://a.te\tst/",
            "https://*.w.test/",
        ]
        for urls, expected in ((ours, True), (foreign, False)):
            for url in urls:
                with self.subTest(url=url):
                    self.assertEqual(table.serves_origin(url), expected)
