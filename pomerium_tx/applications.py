"""
The applications behind the routes: for each route its resource, with the connections to its upstreams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from pomerium_tx import limits
from pomerium_tx.config.model import Config
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.heads.forwarding import Forwarding
from pomerium_tx.proxy.heads.header_values import Assertion, HeaderValues
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.proxy.upstreams.health_checks import HealthWatch
from pomerium_tx.proxy.upstreams.members import Health, Member, Members, UpstreamHealth
from pomerium_tx.proxy.upstreams.outliers import Outliers
from pomerium_tx.proxy.upstreams.places import Places
from pomerium_tx.proxy.upstreams.pool import Pool
from pomerium_tx.proxy.upstreams.watched import WatchedMembers
from pomerium_tx.routing.balancing import Balancing
from pomerium_tx.routing.route import Route, Upstream, UpstreamTls
from pomerium_tx.sessions.session import Session, Tokens

log = Logger()

Connect = Callable[[Route, Upstream], IStreamClientEndpoint]
"""
What connects to one of the upstreams of a route.
"""


class _PoolKey(NamedTuple):
    """
    What connections have in common that may serve the same requests.
    """

    upstream: Upstream
    tls: UpstreamTls
    places: Places


class Applications:
    """
    The resources of all routes of one configuration.

    :param most_connections: How many connections to applications the process has room for.
    :param assertion: Signs for applications that want it in a header of their own.
    :param tokens_of: Opens a session's tokens for applications that get them.
    :param previous: Those of the configuration before: connections that would be made in the same way are taken over,
        and so is what is known of an upstream's health.
    """

    def __init__(
        self,
        config: Config,
        routes: Iterable[Route],
        *,
        connect: Connect,
        clock: IReactorTime,
        deadlines: Deadlines,
        head_limits: HeadLimits,
        most_connections: int,
        assertion: Assertion,
        tokens_of: Callable[[Session], Tokens],
        previous: Applications | None = None,
    ) -> None:
        self._config = config
        self._connect = connect
        self._clock = clock
        self._deadlines = deadlines
        self._head_limits = head_limits
        self._random = Random()  # noqa: S311 - chance, not a secret
        self._assertion = assertion
        self._tokens_of = tokens_of
        self._origins: limits.Origins = limits.Origins(
            config, deadlines, most_connections, None if previous is None else previous._origins
        )
        self._pools: dict[_PoolKey, Pool] = {}
        self._previous_pools: dict[_PoolKey, Pool] = {}
        if previous is not None and previous._connects_like(config, head_limits):
            self._previous_pools = previous._pools
        self.resources = {route.id: self._resource(route, previous) for route in routes if route.answer is None}
        """
        By the id of the route; those that answer by themselves have none.
        """
        self._previous_pools = {}

    def start(self) -> None:
        """
        Watch the health of upstreams: this configuration is in force.
        """
        for watched in self._watched:
            watched.start()

    def retire(self, successor: Applications | None) -> None:
        """
        Let go of what *successor* has not taken over; what it has obeys its limits from now on.
        """
        for watched in self._watched:
            watched.stop()
        kept = set() if successor is None else set(successor._pools.values())
        if successor is not None:
            successor._origins.come_into_force()
        for pool in self._pools.values():
            if successor is None:
                pool.close()
            elif pool not in kept:
                pool.retire()

    def health(self) -> list[UpstreamHealth]:
        """
        What is known of the upstreams of routes that have several, or one that is watched.
        """
        return [
            each
            for route_id, resource in self.resources.items()
            if resource.members is not None
            for each in resource.members.members.report(route_id)
        ]

    @property
    def _watched(self) -> list[WatchedMembers]:
        return [resource.members for resource in self.resources.values() if resource.members is not None]

    def _connects_like(self, config: Config, head_limits: HeadLimits) -> bool:
        return self._config.certificate_authority == config.certificate_authority and self._head_limits == head_limits

    def _resource(self, route: Route, previous: Applications | None) -> ReverseProxyResource:
        ways = [self._way(route, upstream) for upstream in route.upstreams]
        balancing = route.balancing
        if len(ways) == 1 and not balancing.health_checks and balancing.outlier_detection is None:
            return ways[0]
        before = None if previous is None else previous.resources.get(route.id)
        return replace(ways[0], members=self._members(route, ways, before))

    def _way(self, route: Route, upstream: Upstream) -> ReverseProxyResource:
        """
        The resource that has *upstream* only: what is worked out for a head includes its name.
        """
        config = self._config
        name = route.name or route.id
        cookie_name = config.cookie_name.encode("ascii")
        values = None
        if HeaderValues.wanted(route):
            values = HeaderValues(route, cookie_name=cookie_name, assertion=self._assertion, tokens_of=self._tokens_of)
        return ReverseProxyResource(
            route=route,
            upstream=upstream,
            pool=self._pool(route, upstream),
            forwarding=Forwarding(
                route,
                cookie_name=cookie_name,
                claim_fields=[field.encode("ascii") for field in config.jwt_claims_headers],
                response_fields=[(n.encode("ascii"), v.encode("latin-1")) for n, v in route.set_response_headers],
                append_forwarded_for=not config.skip_xff_append,
                dropped_cookie=lambda cookie: log.warn(
                    "The upstream of route {route} tried to set our cookie {name}; it was dropped",
                    route=name,
                    name=cookie.decode("latin-1"),
                ),
            ),
            header_values=values,
        )

    def _members(
        self, route: Route, ways: list[ReverseProxyResource], before: ReverseProxyResource | None
    ) -> WatchedMembers:
        balancing = route.balancing
        known = _known_health(balancing, before)
        names: list[str] = []
        for way in ways:
            origin = way.upstream.origin
            count = names.count(origin) + sum(name.startswith(f"{origin} (") for name in names)
            names.append(f"{origin} ({count + 1})" if count else origin)
        members = Members(
            route.name or route.id,
            [
                Member(resource=way, name=name, weight=weight, health=known.get(name) or Health())
                for way, name, weight in zip(ways, names, balancing.weights or (1,) * len(ways), strict=True)
            ],
            policy=balancing.policy,
            panic_threshold=balancing.panic_threshold,
            random=self._random,
        )
        outliers = None
        if balancing.outlier_detection is not None:
            outliers = Outliers(balancing.outlier_detection, members, self._deadlines, self._random)
        watches = [
            HealthWatch(
                member,
                members,
                check,
                index=index,
                endpoint=self._connect(route, member.resource.upstream),
                limits=self._head_limits,
                clock=self._clock,
                random=self._random,
                was_well=_nobody if outliers is None else outliers.checked,
            )
            for member in members.all
            for index, check in enumerate(balancing.health_checks)
        ]
        return WatchedMembers(members=members, outliers=outliers, watches=watches)

    def _pool(self, route: Route, upstream: Upstream) -> Pool:
        places = self._origins.places(route, upstream)
        key = _PoolKey(upstream, route.tls, places)
        pool = self._pools.get(key) or self._previous_pools.get(key)
        if pool is None:
            endpoint = self._connect(route, upstream)
            pool = Pool(endpoint, limits=self._head_limits, deadlines=self._deadlines, places=places)
        self._pools[key] = pool
        return pool


def _known_health(balancing: Balancing, before: ReverseProxyResource | None) -> dict[str, Health]:
    """
    Copies of what was known of the upstreams of a route, as far as it means the same now.
    """
    if before is None or before.members is None:
        return {}
    was, known = before.route.balancing, {}
    for member in before.members.members.all:
        health = replace(member.health, failing=set(member.health.failing), checked=set(member.health.checked))
        if was.health_checks != balancing.health_checks:
            health.failing, health.checked = set(), set()
        if balancing.outlier_detection is None:
            health.ejected_until = None
        known[member.name] = health
    return known


def _nobody(member: Member) -> None:
    """
    Nobody wants to know.
    """
