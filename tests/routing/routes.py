"""
Routes, for the tests of the rooms that use them.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.config.values import origin
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.routing.route import Route, Upstream, route_id

UPSTREAM = Upstream(scheme="http", host="127.0.0.1", port=3000)


def a_route(from_: str, *, prefix: str | None = None, path: str | None = None, **settings: Any) -> Route:
    """
    A route for any signed-in person, unless *settings* say otherwise.
    """
    # The config refuses "*" for now; the table does not.
    external = origin(from_.replace("*", "wildcard"))
    if path is None:
        prefix = prefix or "/"
    values: dict[str, Any] = {
        "id": route_id(from_, prefix, path),
        "from_scheme": external.scheme,
        "from_host": external.host.replace("wildcard", "*"),
        "from_port": external.port,
        "prefix": None if prefix is None else prefix.encode(),
        "path": None if path is None else path.encode(),
        "upstreams": (UPSTREAM,),
        "policy": from_legacy(any_authenticated=True),
    }
    return Route(**{**values, **settings})
