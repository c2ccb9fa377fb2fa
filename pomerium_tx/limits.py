"""
What a configuration says of limits, in the words of the data path; `docs/limits.md` is the table of them all.
"""

from __future__ import annotations

from pomerium_tx.config.model import Config
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy import admission
from pomerium_tx.proxy.admission import ConnectionLimits
from pomerium_tx.proxy.connection import Times
from pomerium_tx.proxy.deadlines import NEVER, Deadlines
from pomerium_tx.proxy.upstreams.places import Descriptors, PlaceLimits, Places
from pomerium_tx.routing.route import Route, Upstream


def head_limits(config: Config) -> HeadLimits:
    """
    How large a head may be, on either side.
    """
    return HeadLimits(
        head_bytes=config.max_header_bytes,
        fields=config.max_header_count,
        target=config.max_target_bytes,
        underscores=config.headers_with_underscores_action,
    )


def times(config: Config) -> Times:
    """
    How long a user agent may take.
    """
    whole = NEVER if config.timeout_request is None else config.timeout_request.total_seconds()
    return Times(
        head=min(config.timeout_request_head.total_seconds(), whole),
        body=config.timeout_read.total_seconds() or NEVER,
        request=whole,
        idle=config.timeout_idle.total_seconds() or NEVER,
    )


def connection_limits(config: Config, descriptors: int) -> ConnectionLimits:
    """
    How many connections there may be, where the process may have *descriptors* files open.
    """
    return admission.connection_limits(
        connections=config.max_connections,
        per_address=config.max_connections_per_address,
        descriptors=descriptors,
    )


class Origins:
    """
    The places for connections to each origin of an application, and to each route that has some to itself.

    :param most: How many descriptors there are for all of them.
    :param previous: Those of the configuration before: who is connected stays counted.
    """

    def __init__(self, config: Config, deadlines: Deadlines, most: int, previous: Origins | None) -> None:
        self._most = most
        self._descriptors: Descriptors = Descriptors(most) if previous is None else previous._descriptors
        self._config = config
        self._deadlines = deadlines
        self._places: dict[str, tuple[Places, PlaceLimits]] = {}
        self._previous = {} if previous is None else previous._places

    def places(self, route: Route, upstream: Upstream) -> Places:
        """
        Those that connections for *route* to one of its upstreams take.
        """
        key = origin = upstream.origin
        connections, waiting = self._config.upstream_bounds
        if route.max_connections is not None or route.max_pending_requests is not None:
            key = f"{route.id} {origin}"
            connections = route.max_connections or connections
            waiting = waiting if route.max_pending_requests is None else route.max_pending_requests
        if key not in self._places:
            patience = self._config.timeout_upstream_queue.total_seconds()
            limits = PlaceLimits(connections=connections, waiting=waiting, patience=patience)
            known = self._previous.get(key)
            self._places[key] = (
                Places(origin, limits, self._deadlines, self._descriptors) if known is None else known[0],
                limits,
            )
        return self._places[key][0]

    def come_into_force(self) -> None:
        """
        Those that were there before have other limits from now on.
        """
        self._previous = {}
        self._descriptors.most = self._most
        for places, limits in self._places.values():
            places.limit(limits)
