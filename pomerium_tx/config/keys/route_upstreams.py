"""
Keys of a route about where its requests go: its upstreams, which of them gets a request, and which get none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import upstreams
from pomerium_tx.config.keys.health import HealthCheck, OutlierDetection, Percent
from pomerium_tx.config.section import Section


class RouteUpstreamKeys(Section):
    """
    Where to.
    """

    to: Annotated[tuple[str, ...], BeforeValidator(upstreams.upstreams)] = ()
    """
    Where the application is: one URL, or a list of them. ``http://`` and ``https://``; ``unix:///path`` and
    ``https+unix:///path`` for a UNIX socket. A weight may stand behind each URL of a list, ``http://10.0.0.1:3000,3``.
    A path takes the place of what the route has matched; of several, that of the first counts. A route has this,
    ``redirect`` or ``response``.
    """
    load_balancing_policy: Annotated[
        Literal["round_robin", "least_request", "random", "ring_hash", "maglev"],
        BeforeValidator(upstreams.balancing_policy),
    ] = "round_robin"
    """
    Which upstream gets a request: ``ROUND_ROBIN`` each in turn, ``LEAST_REQUEST`` the one of two that has fewer under
    way, ``RANDOM`` any; ``RING_HASH`` and ``MAGLEV`` always the same one for a session, or where there is none for a
    client's address. All of them heed weights.
    """
    health_checks: Annotated[tuple[HealthCheck, ...], BeforeValidator(forms.sections)] = ()
    """
    How each upstream is asked, time and again, whether it is well; one that is not gets no requests. With ``workers``,
    each of them asks.
    """
    outlier_detection: Annotated[OutlierDetection | None, BeforeValidator(forms.section)] = None
    """
    Which upstreams get no requests for a while because their answers are errors; ``{}`` for Envoy's defaults.
    """
    healthy_panic_threshold: Percent = 50
    """
    When less than so many of 100 upstreams are well, all of them get requests; 0 is never.
    """

    nested: ClassVar[Mapping[str, type[Section]]] = {
        "health_checks": HealthCheck,
        "outlier_detection": OutlierDetection,
    }
