"""
Keys of a route about what becomes of requests and answers on their way.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.section import (
    MOST_CONNECTIONS,
    Duration,
    HeaderNames,
    Origins,
    RequestHeaders,
    ResponseHeaders,
    Section,
    Truth,
)


class CircuitBreakerThresholds(Section):
    """
    ``circuit_breaker_thresholds``, outside of routes and in one.
    """

    max_connections: Annotated[int, BeforeValidator(values.whole(1, MOST_CONNECTIONS))] | None = None
    """
    How many connections there may be at a time. Unset in a route, as outside of routes; unset there,
    ``max_upstream_connections``.
    """
    max_pending_requests: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] | None = None
    """
    How many requests may wait for one. Unset in a route, as outside of routes; unset there, ``max_upstream_queue``.
    """


class RouteForwardingKeys(Section):
    """
    What becomes of requests and answers on their way.
    """

    allow_websockets: Truth = False
    """
    Let WebSockets through; otherwise they are refused with 403.
    """
    allow_websocket_origins: Origins = ()
    """
    Other origins whose pages may open a WebSocket here with a person's session. The route's own always may.
    """
    timeout: Duration | None = None
    """
    How long the application may take to begin its answer, once it has the whole request; 0 is no limit. Unset,
    ``default_upstream_timeout``, or no limit with ``allow_websockets``. In Pomerium the whole answer must have come by
    then.
    """
    idle_timeout: Duration | None = None
    """
    How long an answer may pause, and how long a WebSocket may be silent in both directions: then it is closed with code
    1001. 0 is no limit. Unset, five minutes, or no limit with ``allow_websockets``.
    """
    circuit_breaker_thresholds: Annotated[CircuitBreakerThresholds | None, BeforeValidator(forms.section)] = None
    """
    With either of its keys, the route's connections are counted by themselves and not with those of other routes to
    the same origin.
    """
    set_request_headers: RequestHeaders = Field(default={}, repr=False, exclude=True)
    """
    Headers that the application gets; they replace those of the browser. ``${pomerium.access_token}``,
    ``${pomerium.id_token}``, ``${pomerium.jwt}`` (the assertion), ``${pomerium.client_cert_fingerprint}``,
    ``${pomerium.client_cert_san_dns}``, ``${pomerium.client_cert_san_email}`` and
    ``${pomerium.request.headers["Name"]}`` in a value stand for what they say, or for nothing where there is no such
    thing; ``$$`` is a dollar sign.
    """
    remove_request_headers: HeaderNames = ()
    """
    Headers that the application does not get. This comes last: what is both set and removed is removed.
    """
    set_response_headers: ResponseHeaders | None = None
    """
    Headers of every answer of this route, added to those of the same key outside of routes. The name ``disable``
    switches all off.
    """
    caching: Annotated[Literal["upstream", "private", "no_store"], BeforeValidator(forms.lower)] = "upstream"
    """
    The ``Cache-Control`` of the application's answers: ``upstream`` leaves it as it is, ``private`` keeps them out of
    shared caches, ``no_store`` out of every cache.
    """
