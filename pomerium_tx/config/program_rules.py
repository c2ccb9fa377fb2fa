"""
What only several keys together can get wrong about programs and their sessions.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.config.findings import Finding, numbered_routes
from pomerium_tx.config.model import Config
from pomerium_tx.config.values import is_loopback, origin


def program_findings(config: Config) -> Iterator[Finding]:
    """
    Everything that the rules about programs find.
    """
    yield from _redirects(config)
    yield from _dependencies(config)


def _redirects(config: Config) -> Iterator[Finding]:
    hosts = config.programmatic_redirect_domain_whitelist
    if config.programmatic_login == "now" and not all(map(is_loopback, hosts)):
        message = "lets any link that a person opens send their session to hosts elsewhere, unasked; write confirm"
        on = (("programmatic_redirect_domain_whitelist",),)
        yield Finding(key=("programmatic_login",), message=message, rests_on=on, is_warning=True)


def _dependencies(config: Config) -> Iterator[Finding]:
    known = {origin(route.from_, wildcard=True).host for _, route in numbered_routes(config)}
    has_wildcards = any("*" in host for host in known)
    for key, route in numbered_routes(config):
        for name in route.depends_on:
            host = origin(f"https://{name}").host
            if host not in known and not has_wildcards:
                message = f"{name} is ignored: it is the host of no route"
                yield Finding(key=(*key, "depends_on"), message=message, is_warning=True)
            elif host == origin(route.from_, wildcard=True).host:
                message = f"{name} is ignored: it is this route's own host"
                yield Finding(key=(*key, "depends_on"), message=message, is_warning=True)
