"""
What a route is made of.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.expressions import Expression
from pomerium_tx.config.model import RuntimeFlags
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.routing.route import Route, Upstream, build
from tests.policy.clients import decided
from tests.policy.people import alice
from tests.routing.routes import a_route


class Settings:
    """
    The part of a configuration that routes read.
    """

    def __init__(self, **changes: Any) -> None:
        self.default_upstream_timeout = timedelta(seconds=30)
        self.pass_identity_headers = False
        self.jwt_issuer_format = "hostOnly"
        self.runtime_flags = RuntimeFlags()
        self.refuses_without_certificate = False
        self.__dict__.update(changes)

    def response_headers(self, route: RouteSection | None) -> tuple[tuple[str, str], ...]:
        """
        Those of the route alone.
        """
        own = None if route is None else route.set_response_headers
        return tuple((own or {}).items())


def built(settings: Settings | None = None, **keys: Any) -> Route:
    """
    The route of a section with these keys.
    """
    section = {"from": "https://app.example.com", "to": "http://127.0.0.1:3000", **keys}
    return build(RouteSection.model_validate(section), settings or Settings())


class BuildTests(SynchronousTestCase):
    """
    From a section of the configuration to a route.
    """

    def test_defaults(self) -> None:
        """
        A route that says only from where and to where serves every path, with limits, and admits nobody.
        """
        route = built()
        self.assertEqual(
            (route.from_scheme, route.from_host, route.from_port, route.prefix, route.path),
            ("https", "app.example.com", None, b"/", None),
        )
        self.assertEqual((route.max_connections, route.max_pending_requests), (None, None))
        self.assertEqual(route.upstreams, (Upstream(scheme="http", host="127.0.0.1", port=3000),))
        self.assertEqual((route.timeout, route.idle_timeout), (30.0, 300.0))
        self.assertFalse(decided(route.policy, alice()).admits)
        self.assertFalse(route.allow_websockets or route.pass_identity_headers or route.tls.skip_verify)
        self.assertEqual(route.jwt_issuer_format, "hostOnly")

    def test_circuit_breaker_thresholds(self) -> None:
        """
        A route may bound its connections to the application by itself, each bound or both.
        """
        for written, expected in (
            ({"max_connections": 3}, (3, None)),
            ({"max_pending_requests": 0}, (None, 0)),
            ({"max_connections": 3, "max_pending_requests": 4}, (3, 4)),
        ):
            with self.subTest(str(written)):
                route = built(circuit_breaker_thresholds=written)
                self.assertEqual((route.max_connections, route.max_pending_requests), expected)

    def test_id(self) -> None:
        """
        The id changes with what is matched, and with nothing else.
        """
        same = [
            built(),
            built(prefix="/"),
            built(name="other", allowed_users=["bob"], to="http://127.0.0.1:4000", timeout="1s"),
            built(Settings(pass_identity_headers=True)),
        ]
        different = [
            built(**{"from": "https://chat.example.com"}),
            built(**{"from": "https://app.example.com:8443"}),
            built(prefix="/x"),
            built(path="/x"),
            built(path="/"),
        ]
        self.assertEqual(len({route.id for route in same}), 1)
        self.assertEqual(len({route.id for route in [same[0], *different]}), 6)

    def test_path_before_prefix(self) -> None:
        """
        Where both are written, the exact path counts, as in Pomerium.
        """
        route = built(prefix="/x", path="/y")
        self.assertEqual((route.prefix, route.path), (None, b"/y"))

    def test_port(self) -> None:
        """
        No port means any, unless the flag says that it means the scheme's own.
        """
        strict = Settings(runtime_flags=RuntimeFlags(match_any_incoming_port=False))
        self.assertEqual(built().from_port, None)
        self.assertEqual(built(strict).from_port, 443)
        self.assertEqual(built(strict, **{"from": "http://app.localhost"}).from_port, 80)
        for settings in (None, strict):
            self.assertEqual(built(settings, **{"from": "https://app.example.com:8443"}).from_port, 8443)

    def test_access(self) -> None:
        """
        Each access setting admits whom it names, and nobody else.
        """
        people = {"alice": alice(), "bob": alice(user_id="bob", email="bob@corp.test"), "nobody": None}
        cases: list[tuple[dict[str, Any], set[str]]] = [
            ({"allow_public_unauthenticated_access": True}, {"alice", "bob", "nobody"}),
            ({"allow_any_authenticated_user": True}, {"alice", "bob"}),
            ({"allowed_users": ["bob"]}, {"bob"}),
            ({"allowed_users": ["alice@example.com"]}, {"alice"}),
            ({"allowed_domains": ["corp.test"]}, {"bob"}),
        ]
        for keys, admitted in cases:
            with self.subTest(keys=keys):
                policy = built(**keys).policy
                self.assertEqual({name for name, person in people.items() if decided(policy, person).admits}, admitted)

    def test_time_limits(self) -> None:
        """
        What is written counts; zero is no limit; WebSockets lift the defaults.
        """
        unlimited = Settings(default_upstream_timeout=timedelta())
        self.assertEqual(built(timeout="5s", idle_timeout="1m").timeout, 5.0)
        self.assertEqual(built(timeout="5s", idle_timeout="1m").idle_timeout, 60.0)
        for route in (built(timeout="0s", idle_timeout="0"), built(allow_websockets=True)):
            self.assertEqual((route.timeout, route.idle_timeout), (None, None))
        route = built(allow_websockets=True, timeout="5s", idle_timeout="1m")
        self.assertEqual((route.timeout, route.idle_timeout), (5.0, 60.0))
        self.assertIsNone(built(unlimited).timeout)

    def test_inherited(self) -> None:
        """
        A route that says nothing does as the rest of the configuration says; what it says wins.
        """
        settings = Settings(pass_identity_headers=True, jwt_issuer_format="uri")
        self.assertTrue(built(settings).pass_identity_headers)
        self.assertFalse(built(settings, pass_identity_headers=False).pass_identity_headers)
        self.assertTrue(built(pass_identity_headers=True).pass_identity_headers)
        self.assertEqual(built(settings).jwt_issuer_format, "uri")
        self.assertEqual(built(settings, jwt_issuer_format="hostOnly").jwt_issuer_format, "hostOnly")

    def test_upstream(self) -> None:
        """
        An upstream is known by scheme, host and port, and by its authority.
        """
        cases = [
            ("http://app:3000", ("http", "app", 3000), b"app:3000"),
            ("https://app/base", ("https", "app", 443), b"app"),
            ("http://[::1]:8080/", ("http", "::1", 8080), b"[::1]:8080"),
        ]
        for to, expected, authority in cases:
            with self.subTest(to=to):
                (upstream,) = built(to=to).upstreams
                self.assertEqual((upstream.scheme, upstream.host, upstream.port), expected)
                self.assertEqual(upstream.authority, authority)

    def test_sockets(self) -> None:
        """
        Behind a UNIX socket is nobody with a name: the browser's is passed on, unless another one is written.
        """
        for to, scheme, origin in (
            ("unix:///run/app.sock", "http", "http+unix:///run/app.sock"),
            ("https+unix:///run/app.sock,3", "https", "https+unix:///run/app.sock"),
        ):
            with self.subTest(to):
                route = built(to=to)
                (upstream,) = route.upstreams
                self.assertEqual((upstream.scheme, upstream.socket, upstream.origin), (scheme, "/run/app.sock", origin))
                self.assertEqual((route.preserve_host_header, route.path_rewrite), (True, None))
                self.assertFalse(built(to=to, host_rewrite="inner.test").preserve_host_header)
        self.assertFalse(built().preserve_host_header)

    def test_several(self) -> None:
        """
        All of them are there, in their order, with their weights; the path of the first is the route's.
        """
        route = built(to=["http://a:1/x,2", "https://b/y,1"])
        self.assertEqual([upstream.origin for upstream in route.upstreams], ["http://a:1", "https://b"])
        self.assertEqual(route.balancing.weights, (2, 1))
        assert route.path_rewrite is not None
        self.assertEqual(route.path_rewrite.of(b"/any"), b"/xany")

    def test_silent_websockets(self) -> None:
        """
        WebSockets may be silent for as long as is written, and for ever where nothing is.
        """
        for keys, limit in (({}, None), ({"idle_timeout": "60s"}, 60.0), ({"idle_timeout": "0"}, None)):
            with self.subTest(keys=keys):
                self.assertEqual(built(allow_websockets=True, **keys).tunnel_idle_timeout, limit)

    def test_expression(self) -> None:
        """
        Of several ways to match, the expression counts, then the path; each is a part of the id.
        """
        route = built(regex="/a.*", path="/b", prefix="/c")
        self.assertEqual((route.regex, route.path, route.prefix), (Expression("/a.*"), None, None))
        ids = {built(**keys).id for keys in ({"regex": "/a"}, {"path": "/a"}, {"prefix": "/a"}, {"regex": "/b"}, {})}
        self.assertEqual(len(ids), 5)

    def test_settings_carried(self) -> None:
        """
        What the other rooms need to know reaches them.
        """
        route = built(
            name="App",
            preserve_host_header=True,
            host_rewrite="inner.test:1",
            allow_websockets=True,
            allow_websocket_origins=["https://other.example.com:443"],
            set_request_headers={"X-One": "1"},
            remove_request_headers=["X-Two"],
            set_response_headers={"X-Three": "3"},
            tls_skip_verify=True,
            tls_server_name="a.test",
            tls_upstream_server_name="b.test",
        )
        self.assertEqual((route.name, route.preserve_host_header, route.host_rewrite), ("App", True, "inner.test:1"))
        self.assertTrue(route.allow_websockets)
        self.assertEqual(route.allow_websocket_origins, {"https://other.example.com"})
        self.assertEqual(route.set_request_headers, (("X-One", "1"),))
        self.assertEqual(route.remove_request_headers, ("X-Two",))
        self.assertEqual(route.set_response_headers, (("X-Three", "3"),))
        self.assertEqual((route.tls.skip_verify, route.tls.server_name), (True, "b.test"))
        self.assertIsNone(route.tls.client_certificate)

    def test_what_an_end_does(self) -> None:
        """
        What a route asks for at a sign-out is carried; a route that asks for nothing gets nothing.
        """
        route = built(
            caching="no_store",
            clear_site_data=["cache", "storage"],
            upstream_logout_uri="/out",
            upstream_logout_audience="app",
        )
        self.assertEqual((route.caching, route.clear_site_data), ("no_store", {"cache", "storage"}))
        self.assertEqual((route.upstream_logout_uri, route.upstream_logout_audience), ("/out", "app"))
        plain = built()
        self.assertEqual((plain.caching, plain.clear_site_data), ("upstream", frozenset()))
        self.assertEqual((plain.upstream_logout_uri, plain.upstream_logout_audience), (None, None))
        self.assertEqual(built(clear_site_data="cache").id, plain.id)

    def test_client_certificate(self) -> None:
        """
        The certificate for the upstream is carried with its key, and the key is never shown.
        """
        certificate, key = b"CERTIFICATE", b"PLANTED-KEY"
        section = RouteSection.model_construct(
            from_="https://app.example.com",
            to=("https://app",),
            tls_client_cert=certificate,
            tls_client_key=_Secret(key),
            tls_custom_ca=b"CA",
        )
        route = build(section, Settings())
        self.assertEqual(route.tls.client_certificate, (certificate, key))
        self.assertEqual(route.tls.ca_pem, b"CA")
        self.assertNotIn("PLANTED", repr(route))


class DefaultTests(SynchronousTestCase):
    """
    What a route does that was told nothing.
    """

    def test_cautious(self) -> None:
        """
        It verifies, upgrades nothing, and tells nobody who asks.
        """
        route = a_route("https://a.test")
        self.assertFalse(route.tls.skip_verify)
        self.assertFalse(route.allow_websockets)
        self.assertFalse(route.preserve_host_header)
        self.assertFalse(route.pass_identity_headers)


class LogoutUriTests(SynchronousTestCase):
    """
    Where an application is told that a session has ended.
    """

    def upstreams(self, *urls: str) -> tuple[Upstream, ...]:
        """
        Those that several routes with these ``to`` have.
        """
        return tuple(upstream for url in urls for upstream in built(to=url).upstreams)

    def test_none(self) -> None:
        """
        An application that did not ask is told nothing.
        """
        self.assertEqual(built().logout_uris, ())

    def test_absolute(self) -> None:
        """
        An absolute URI is the only one, as it was written, however many upstreams there are.
        """
        uri = "https://Hooks.example.com/out?of=app"
        route = a_route("https://a.test", upstreams=self.upstreams("http://x", "http://y"), upstream_logout_uri=uri)
        self.assertEqual(route.logout_uris, (uri,))

    def test_path_on_every_upstream(self) -> None:
        """
        A path is asked of the host of every upstream, once each, whatever path the upstream itself has.
        """
        for to, expected in (
            (["http://127.0.0.1:3000"], ["http://127.0.0.1:3000/out?x"]),
            (["http://a:80", "https://a:443/base"], ["http://a/out?x", "https://a/out?x"]),
            (["https://[::1]:8443"], ["https://[::1]:8443/out?x"]),
            (["http://a:1", "http://b:1", "http://a:1/other"], ["http://a:1/out?x", "http://b:1/out?x"]),
            (["unix:///run/app.sock"], []),
        ):
            with self.subTest(to):
                route = a_route("https://a.test", upstreams=self.upstreams(*to), upstream_logout_uri="/out?x")
                self.assertEqual(route.logout_uris, tuple(expected))


class OriginTests(SynchronousTestCase):
    """
    Where a route is known from outside.
    """

    def test_origin(self) -> None:
        """
        The port is that of ``from``, or else that of the request; a default port is not written.
        """
        self.assertEqual(a_route("https://a.test").origin(), "https://a.test")
        self.assertEqual(a_route("https://a.test").origin(8443), "https://a.test:8443")
        self.assertEqual(a_route("https://a.test").origin(443), "https://a.test")
        self.assertEqual(a_route("http://a.localhost:8000").origin(9), "http://a.localhost:8000")
        self.assertEqual(a_route("https://*.a.test").origin(None, "x.a.test"), "https://x.a.test")


class _Secret:
    """
    As pydantic keeps one.
    """

    def __init__(self, value: bytes) -> None:
        self._value = value

    def get_secret_value(self) -> bytes:
        """
        What is kept.
        """
        return self._value
