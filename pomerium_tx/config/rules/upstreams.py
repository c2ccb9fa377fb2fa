"""
What only several keys of a route together can get wrong about its upstreams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pomerium_tx.config.forms.upstreams import UpstreamUrl, upstream_url
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.rules.findings import Finding, MakesFinding


def upstream_findings(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    """
    Everything that is found about the upstreams of *route*.
    """
    if not route.to:
        return
    found = [upstream_url(written) for written in route.to]
    yield from _encryption(finding, route, found)
    if len({each.path for each in found}) > 1:
        message = "has several paths; that of the first URL holds for all of them"
        yield finding("to", message, is_warning=True)
    uri = route.upstream_logout_uri
    if found[0].socket is not None and uri is not None and uri.startswith("/"):
        message = "is a path, but to is a UNIX socket, on which nobody is told; write a whole URL"
        yield finding("upstream_logout_uri", message, "to")
    yield from _health(finding, route, is_alone=len(found) == 1)


def _encryption(finding: MakesFinding, route: RouteSection, found: list[UpstreamUrl]) -> Iterator[Finding]:
    if not any(each.scheme == "https" for each in found):
        for name in sorted(route.model_fields_set):
            if name.startswith("tls_") and name != "tls_skip_verify":
                yield finding(name, "is ignored: to says http://", "to", is_warning=True)
    elif found[0].socket is not None and route.upstream_server_name is None and not route.tls_skip_verify:
        message = "is missing: a socket has no name that its certificate could be for"
        yield finding("tls_upstream_server_name", message, "to", "tls_server_name", "tls_skip_verify")


def _health(finding: MakesFinding, route: RouteSection, *, is_alone: bool) -> Iterator[Finding]:
    for index, check in enumerate(route.health_checks):
        wrong = []
        if (check.http_health_check is None) == (check.tcp_health_check is None):
            wrong.append("must have one of http_health_check and tcp_health_check")
        http = check.http_health_check
        ranges = () if http is None else (*http.expected_statuses, *http.retriable_statuses)
        if any(each.start >= each.end for each in ranges):
            wrong.append("has a range of statuses with nothing in it: end is the first status that is not meant")
        for message in wrong:
            found = finding("health_checks", message)
            yield replace(found, key=(*found.key, index))
    if is_alone and route.healthy_panic_threshold and (route.health_checks or route.outlier_detection is not None):
        name = "health_checks" if route.health_checks else "outlier_detection"
        message = "changes nothing: the only upstream gets all requests anyway, unless healthy_panic_threshold is 0"
        yield finding(name, message, "to", "healthy_panic_threshold", is_warning=True)
