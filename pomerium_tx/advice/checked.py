"""
What a configuration would do: what is wrong with it, where it would listen, what to register, who may go where.

It is what the daemon itself reads and makes of it, told before anything is started. No secret is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pomerium_tx.advice.certificates import ShownCertificate, shown_certificates, uncovered_hosts
from pomerium_tx.advice.plan import Plan, what_it_matches, where_it_goes
from pomerium_tx.advice.requests import asked_for
from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.config.model import Config
from pomerium_tx.config.policy.rules import Rules
from pomerium_tx.config.problems import InvalidConfig, Problem
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.oidc.registered_uris import RegisteredUris
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.tls.certificates import UnusableCertificate

Access = Literal["public", "sign-in", "by request", "nobody"]
"""
Whether somebody who just comes along may pass: yes, once signed in, if the request itself is as a rule wants it, never.
"""
_HIDDEN: Final = "is never reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """
    One address that would be listened on.
    """

    address: str
    is_tls: bool
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """
    One client at one OP, and what the OP has to know of it.
    """

    name: str
    """
    Of the provider, in the configuration.
    """
    issuer: str
    client_id: str
    uris: RegisteredUris
    routes: tuple[str, ...]
    """
    The keys of the routes whose people sign in there.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRoute:
    """
    One route.
    """

    key: str
    file: str
    line: int | None
    name: str
    origin: str
    matches: str
    to: tuple[str, ...]
    access: Access
    """
    Whether somebody who just comes along may pass.
    """
    rule: tuple[str, ...]
    provider: str
    """
    The name of the one where its people sign in.
    """
    client_id: str
    """
    As whom they do.
    """
    settings: tuple[str, ...]
    """
    What else is worth knowing, a sentence each.
    """
    is_hidden: bool
    """
    Whether another route takes all of its requests.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    All of it.
    """

    file: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    variables: tuple[str, ...] = ()
    """
    The environment variables that had a say.
    """
    listening: tuple[Listening, ...] = ()
    certificates: tuple[ShownCertificate, ...] = ()
    uncovered: tuple[str, ...] = ()
    """
    The hosts that no certificate is for.
    """
    client_certificates: str = ""
    """
    What becomes of requests without one, if browsers are asked for one: the ``enforcement``.
    """
    may_be_asked: bool = False
    """
    Whether proxies in front may have us decide about what they carry themselves: forward authentication.
    """
    providers: tuple[Registration, ...] = ()
    routes: tuple[CheckedRoute, ...] = ()


def checked(path: Path, environ: Mapping[str, str]) -> Checked:
    """
    What the configuration at *path* would do.
    """
    try:
        loaded = load(path, environ)
    except InvalidConfig as invalid:
        return Checked(file=str(path), problems=invalid.problems, warnings=invalid.warnings)
    plan = Plan(loaded)
    try:
        uncovered = uncovered_hosts(loaded.config)
    except UnusableCertificate as unusable:
        problem = Problem(file=str(path), line=None, key="certificates", message=unusable.reason)
        return Checked(file=str(path), problems=(problem,), warnings=loaded.warnings)
    mtls = loaded.config.downstream_mtls
    return Checked(
        file=str(path),
        problems=(),
        warnings=loaded.warnings,
        variables=loaded.variables,
        listening=tuple(_listening(loaded.config)),
        certificates=shown_certificates(loaded.config, datetime.now(UTC)),
        uncovered=uncovered,
        client_certificates="" if mtls is None else mtls.enforcement,
        may_be_asked=bool(loaded.config.trusted_proxies),
        providers=tuple(_registrations(plan)),
        routes=tuple(_route(plan, loaded, route) for route in plan.routes),
    )


