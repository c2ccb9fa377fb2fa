"""
The applications behind the routes: for each route its resource, with the connections to its upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from pomerium_tx import limits
from pomerium_tx.config.model import Config
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.forwarding import Forwarding
from pomerium_tx.proxy.pool import Pool
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.routing.route import Route

log = Logger()

Connect = Callable[[Route], IStreamClientEndpoint]
"""
What connects to the upstream of a route.
"""


class Applications:
    """
    The resources of all routes of one configuration.

    :param most_connections: How many connections to applications the process has room for.
    :param previous: Those of the configuration before: connections that would be made in the same way are taken over.
    """

    def __init__(
        self,
        config: Config,
        routes: Iterable[Route],
        *,
        connect: Connect,
        deadlines: Deadlines,
        head_limits: HeadLimits,
        most_connections: int,
        previous: Applications | None = None,
    ) -> None:
        self._config = config
        self._connect = connect
        self._deadlines = deadlines
        self._head_limits = head_limits
        self._origins: limits.Origins = limits.Origins(
            config, deadlines, most_connections, None if previous is None else previous._origins
        )
        self.resources = {route.id: self._resource(route, previous) for route in routes if route.answer is None}
        """
        By the id of the route; those that answer by themselves have none.
        """

    def retire(self, successor: Applications | None) -> None:
        """
        Let go of what *successor* has not taken over; what it has obeys its limits from now on.
        """
        kept = set() if successor is None else {resource.pool for resource in successor.resources.values()}
        if successor is not None:
            successor._origins.come_into_force()
        for resource in self.resources.values():
            if successor is None:
                resource.pool.close()
            elif resource.pool not in kept:
                resource.pool.retire()

    def _resource(self, route: Route, previous: Applications | None) -> ReverseProxyResource:
        config = self._config
        name = route.name or route.id
        return ReverseProxyResource(
            route=route,
            upstream=route.upstreams[0],
            pool=self._pool(route, previous),
            forwarding=Forwarding(
                route,
                cookie_name=config.cookie_name.encode("ascii"),
                claim_fields=[field.encode("ascii") for field in config.jwt_claims_headers],
                response_fields=[(n.encode("ascii"), v.encode("latin-1")) for n, v in route.set_response_headers],
                append_forwarded_for=not config.skip_xff_append,
                dropped_cookie=lambda cookie: log.warn(
                    "The upstream of route {route} tried to set our cookie {name}; it was dropped",
                    route=name,
                    name=cookie.decode("latin-1"),
                ),
            ),
        )

    def _pool(self, route: Route, previous: Applications | None) -> Pool:
        places = self._origins.places(route)
        if previous is not None and previous._config.certificate_authority == self._config.certificate_authority:
            before = previous.resources.get(route.id)
            if (
                before is not None
                and (before.route.upstreams, before.route.tls) == (route.upstreams, route.tls)
                and (before.pool.limits, before.pool.places) == (self._head_limits, places)
            ):
                return before.pool
        return Pool(self._connect(route), limits=self._head_limits, deadlines=self._deadlines, places=places)
