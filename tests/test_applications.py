"""
Tests of `pomerium_tx.applications`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import limits
from pomerium_tx.applications import Applications
from pomerium_tx.config.model import Config
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.upstreams.members import Member, UpstreamHealth
from pomerium_tx.proxy.upstreams.pool import Pool
from pomerium_tx.routing.route import Route, Upstream, build
from tests.config.material import ROUTE, SMALLEST
from tests.doubles.network import Endpoint, Network
from tests.doubles.peers import PeerFactory

CHECK = {"timeout": "1s", "interval": "5s", "tcp_health_check": {}}


def without_nothing(route: dict[str, Any]) -> dict[str, Any]:
    """
    *route* without the keys that have no value.
    """
    return {key: value for key, value in route.items() if value is not None}


class ApplicationsTests(SynchronousTestCase):
    """
    What stands behind the routes, and what of it a reload keeps.
    """

    def setUp(self) -> None:
        self.network = Network(Clock())
        self.deadlines = Deadlines(self.network.clock, self.network.clock.seconds)
        self.deadlines.start()
        self.now: Applications | None = None
        for host in "abc":
            self.network.listen(host, 80, PeerFactory())

    def tearDown(self) -> None:
        if self.now is not None:
            self.now.retire(None)
        self.network.settle()
        self.deadlines.stop()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def connect(self, route: Route, upstream: Upstream) -> Endpoint:
        """
        What connects to one upstream.
        """
        return self.network.endpoint(upstream.host, upstream.port)

    def made(self, *routes: dict[str, Any], **settings: object) -> Applications:
        """
        The applications of these routes, not in force.
        """
        sections = [{**ROUTE, "from": f"https://r{number}.example.com", **route} for number, route in enumerate(routes)]
        config = Config.model_validate({**SMALLEST, "routes": sections, **settings})
        return Applications(
            config,
            [build(section, config) for section in config.routes],
            connect=self.connect,
            clock=self.network.clock,
            deadlines=self.deadlines,
            head_limits=limits.head_limits(config),
            most_connections=100,
            assertion=lambda session, host, issuer_format: "",
            tokens_of=lambda session: session.tokens,
            previous=self.now,
        )

    def put_in_force(self, *routes: dict[str, Any], **settings: object) -> Applications:
        """
        The applications of these routes, in the place of those before.
        """
        before, self.now = self.now, self.made(*routes, **settings)
        if before is not None:
            before.retire(self.now)
        self.now.start()
        self.network.settle()
        return self.now

    def members(self, applications: Applications, number: int = 0) -> list[Member]:
        """
        The upstreams of one route.
        """
        watched = list(applications.resources.values())[number].members
        assert watched is not None
        return list(watched.members.all)

    def pools(self, applications: Applications) -> list[Pool]:
        """
        Those of all upstreams of all routes, in their order.
        """
        return [
            member.resource.pool
            for number, resource in enumerate(applications.resources.values())
            for member in (self.members(applications, number) if resource.members is not None else [])
        ]

    def test_one_upstream(self) -> None:
        """
        A route with one upstream that nobody watches has nothing to choose.
        """
        for route in ({"to": "http://a"}, {"to": ["http://a,5"]}, {"load_balancing_policy": "MAGLEV"}):
            (resource,) = self.put_in_force(route).resources.values()
            self.assertIsNone(resource.members)
        for route in ({"to": "http://a", "outlier_detection": {}}, {"to": "http://a", "health_checks": [CHECK]}):
            (resource,) = self.put_in_force(route).resources.values()
            self.assertIsNotNone(resource.members)

    def test_ways(self) -> None:
        """
        Each upstream has its own name, weight, connections and heads.
        """
        applications = self.put_in_force({"to": ["http://a,3", "https://b:8443,1", "http://a,2"]})
        members = self.members(applications)
        self.assertEqual(
            [(member.name, member.weight, member.resource.upstream.host) for member in members],
            [("http://a", 3, "a"), ("https://b:8443", 1, "b"), ("http://a (2)", 2, "a")],
        )
        first, second, third = members
        self.assertIs(first.resource.pool, third.resource.pool)
        self.assertIsNot(first.resource.pool, second.resource.pool)
        self.assertIsNot(first.resource.forwarding, second.resource.forwarding)
        (resource,) = applications.resources.values()
        self.assertEqual((resource.upstream, resource.pool), (first.resource.upstream, first.resource.pool))

    def test_shared_pools(self) -> None:
        """
        Routes to one upstream share its connections, unless they know it in different ways or count by themselves.
        """
        applications = self.put_in_force(
            {"to": ["https://a", "https://b"]},
            {"to": ["https://b/x", "https://a/y"]},
            {"to": ["https://a", "https://b"], "tls_server_name": "other"},
            {"to": ["https://a", "https://b"], "circuit_breaker_thresholds": {"max_connections": 3}},
        )
        pools = self.pools(applications)
        self.assertEqual(pools[:2], pools[2:4][::-1])
        self.assertEqual(len(set(pools)), 6)
        self.assertEqual(len({pool.places for pool in pools}), 4)

    def test_reload_keeps(self) -> None:
        """
        An upstream that stays keeps its connections, whatever else of the route changes; one that goes lets go of them.
        """
        a, b = self.pools(self.put_in_force({"to": ["http://a", "http://b"]}))
        kept, new = self.pools(
            self.put_in_force({"to": ["http://b,2", "http://c,1"], "load_balancing_policy": "RANDOM", "timeout": "1s"})
        )
        self.assertIs(kept, b)
        self.assertTrue(a._is_retired)
        self.assertFalse(b._is_retired or new._is_retired)
        (only,) = {resource.pool for resource in self.put_in_force({"to": "http://c"}).resources.values()}
        self.assertIs(only, new)

    def test_reload_renews(self) -> None:
        """
        With other authorities, another name to verify, or other limits of heads, connections are made anew.
        """
        before = self.pools(self.put_in_force({"to": ["https://a", "https://b"]}))
        for route, settings in (
            ({"tls_server_name": "other"}, {}),
            ({}, {"max_header_count": 50}),
            ({}, {"max_header_count": 60}),
        ):
            after = self.pools(self.put_in_force({"to": ["https://a", "https://b"], **route}, **settings))
            self.assertFalse(set(before) & set(after))
            before = after

    def test_reload_keeps_health(self) -> None:
        """
        What is known of an upstream that stays is still known, as far as the same is asked.
        """
        route: dict[str, Any] = {"to": ["http://a", "http://b"], "health_checks": [CHECK], "outlier_detection": {}}
        first, second = self.members(self.put_in_force(route))
        first.health.failing.add(0)
        second.health.ejected_until = 1_000.0
        second.health.ejections = 2
        other = {**CHECK, "interval": "9s"}
        for changes, failing, ejected in (
            ({"to": ["http://c", "http://b", "http://a"]}, True, True),
            ({"health_checks": [other]}, False, True),
            ({"outlier_detection": None}, True, False),
        ):
            with self.subTest(str(changes)):
                previous = self.now
                found = {
                    member.resource.upstream.host: member.health
                    for member in self.members(self.made(without_nothing({**route, **changes})))
                }
                self.assertEqual((bool(found["a"].failing), found["b"].ejected_until is not None), (failing, ejected))
                self.assertIs(self.now, previous)
                self.assertIsNot(found["a"].failing, first.health.failing)

    def test_checks(self) -> None:
        """
        Upstreams are checked from the start, by the checks of the configuration that is in force, and no others.
        """
        route = {"to": ["http://a", "http://b"], "health_checks": [CHECK]}
        self.put_in_force(route)
        self.network.close("b", 80)
        self.network.advance(6)
        applications = self.put_in_force(route)
        self.assertEqual(
            [(each.upstream, each.fails_checks) for each in applications.health()],
            [("http://a", False), ("http://b", True)],
        )
        made = self.network.connections
        self.network.advance(26)
        self.assertLessEqual(self.network.connections - made, 6)
        self.put_in_force({"to": ["http://a", "http://b"]})
        made = self.network.connections
        self.network.advance(60)
        self.assertEqual(self.network.connections, made)

    def test_health(self) -> None:
        """
        An administrator can be told of the upstreams among which there is a choice.
        """
        applications = self.put_in_force({"to": "http://c"}, {"to": ["http://a", "http://b"]})
        route_id = list(applications.resources)[1]
        self.assertEqual(
            applications.health(),
            [
                UpstreamHealth(
                    route_id=route_id, upstream=f"http://{host}", fails_checks=False, is_ejected=False, active=0
                )
                for host in "ab"
            ],
        )
