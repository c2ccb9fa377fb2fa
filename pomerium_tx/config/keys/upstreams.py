"""
Keys outside of routes about all of them, and about the connections to their applications.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import headers as header_forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.route_section import CircuitBreakerThresholds, RouteSection
from pomerium_tx.config.section import MOST_CONNECTIONS, Duration, Positive, ResponseHeaders, Section, Truth


class UpstreamKeys(Section):
    """
    Routes, and what holds for all of them.
    """

    routes: Annotated[tuple[RouteSection, ...], BeforeValidator(forms.sections)] = ()
    """
    From where to where, and who may pass. The first that matches counts; a request that no route matches is answered
    404.
    """
    # Always empty in a loaded configuration: its routes stand first in ``routes``.
    policy: Annotated[tuple[RouteSection, ...], BeforeValidator(forms.sections)] = ()
    """
    Pomerium's older name for ``routes``. Its routes come before those of ``routes``.
    """
    default_upstream_timeout: Duration = timedelta(seconds=30)
    """
    The ``timeout`` of routes that have none of their own.
    """
    merge_slashes: Truth = True
    """
    Paths are compared, and sent on, with several slashes in a row made one.
    """
    headers_with_underscores_action: Annotated[
        Literal["reject", "drop", "allow"], BeforeValidator(header_forms.underscores)
    ] = "reject"
    """
    What becomes of a request that has a header with an underscore in its name, which many applications take for one
    with a hyphen: ``reject`` answers 400, ``drop`` passes on the others, ``allow`` passes on all but those that could
    be taken for ours, and refuses those that could be taken for a part of HTTP itself.
    """
    normalize_path: Truth = True
    """
    Paths are compared, and sent on, with their dot segments resolved.
    """
    skip_xff_append: Truth = False
    """
    Leave ``X-Forwarded-For`` as the browser sent it. Otherwise the browser's address is added at its end.
    """
    max_upstream_connections: Annotated[int, BeforeValidator(values.whole(1, MOST_CONNECTIONS))] = 1024
    """
    How many connections there may be at a time to one origin of an application, in each process, WebSockets included.
    """
    max_upstream_queue: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] = 1024
    """
    How many requests may wait for a connection to one origin, in each process; with 0 none waits. One more is answered
    503 with ``Retry-After``.
    """
    timeout_upstream_queue: Positive = timedelta(seconds=10)
    """
    How long a request waits for a connection to its application before it is answered 503.
    """
    circuit_breaker_thresholds: Annotated[CircuitBreakerThresholds | None, BeforeValidator(forms.section)] = None
    """
    Pomerium's names of ``max_upstream_connections`` and ``max_upstream_queue``.
    """
    set_response_headers: ResponseHeaders | None = None
    """
    Headers of every answer, our own pages and errors included; they replace those of the application. Unset:
    ``X-Frame-Options: SAMEORIGIN``, ``X-XSS-Protection: 1; mode=block`` and, where there are certificates,
    ``Strict-Transport-Security``. The name ``disable`` among them switches all off.
    """
