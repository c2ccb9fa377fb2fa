"""
Tests of `pomerium_tx.limits`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import limits
from pomerium_tx.config.model import Config
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.admission import ConnectionLimits
from pomerium_tx.proxy.connection import Times
from pomerium_tx.proxy.deadlines import NEVER, Deadlines
from pomerium_tx.proxy.upstreams.places import Places
from pomerium_tx.routing.route import Route, build
from tests.config.material import ROUTE, SMALLEST


def config(**values: object) -> Config:
    """
    The smallest configuration, with *values*.
    """
    return Config.model_validate({**SMALLEST, **values})


class LimitsTests(SynchronousTestCase):
    """
    From keys to limits.
    """

    def test_heads(self) -> None:
        """
        Each key bounds what it names.
        """
        self.assertEqual(limits.head_limits(config()), HeadLimits(head_bytes=65_536, fields=200, target=8_192))
        found = limits.head_limits(config(max_header_bytes=1000, max_header_count=20, max_target_bytes=30))
        self.assertEqual(found, HeadLimits(head_bytes=1000, fields=20, target=30))

    def test_times(self) -> None:
        """
        Zero is no limit, where it may be written; a whole request cannot take longer than itself for its head.
        """
        self.assertEqual(limits.times(config()), Times(head=30.0, body=30.0, request=NEVER, idle=300.0))
        found = limits.times(config(timeout_request_head="5s", timeout_read=0, timeout_request="1m", timeout_idle="0s"))
        self.assertEqual(found, Times(head=5.0, body=NEVER, request=60.0, idle=NEVER))
        self.assertEqual(limits.times(config(timeout_request="8s")).head, 8.0)

    def test_connections(self) -> None:
        """
        What is written counts, or what the process may have open.
        """
        self.assertEqual(
            limits.connection_limits(config(), 1024),
            ConnectionLimits(connections=480, per_address=240, to_applications=480),
        )
        found = limits.connection_limits(config(max_connections=10, max_connections_per_address=3), 1024)
        self.assertEqual(found, ConnectionLimits(connections=10, per_address=3, to_applications=950))


class OriginsTests(SynchronousTestCase):
    """
    Which routes share their connections' places.
    """

    def setUp(self) -> None:
        clock = Clock()
        self.deadlines = Deadlines(clock, clock.seconds)

    def origins(self, previous: limits.Origins | None = None, **values: object) -> limits.Origins:
        """
        Those of a configuration.
        """
        return limits.Origins(config(**values), self.deadlines, 100, previous)

    def route(self, to: str = "http://a.test", prefix: str = "/", **values: object) -> Route:
        """
        A route to an origin.
        """
        section = {**ROUTE, "to": to, "prefix": prefix, **values}
        read = config(routes=[section])
        return build(read.routes[0], read)

    def places(self, origins: limits.Origins, route: Route) -> Places:
        """
        Those of connections to the first upstream of *route*.
        """
        return origins.places(route, route.upstreams[0])

    def room(self, places: Places) -> int:
        """
        How many connections may still be made.
        """
        count = 0
        while places.take():
            count += 1
        for _ in range(count):
            places.give_back()
        return count

    def test_shared(self) -> None:
        """
        Routes to one origin share them, whatever their paths there; another port or scheme is another origin.
        """
        origins = self.origins(max_upstream_connections=7)
        places = self.places(origins, self.route())
        self.assertEqual(self.room(places), 7)
        for to, is_shared in (
            ("http://a.test:80", True),
            ("http://a.test/below", True),
            ("http://a.test:81", False),
            ("https://a.test", False),
            ("http://b.test", False),
        ):
            with self.subTest(to):
                self.assertEqual(self.places(origins, self.route(to, "/b")) is places, is_shared)

    def test_ones_own(self) -> None:
        """
        A route with limits of its own has places of its own; what it does not say is as elsewhere.
        """
        origins = self.origins(max_upstream_connections=7)
        shared = self.places(origins, self.route())
        for thresholds, room in (({"max_connections": 3}, 3), ({"max_pending_requests": 0}, 7)):
            with self.subTest(str(thresholds)):
                own = self.places(origins, self.route(prefix=f"/{room}", circuit_breaker_thresholds=thresholds))
                self.assertIsNot(own, shared)
                self.assertEqual(self.room(own), room)
        self.assertIs(self.places(origins, self.route(prefix="/c", circuit_breaker_thresholds={})), shared)

    def test_several_upstreams(self) -> None:
        """
        Each upstream of a route has places by itself, shared with other routes to it; a socket is an origin too.
        """
        origins = self.origins(max_upstream_connections=7)
        to = ["http://a.test", "http://b.test", "http://a.test"]
        route, other = self.route(to), self.route(["http://b.test"], "/b")  # type: ignore[arg-type] # as it may be written
        places = [origins.places(route, upstream) for upstream in route.upstreams]
        self.assertIs(places[0], places[2])
        self.assertIsNot(places[0], places[1])
        self.assertIs(self.places(origins, other), places[1])
        own = self.route(to, "/c", circuit_breaker_thresholds={"max_connections": 2})  # type: ignore[arg-type]
        self.assertEqual([self.room(origins.places(own, upstream)) for upstream in own.upstreams[:2]], [2, 2])
        self.assertIsNot(origins.places(own, own.upstreams[0]), origins.places(own, own.upstreams[1]))
        sockets = [self.places(origins, self.route(f"unix:///run/{name}", f"/{name}")) for name in "ab"]
        self.assertEqual(len({*sockets, *places}), 4)

    def test_pomeriums_name(self) -> None:
        """
        Outside of routes too, it is a name for the same.
        """
        origins = self.origins(circuit_breaker_thresholds={"max_connections": 4})
        self.assertEqual(self.room(self.places(origins, self.route())), 4)

    def test_reload(self) -> None:
        """
        Connections stay counted across a reload, and have the new limit once it is in force, not before.
        """
        before = self.origins(max_upstream_connections=7)
        places = self.places(before, self.route())
        places.take()
        after = self.origins(before, max_upstream_connections=3)
        self.assertIs(self.places(after, self.route()), places)
        self.assertEqual(self.room(places), 6)
        after.come_into_force()
        self.assertEqual(self.room(places), 2)
        self.assertIsNot(self.places(self.origins(after), self.route("http://b.test")), places)
