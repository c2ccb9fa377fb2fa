"""
Routes, for the tests of the rooms that use them.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.config.forms.values import origin
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.routing.route import Route, Upstream, route_id

UPSTREAM = Upstream(scheme="http", host="127.0.0.1", port=3000)


def a_route(from_: str, *, prefix: str | None = None, path: str | None = None, **settings: Any) -> Route:
    """
    A route for any signed-in person, unless *settings* say otherwise.
    """
    external = origin(from_, wildcard=True)
    if path is None and "regex" not in settings:
        prefix = prefix or "/"
    values: dict[str, Any] = {
        "id": route_id(from_, prefix, path, getattr(settings.get("regex"), "pattern", None)),
        "from_scheme": external.scheme,
        "from_host": external.host,
        "from_port": external.port,
        "prefix": None if prefix is None else prefix.encode(),
        "path": None if path is None else path.encode(),
        "upstreams": (UPSTREAM,),
        "policy": from_legacy(any_authenticated=True),
    }
    return Route(**{**values, **settings})


def a_section(**keys: Any) -> RouteSection:
    """
    What a configuration says of a route with these *keys*; ``from_`` stands for ``from``, ``...`` takes a key away.
    """
    values = {"from": "https://app.example.com", "to": "http://127.0.0.1:3000", "allow_any_authenticated_user": True}
    values.update({key.rstrip("_"): value for key, value in keys.items()})
    return RouteSection.model_validate({key: value for key, value in values.items() if value is not ...})
