"""
What the keys of a route about headers can get wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pomerium_tx.config.forms.header_template import Template
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.rules.findings import Finding, MakesFinding

_TOKEN = re.compile(r"[\x21-\x7e]+")
_TOKENS = frozenset(("pomerium.access_token", "pomerium.id_token"))
_KUBERNETES = "kubernetes_service_account_token"


def headers(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    """
    What is wrong with the headers of one route.
    """
    removed = {name.lower() for name in route.remove_request_headers}
    public = "allow_public_unauthenticated_access"
    for name, value in route.set_request_headers.items():
        for token in _TOKENS & set(Template.of(value).named) if route.allow_public_unauthenticated_access else ():
            message = f"{name}: gives the application {token} of whoever is signed in, on a route that is for everybody"
            yield finding("set_request_headers", message, public, is_warning=True)
        for unknown in Template.of(value).unknown:
            message = f"{name}: nothing is called {unknown}: it stays empty; write $$ for a dollar sign"
            yield finding("set_request_headers", message, is_warning=True)
        if name.lower() in removed:
            message = f"{name} is removed again by remove_request_headers"
            yield finding("set_request_headers", message, "remove_request_headers", is_warning=True)
    set_by_route = {name.lower() for name, _ in (route.set_response_headers or {}).items()}
    for rewrite in route.rewrite_response_headers:
        if rewrite.header.lower() in set_by_route:
            message = f"{rewrite.header} is set by set_response_headers, whatever the application says"
            yield finding("rewrite_response_headers", message, "set_response_headers", is_warning=True)
    if route.kubernetes_service_account_token is not None:
        if not _TOKEN.fullmatch(route.kubernetes_service_account_token.get_secret_value()):
            yield finding(_KUBERNETES, "contains a space, a line break or another character that no token has")
        for name in ("authorization", "impersonate-user", "impersonate-group"):
            if name in {each.lower() for each in route.set_request_headers}:
                yield finding("set_request_headers", f"{name} is set by {_KUBERNETES}; remove one", _KUBERNETES)
