"""
What only several keys together can get wrong.

Each rule yields findings about a configuration whose single values are good. A finding names the keys it rests on, so
that it is dropped where one of them was already complained about.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.config.document import KeyPath
from pomerium_tx.config.forms.secrets import belong_together
from pomerium_tx.config.forms.values import Origin, origin
from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.rules.answers import answers
from pomerium_tx.config.rules.client_certificates import certificate_findings
from pomerium_tx.config.rules.findings import LOOPBACK_ONLY, Finding, MakesFinding, is_exposed_http, numbered_routes
from pomerium_tx.config.rules.headers import headers
from pomerium_tx.config.rules.paths import matches_all_of, paths_and_hosts, what_is_matched
from pomerium_tx.config.rules.programs import program_findings
from pomerium_tx.config.rules.providers import provider_findings
from pomerium_tx.config.rules.upstreams import upstream_findings


def findings(config: Config) -> Iterator[Finding]:
    """
    Everything that the rules find, errors and warnings.
    """
    yield from _listening(config)
    yield from certificate_findings(config)
    yield from _bounds(config)
    yield from _signing_in(config)
    yield from provider_findings(config)
    yield from _cookies(config)
    yield from _ending(config)
    yield from _routes(config)
    yield from program_findings(config)


def _listening(config: Config) -> Iterator[Finding]:
    redirecting, others = config.http_redirect_addr, (config.address, config.authenticate_listener)
    if redirecting is not None and redirecting.port in {each.port for each in others if each is not None}:
        message = "has the port of other requests; write another, such as :80"
        yield Finding(key=("http_redirect_addr",), message=message, rests_on=(("address",), ("authenticate_address",)))
    for index, section in enumerate(config.certificates):
        if not belong_together(section.cert, section.key):
            at: KeyPath = ("certificates", index, "key")
            yield Finding(key=at, message="is not the key of the certificate", rests_on=(("certificates", index),))
    pair = {("certificate",), ("certificate_key",), ("certificate_file",), ("certificate_key_file",)}
    certificate, key = config.certificate, config.certificate_key
    if (certificate is None) != (key is None):
        missing = "certificate_key" if key is None else "certificate"
        yield Finding(key=(missing,), message="is missing: certificate and key go together", rests_on=tuple(pair))
    elif certificate is not None and key is not None and not belong_together(certificate, key):
        yield Finding(key=("certificate_key",), message="is not the key of the certificate", rests_on=tuple(pair))
    if config.xff_num_trusted_hops and not config.trusted_proxies:
        message = "believes X-Forwarded-For of whoever connects; name the proxies in front in trusted_proxies"
        rests_on: KeyPath = ("trusted_proxies",)
        yield Finding(key=("xff_num_trusted_hops",), message=message, rests_on=(rests_on,), is_warning=True)
    for index, network in enumerate(config.trusted_proxies):
        if network.prefixlen == 0:
            message = "trusts everybody: whoever connects may say to come from anywhere; name the proxies in front"
            yield Finding(key=("trusted_proxies", index), message=message, is_warning=True)
    if not config.insecure_server and not config.key_pairs:
        yield Finding(
            key=("certificates",),
            message="is missing: TLS needs a certificate and key; or write insecure_server: true to listen without TLS",
            rests_on=(("insecure_server",), *pair),
        )


def _bounds(config: Config) -> Iterator[Finding]:
    written = config.model_fields_set
    for less, more in (
        ("max_target_bytes", "max_header_bytes"),
        ("max_connections_per_address", "max_connections"),
        ("timeout_request_head", "timeout_request"),
        ("timeout_read", "timeout_request"),
    ):
        first, second = getattr(config, less), getattr(config, more)
        # Nobody has meant anything by a default.
        if first and second and first > second and less in written:
            message = f"is never reached: {more} is smaller"
            yield Finding(key=(less,), message=message, rests_on=((more,),), is_warning=True)
    thresholds = config.circuit_breaker_thresholds
    for name, ours in (("max_connections", "max_upstream_connections"), ("max_pending_requests", "max_upstream_queue")):
        other = getattr(thresholds, name, None)
        if ours in written and other not in (None, getattr(config, ours)):
            message = f"means the same as circuit_breaker_thresholds.{name}, which says {other}; remove one"
            yield Finding(key=(ours,), message=message, rests_on=(("circuit_breaker_thresholds",),))


def _signing_in(config: Config) -> Iterator[Finding]:
    if is_exposed_http(config.authenticate_service_url):
        yield Finding(key=("authenticate_service_url",), message=LOOPBACK_ONLY)
    if not config.cookie_expire:
        yield Finding(key=("cookie_expire",), message="must be longer than nothing")
    if config.runtime_flags.allow_any_sign_out_redirect_uri:
        yield Finding(
            key=("runtime_flags", "allow_any_sign_out_redirect_uri"),
            message="lets a sign-out link lead to any site; sign_out_redirect_allowlist names the wanted ones",
            is_warning=True,
        )


def _cookies(config: Config) -> Iterator[Finding]:
    if config.cookie_domain is None:
        return
    hosts: list[tuple[KeyPath, Origin]] = [(("authenticate_service_url",), config.authenticate_origin)]
    hosts += [((*key, "from"), origin(route.from_, wildcard=True)) for key, route in numbered_routes(config)]
    for key, found in hosts:
        if found.host != config.cookie_domain and not found.host.endswith(f".{config.cookie_domain}"):
            message = f"does not cover {found.host}, whose cookies browsers would refuse"
            yield Finding(key=("cookie_domain",), message=message, rests_on=(key,))


def _ending(config: Config) -> Iterator[Finding]:
    if config.session_idle_counts_streams and config.session_idle_timeout is None:
        key: KeyPath = ("session_idle_counts_streams",)
        message = "is ignored without session_idle_timeout"
        yield Finding(key=key, message=message, rests_on=(("session_idle_timeout",),), is_warning=True)
    address = config.admin_address
    if address is not None and address.path is None and config.admin_token is None:
        yield Finding(
            key=("admin_address",),
            message="needs admin_token_file: every user of this machine can connect to it; or write unix:/path",
            rests_on=(("admin_token",), ("admin_token_file",)),
        )


def _routes(config: Config) -> Iterator[Finding]:
    routes = numbered_routes(config)
    if not routes:
        yield Finding(key=("routes",), message="is empty: nothing but the authenticate host is served", is_warning=True)
    earlier: dict[tuple[str, int | None], list[tuple[KeyPath, RouteSection]]] = {}
    for key, route in routes:
        yield from _one_route(config, key, route)
        found = origin(route.from_, wildcard=True)
        same_host = earlier.setdefault((found.host, found.port), [])
        yield from _hidden_route(key, route, same_host)
        same_host.append((key, route))


def _hidden_route(key: KeyPath, route: RouteSection, earlier: list[tuple[KeyPath, RouteSection]]) -> Iterator[Finding]:
    for other_key, other in earlier:
        on = tuple((*each, name) for each in (key, other_key) for name in ("from", "prefix", "path", "regex"))
        name = f"{other_key[0]}[{other_key[1]}]"
        if what_is_matched(other) == what_is_matched(route) or matches_all_of(other, route):
            message = f"is never reached: {name} stands before it and matches all of its requests"
            yield Finding(key=(*key, "from"), message=message, rests_on=on, is_warning=True)
            return


def _one_route(config: Config, key: KeyPath, route: RouteSection) -> Iterator[Finding]:
    def finding(name: str, message: str, *rests_on: str, is_warning: bool = False) -> Finding:
        on = tuple((*key, other) for other in rests_on)
        return Finding(key=(*key, name), message=message, rests_on=on, is_warning=is_warning)

    if is_exposed_http(route.from_):
        yield finding("from", LOOPBACK_ONLY)
    elif route.from_.startswith("http://") and not config.insecure_server:
        yield finding("from", "says http:// but the listener speaks TLS", is_warning=True)
    external, own = origin(route.from_, wildcard=True), config.authenticate_origin
    if (external.host, external.effective_port) == (own.host, own.effective_port):
        message = "is the authenticate host: scripts of the application could end people's sessions; take another host"
        yield Finding(key=(*key, "from"), message=message, rests_on=(("authenticate_service_url",),), is_warning=True)
    yield from paths_and_hosts(finding, route)
    yield from answers(finding, route)
    yield from headers(finding, route)
    yield from _access(finding, route)
    if (route.tls_client_cert is None) != (route.tls_client_key is None):
        missing = "tls_client_key" if route.tls_client_key is None else "tls_client_cert"
        others = ("tls_client_cert", "tls_client_key", "tls_client_cert_file", "tls_client_key_file")
        yield finding(missing, "is missing: certificate and key go together", *others)
    elif route.client_certificate is not None and not belong_together(*route.client_certificate):
        yield finding("tls_client_key", "is not the key of the certificate", "tls_client_cert")
    if route.tls_skip_verify:
        yield finding("tls_skip_verify", "accepts whoever answers as the application", is_warning=True)
    yield from upstream_findings(finding, route)
    if route.allow_websocket_origins and not route.allow_websockets:
        yield finding("allow_websocket_origins", "is ignored without allow_websockets: true", is_warning=True)
    yield from _told_of_ends(finding, config, route)


def _told_of_ends(finding: MakesFinding, config: Config, route: RouteSection) -> Iterator[Finding]:
    name, uri = "upstream_logout_audience", "upstream_logout_uri"
    if route.upstream_logout_audience is None:
        return
    if route.upstream_logout_uri is None:
        yield finding(name, f"is ignored without {uri}", uri, is_warning=True)
        return
    for key, other in numbered_routes(config):
        if route.upstream_logout_audience.lower() == origin(other.from_, wildcard=True).host:
            # Whoever believes the one token must not take the other for it.
            message = f"is the audience of X-Pomerium-Jwt-Assertion on {key[0]}[{key[1]}]; write another"
            yield finding(name, message, "from")
            return


def _access(finding: MakesFinding, route: RouteSection) -> Iterator[Finding]:
    public, anybody = "allow_public_unauthenticated_access", "allow_any_authenticated_user"
    lists = [
        name
        for name, chosen in (("allowed_users", route.allowed_users), ("allowed_domains", route.allowed_domains))
        if chosen
    ]
    if route.allow_public_unauthenticated_access:
        for name in [anybody] * route.allow_any_authenticated_user + lists:
            yield finding(name, f"contradicts {public}: true; remove one", public)
        allows = any(rule.action == "allow" for rule in route.policy)
        for name in ["policy"] * allows + ["allowed_idp_claims"] * bool(route.allowed_idp_claims):
            # Pomerium reads it so too; whoever has written both may have meant the narrower one.
            yield finding(name, f"admits nobody besides: {public}: true admits everybody", public, is_warning=True)
    elif route.allow_any_authenticated_user:
        for name in lists:
            yield finding(name, f"contradicts {anybody}: true; remove one", anybody)
    admits = (
        *(route.allow_public_unauthenticated_access, route.allow_any_authenticated_user, route.cors_allow_preflight),
        *(*lists, route.allowed_idp_claims),
    )
    if not any(admits) and not any(rule.action == "allow" for rule in route.policy):
        names = (public, anybody, "allowed_users", "allowed_domains", "allowed_idp_claims", "policy")
        message = f"admits nobody: write policy, allowed_users, allowed_domains, {anybody} or {public}"
        yield finding("from", message, *names, is_warning=True)