def _listening(config: Config) -> Iterator[Listening]:
    own = config.authenticate_listener
    is_tls = not config.insecure_server
    everything = f"routes and {config.authenticate_service_url}" if own is None else "routes"
    yield Listening(address=str(config.address), is_tls=is_tls, purpose=everything)
    if own is not None:
        yield Listening(address=str(own), is_tls=is_tls, purpose=config.authenticate_service_url)
    if config.http_redirect_addr is not None:
        yield Listening(address=str(config.http_redirect_addr), is_tls=False, purpose="sends browsers to https")
    if config.admin_address is not None:
        yield Listening(address=str(config.admin_address), is_tls=False, purpose="administrators")


def _registrations(plan: Plan) -> Iterator[Registration]:
    for provider in plan.providers:
        settings = provider.settings
        yield Registration(
            name=settings.name,
            issuer=settings.issuer,
            client_id=settings.client_id,
            uris=RegisteredUris.at(plan.config.authenticate_service_url),
            routes=tuple(plan.place_of(route).key for route in plan.routes if plan.idp_id_of(route) == provider.idp_id),
        )


def _route(plan: Plan, loaded: Loaded, route: Route) -> CheckedRoute:
    place, section = plan.place_of(route), plan.section_of(route)
    access = _access(route, plan.rules_of(route))
    provider = plan.provider_of(route).settings
    return CheckedRoute(
        key=place.key,
        file=place.file,
        line=place.line,
        name=route.name,
        origin=section.from_,
        matches=what_it_matches(route),
        to=where_it_goes(route, section),
        access=access,
        rule=plan.rule_of(route),
        provider=provider.name,
        client_id=provider.client_id,
        settings=(
            *_rewrites(section),
            *_settings(plan.config, route, plan.bearer_token_format_of(route), is_public=access == "public"),
        ),
        is_hidden=any(
            warning.key == f"{place.key}.from" and warning.message.startswith(_HIDDEN) for warning in loaded.warnings
        ),
    )


def _access(route: Route, rules: Rules) -> Access:
    if not any(rule.action == "allow" for rule in rules):
        return "nobody"
    head, canonical = asked_for(route)
    decision = route.policy(None, head, canonical, Client(address="127.0.0.1"))
    if decision.admits:
        return "public"
    return "sign-in" if decision.unauthenticated else "by request"


def _rewrites(section: RouteSection) -> Iterator[str]:
    if section.prefix_rewrite is not None:
        yield f"the application gets {section.prefix_rewrite} in the place of what was matched"
    if section.regex_rewrite_pattern is not None:
        found, put = section.regex_rewrite_pattern, section.regex_rewrite_substitution or ""
        yield f"the application gets {put or 'nothing'} in the place of what {found} matches in the path"


def _settings(config: Config, route: Route, bearer_token_format: str, *, is_public: bool) -> Iterator[str]:
    if len(route.upstreams) > 1:
        yield f"requests are shared by {route.balancing.policy.upper()}"
    if route.balancing.health_checks:
        yield "its upstreams are asked whether they are well"
    if route.pass_identity_headers:
        yield f"the application is told who asks: {_listed(['X-Pomerium-Jwt-Assertion', *config.jwt_claims_headers])}"
    if bearer_token_format != "default":
        yield f"programs may bring a bearer token instead of a session: {bearer_token_format}"
    if route.allow_websockets:
        yield "WebSockets are let through"
    if route.set_request_headers or route.filled_request_headers:
        names = [name for name, _ in (*route.set_request_headers, *route.filled_request_headers)]
        yield f"set in requests: {_listed(names)}"
    if route.remove_request_headers:
        yield f"removed from requests: {_listed(route.remove_request_headers)}"
    if is_public:
        yield "requests of people without a session are not cut by any sign-out"
    if route.clear_site_data:
        yield f"when people sign out, their browsers are asked to forget: {_listed(sorted(route.clear_site_data))}"
    if route.logout_uris:
        # Some put a password into the query.
        uris = [uri.partition("?")[0] for uri in route.logout_uris]
        yield f"the application is told when a session ends: {_listed(uris)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
