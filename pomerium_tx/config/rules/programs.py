"""
What only several keys together can get wrong about programs and their sessions.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.config.forms.values import is_loopback, origin
from pomerium_tx.config.model import Config
from pomerium_tx.config.rules.findings import LOOPBACK_ONLY, Finding, is_exposed_http, numbered_routes


def program_findings(config: Config) -> Iterator[Finding]:
    """
    Everything that the rules about programs find.
    """
    yield from _redirects(config)
    yield from _dependencies(config)
    yield from _tokens(config)


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


def _tokens(config: Config) -> Iterator[Finding]:
    yield from _issuers(config)
    routes = numbered_routes(config)
    formats = {key: route.bearer_token_format or config.bearer_token_format for key, route in routes}
    for key, route in routes:
        form, named = formats[key], (*key, "identity_providers")
        on = ((*key, "bearer_token_format"), ("bearer_token_format",), ("identity_providers",))
        if form != "jwt" and route.identity_providers:
            message = "is only for routes with bearer_token_format: jwt; remove it"
            yield Finding(key=named, message=message, rests_on=on)
        elif form == "jwt" and not config.identity_providers:
            message = "jwt needs an issuer: write identity_providers outside of routes"
            yield Finding(key=(*key, "bearer_token_format"), message=message, rests_on=on)
        for name in route.identity_providers if form == "jwt" else ():
            if config.identity_providers and name not in config.identity_providers:
                message = f"{name} is none of identity_providers: {', '.join(sorted(config.identity_providers))}"
                yield Finding(key=named, message=message, rests_on=on)
        allowed = (*key, "idp_access_token_allowed_audiences")
        if form != "idp_access_token" and route.idp_access_token_allowed_audiences is not None:
            message = "is ignored without bearer_token_format: idp_access_token"
            yield Finding(key=allowed, message=message, rests_on=on, is_warning=True)
        if form != "default" and route.allow_public_unauthenticated_access:
            message = "refuses whoever brings a token that is not good, also on this public route"
            yield Finding(key=(*key, "bearer_token_format"), message=message, rests_on=on, is_warning=True)
        audiences = route.idp_access_token_allowed_audiences
        audiences = config.idp_access_token_allowed_audiences if audiences is None else audiences
        if form == "idp_access_token" and audiences is None:
            message = "believes access tokens that people gave to any client of the provider; name the wanted audiences"
            key_of = (*key, "bearer_token_format") if route.bearer_token_format else ("bearer_token_format",)
            yield Finding(key=key_of, message=f"{message} in idp_access_token_allowed_audiences", is_warning=True)
            if not route.bearer_token_format:
                return


def _issuers(config: Config) -> Iterator[Finding]:
    known: dict[str, str] = {}
    for name, section in sorted(config.identity_providers.items()):
        here = ("identity_providers", name)
        if section.issuer in known:
            message = f"is that of {known[section.issuer]} too: whose the tokens are could not be known"
            yield Finding(key=(*here, "issuer"), message=message)
        known.setdefault(section.issuer, name)
        for key, url in (("issuer", section.issuer), ("jwks_url", section.jwks_url)):
            if url is not None and is_exposed_http(url):
                yield Finding(key=(*here, key), message=LOOPBACK_ONLY)
        if not section.audiences:
            yield Finding(key=(*here, "audiences"), message="is empty: no token could be believed")
