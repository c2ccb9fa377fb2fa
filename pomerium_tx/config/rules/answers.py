"""
What the keys of a route that say who answers can get wrong together.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.rules.findings import Finding, MakesFinding

_WITHOUT_CONTENT = (204, 205, 304)
_OF_APPLICATIONS = (
    *("prefix_rewrite", "regex_rewrite_pattern", "host_rewrite", "host_rewrite_header", "preserve_host_header"),
    *("host_path_regex_rewrite_pattern", "set_request_headers", "remove_request_headers", "rewrite_response_headers"),
    *("allow_websockets", "timeout", "idle_timeout", "pass_identity_headers", "caching", "upstream_logout_uri"),
    *("circuit_breaker_thresholds", "tls_skip_verify", "tls_custom_ca", "tls_client_cert"),
)


def answers(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    """
    What is wrong with who answers the requests of one route.
    """
    ways = [name for name in ("to", "redirect", "response") if getattr(route, name)]
    if not ways:
        yield finding("to", "is missing: a route needs to, redirect or response", "redirect", "response")
        return
    for name in ways[1:]:
        yield finding(name, f"cannot stand beside {ways[0]}; remove one", ways[0])
    if route.redirect is not None:
        yield from _redirect(finding, route)
    if route.response is not None and route.response.status in _WITHOUT_CONTENT and route.response.body:
        yield finding("response", f"has a body, and answers with status {route.response.status} have none")
    if ways[0] != "to":
        for name in _OF_APPLICATIONS:
            if name in route.model_fields_set:
                yield finding(name, f"is ignored: {ways[0]} answers, and no application", ways[0], is_warning=True)


def _redirect(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    wanted = route.redirect
    assert wanted is not None
    if wanted.path_redirect is not None and wanted.prefix_rewrite is not None:
        yield finding("redirect", "has path_redirect and prefix_rewrite; remove one")
    if wanted.https_redirect and wanted.scheme_redirect is not None:
        yield finding("redirect", "has https_redirect and scheme_redirect; remove one")
    scheme = "https" if wanted.https_redirect else wanted.scheme_redirect
    elsewhere = (wanted.host_redirect, wanted.port_redirect, wanted.path_redirect, wanted.prefix_rewrite)
    if all(name is None for name in elsewhere) and scheme in (None, route.from_.partition(":")[0]):
        yield finding("redirect", "leads to where it was asked for, again and again; say what is another there", "from")
