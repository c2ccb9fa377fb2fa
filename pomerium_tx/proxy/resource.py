"""
The resource of one route: where a request goes once it has been let through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pomerium_tx.proxy.heads.forwarding import Forwarding
from pomerium_tx.proxy.heads.header_values import HeaderValues
from pomerium_tx.proxy.upstreams.pool import Pool
from pomerium_tx.routing.route import Route, Upstream

if TYPE_CHECKING:
    from pomerium_tx.proxy.upstreams.watched import WatchedMembers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseProxyResource:
    """
    One route of a host's tree, reached through the route table and forwarding everything below it.

    It stands beside the tree's own children (`.pomerium` with `sign_out`, `.well-known`), which exist whatever the
    prefixes of the routes. `twisted.web` would render it only after the whole body has come; so `downstream`
    begins an exchange with it at header time.
    """

    route: Route
    upstream: Upstream
    pool: Pool
    forwarding: Forwarding
    members: WatchedMembers | None = None
    """
    The ways to all upstreams, each by a resource of its own, where there are several or one is watched; then this one
    is the way to the first of them.
    """
    header_values: HeaderValues | None = None
    """
    What makes fields anew for every request; None where the route has no such fields.
    """
