"""
What a configuration comes to: everything of a house that a reload replaces, and nothing that outlives it.

Making a layout changes nothing outside of it, so that one which cannot be made is as if it had never been tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from resource import RLIMIT_NOFILE, getrlimit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import Site

from pomerium_tx import limits
from pomerium_tx.applications import Applications, Connect
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.authenticate.site import authenticate_site
from pomerium_tx.authorize.accessible import Entrances
from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.authorize.refusal import unauthenticated
from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.config.forms import values
from pomerium_tx.config.model import Config
from pomerium_tx.dashboard.login import LoginStart
from pomerium_tx.dashboard.published import PingPage
from pomerium_tx.dashboard.site import route_site
from pomerium_tx.fronts import Fronts, unknown_host
from pomerium_tx.http11 import remembered_heads, response_head
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.writer import NO_LINES, Lines
from pomerium_tx.logout.back_channel import BackChannelLogoutPage
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.late_tokens import LateTokens
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.logout.session_events import SessionEvents
from pomerium_tx.logout.target import Targets
from pomerium_tx.looks import dress
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.operations import audit_log
from pomerium_tx.programs import Bearers, Programs
from pomerium_tx.proxy.access_lines import AccessLines
from pomerium_tx.proxy.connection import Proxy
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.exchanges.refusals import Refusals
from pomerium_tx.proxy.heads.header_values import KeptTokens
from pomerium_tx.proxy.upstreams.members import UpstreamHealth
from pomerium_tx.registrations import ClientsOfRoutes, Registrations
from pomerium_tx.routing.route import Route, build
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from pomerium_tx.signing import Signing
from pomerium_tx.web.csrf import Csrf
from pomerium_tx.web.sealed import Sealer
from pomerium_tx.web.signed_url import UrlSigner

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """
    What every layout of a house is built around.
    """

    registry: SessionRegistry
    ending: Ending
    late_tokens: LateTokens
    providers: Mapping[str, Provider]
    """
    Those of the layout in use, by id: the mapping stays, what is in it changes.
    """
    knows: Callable[[str], bool]
    """
    Whether sessions of this provider, or issuer of tokens, may go on by the layout in use.
    """
    back_channel: BackChannelLogoutPage
    session_events: SessionEvents
    access_lines: AccessLines
    clock: IReactorTime
    deadlines: Deadlines
    http: HTTPClient
    connect: Connect


class Layout:
    """
    Routes, policies, providers, pages and all their settings, joined.

    :param previous: The layout that this one is to replace: what means the same in both is taken over.
    """

    def __init__(self, config: Config, lasting: Lasting, previous: Layout | None = None) -> None:
        self.config = config
        self._lasting = lasting
        shared = config.shared_secret.get_secret_value()
        self._authenticate_origin = config.authenticate_service_url
        self._url_signer = UrlSigner(shared)
        self._sealer = Sealer(config.cookie_secret.get_secret_value())
        self._handles = Handles(shared, config.cookie_name)
        self._signing: Signing = Signing(config, lasting.clock, None if previous is None else previous._signing)
        self.signers = self._signing.signers
        self.assertions = Assertions(
            self.signers[0], lasting.clock, config.jwt_issuer_format, dict(config.jwt_claims_headers)
        )
        self.table = RouteTable(
            (build(section, config) for section in config.routes), own_host=config.authenticate_origin.host
        )
        registrations = Registrations(
            config,
            http=lasting.http,
            clock=lasting.clock,
            previous={} if previous is None else previous.providers,
        )
        self.providers: Mapping[str, Provider] = registrations.providers
        self.default_idp_id = registrations.default_idp_id
        self._clients = ClientsOfRoutes(registrations, self.table, config.routes)
        self._cookie = CookieSettings(
            name=config.cookie_name,
            domain=config.cookie_domain,
            http_only=config.cookie_http_only,
            same_site=config.cookie_same_site,
            lifetime=config.cookie_expire.total_seconds(),
            plain_idp_id=registrations.default_idp_id,
        )
        self._login = LoginStart(
            url_signer=self._url_signer,
            authenticate_origin=self._authenticate_origin,
            cookie_name=config.cookie_name,
        )
        self._bearers: Bearers = Bearers(
            config,
            self.table,
            lasting.registry,
            provider_of=lambda route: self.providers[self._clients.of(route)],
            session_begun=self._session_begun,
            http=lasting.http,
            clock=lasting.clock,
            previous=None if previous is None else previous._bearers,
        )
        self.authorizer = Authorizer(
            self.table,
            lasting.registry,
            self._handles,
            idp_id_of=self._clients.of,
            authenticate_origin=self._authenticate_origin,
            bearers=self._bearers.routes,
        )
        self._tokens = KeptTokens()
        self._fronts = Fronts(config)
        self._programs = Programs(config, self.table, idp_id_of=self._clients.of)
        self._head_limits = limits.head_limits(config)
        self._connection_limits = limits.connection_limits(config, getrlimit(RLIMIT_NOFILE)[0])
        self._applications: Applications = Applications(
            config,
            self.table.routes,
            connect=lasting.connect,
            clock=lasting.clock,
            deadlines=lasting.deadlines,
            head_limits=self._head_limits,
            most_connections=self._connection_limits.to_applications,
            assertion=self.assertions.token,
            tokens_of=self._tokens.of,
            previous=None if previous is None else previous._applications,
        )
        self.resources = self._applications.resources
        self._route_site, self._authenticate_site, self._probe_site = self._sites()

    def cookie_of(self, session: Session) -> str:
        """
        What a request has in its ``Cookie`` field to be *session*'s on a route.
        """
        host = values.origin(self._authenticate_origin).host
        now = self._lasting.clock.seconds()
        handle = self._handles.mint(
            session.id, user_id=session.user_id, issuer=host, audience=(host,), idp_id=session.idp_id, now=now
        )
        return f"{self._cookie.name}={handle}"

    def proxy(self) -> Proxy:
        """
        What connections are to know of this layout.
        """
        config, lasting = self.config, self._lasting
        return Proxy(
            check=self.authorizer.check,
            decide=self.authorizer.decide,
            unauthenticated=unauthenticated,
            registry=lasting.registry,
            used=self._used,
            identity=self._identity,
            resources=lambda route: self.resources[route.id],
            site_of=self._site_of,
            refusals=Refusals(
                begin_sign_in=self._begin_sign_in,
                dress=dress(config).on,
                response_fields=lambda route: (
                    config.response_headers(None) if route is None else route.set_response_headers
                ),
            ),
            access_log=lasting.access_lines.add,
            clock=lasting.clock,
            deadlines=lasting.deadlines,
            limits=self._head_limits,
            times=limits.times(config),
            connection_limits=self._connection_limits,
            max_pipelined=config.max_pipelined_requests,
            normalize_path=config.normalize_path,
            merge_slashes=config.merge_slashes,
            streams_count=config.session_idle_counts_streams,
            client_of=self._fronts.client_of,
        )

    def start(self) -> None:
        """
        Begin what goes on for as long as this layout is in force, where requests are served.
        """
        self._applications.start()

    def upstream_health(self) -> list[UpstreamHealth]:
        """
        What is known of the upstreams of routes that have several, or one that is watched.
        """
        return self._applications.health()

    def forget(self, session_id: str) -> None:
        """
        Keep nothing of a session that has ended.
        """
        self.forget_tokens(session_id)
        self.assertions.forget(session_id)

    def forget_requests(self, session_ids: Set[str]) -> None:
        """
        Remember no request that names one of these sessions, which have ended.
        """
        self.authorizer.forget_requests(session_ids)

    def forget_tokens(self, session_id: str) -> None:
        """
        Keep nothing of what a session was: it is another one now.
        """
        self.authorizer.forget(session_id)
        self._tokens.forget(session_id)

    def retire(self, successor: Layout | None = None) -> None:
        """
        Let go of what *successor* has not taken over; what it has obeys its limits from now on.
        """
        # What was worked out by this layout is of no use to another one, and would keep it in memory.
        remembered_heads.forget_heads()
        response_head.forget_heads()
        self.authorizer.forget_all()
        self._applications.retire(None if successor is None else successor._applications)

    # Rooms.

    def _sites(self) -> tuple[Site, Site, Site]:
        """
        The trees of the route hosts, of the authenticate host, and of hosts that nobody has configured.
        """
        config, lasting = self.config, self._lasting
        targets = Targets(
            serves_origin=self.table.serves_origin,
            origins=(self._authenticate_origin, *self.table.origins, *config.sign_out_redirect_allowlist),
            any_absolute=config.runtime_flags.allow_any_sign_out_redirect_uri,
            default=config.signout_redirect_url,
        )
        from_same_site_now = config.sign_out_from_same_site == "now"
        ping, healthz = PingPage(), PingPage()
        forward_auth = self._fronts.pages(
            self.authorizer,
            self.assertions,
            self._head_limits,
            used=self._used,
            touch=lasting.registry.touch,
            begin_sign_in=self._begin_sign_in,
        )
        entrances = Entrances(self.table, self._counts)
        routes = route_site(
            authenticate_origin=self._authenticate_origin,
            registry=lasting.registry,
            providers=lasting.providers,
            ending=lasting.ending,
            targets=targets,
            cookie=self._cookie,
            handles=self._handles,
            sealer=self._sealer,
            url_signer=self._url_signer,
            assertions=self.assertions,
            login=self._login,
            idp_id_of=self._clients.at,
            serves_origin=self.table.serves_origin,
            redirects=self._programs.redirects,
            tokens_at=self._bearers.at,
            from_same_site_now=from_same_site_now,
            jwks=self._signing.jwks,
            ping=ping,
            healthz=healthz,
            site_data=self.table.site_data,
            session_events=lasting.session_events,
            back_channel=lasting.back_channel,
            accessible=entrances.of if config.runtime_flags.routes_portal else None,
            gives_jwt_to=entrances.open if config.runtime_flags.pomerium_jwt_endpoint else None,
            clock=lasting.clock,
        )
        authenticate = authenticate_site(
            authenticate_origin=self._authenticate_origin,
            registry=lasting.registry,
            providers=lasting.providers,
            default_idp_id=self.default_idp_id,
            ending=lasting.ending,
            late_tokens=lasting.late_tokens,
            targets=targets,
            cookie=self._cookie,
            handles=self._handles,
            csrf=Csrf(config.cookie_secret.get_secret_value()),
            sealer=self._sealer,
            url_signer=self._url_signer,
            serves_origin=self.table.serves_origin,
            origin_of_host=self._programs.origin_of_host,
            redirects=self._programs.redirects,
            asks_for_programs=self._programs.asks,
            from_same_site_now=from_same_site_now,
            session_begun=self._session_begun,
            jwks=self._signing.jwks,
            ping=ping,
            healthz=healthz,
            site_data=self.table.site_data,
            session_events=lasting.session_events,
            back_channel=lasting.back_channel,
            forward_auth=forward_auth,
            clock=lasting.clock,
        )
        probes = unknown_host(ping, healthz, forward_auth)
        return Site(routes), Site(authenticate), Site(probes)  # type: ignore[no-untyped-call] # Twisted's own

    # What rooms ask of one another.

    def _begin_sign_in(self, url: str, cookies: Sequence[bytes], route: Route) -> tuple[str, str]:
        hosts = self._programs.hosts_with(route)
        return self._login.begin(url, cookies, self._clients.of(route), self._lasting.clock.seconds(), hosts)

    def _site_of(self, canonical: Canonical) -> Site:
        host, port = canonical.host, canonical.port
        if self.authorizer.is_authenticate(host, port):
            return self._authenticate_site
        return self._route_site if self.table.serves(host, port) else self._probe_site

    def _counts(self, session: Session, route: Route) -> bool:
        tokens = self._bearers.routes.get(route.id)
        return session.idp_id == self._clients.of(route) or (tokens is not None and tokens.admits(session))

    def _identity(self, verdict: Verdict, canonical: Canonical) -> Lines:
        route = verdict.route
        if route is None or not route.pass_identity_headers:
            return NO_LINES
        return self.assertions.headers(verdict.session, canonical.host, route.jwt_issuer_format)

    def knows(self, idp_id: str) -> bool:
        """
        Whether sessions of this provider, or issuer of tokens, may go on.
        """
        return idp_id in self.providers or idp_id in self._bearers.issuers

    @property
    def takes_tokens(self) -> bool:
        """
        Whether sessions begin with tokens that programs present.
        """
        return bool(self._bearers.routes)

    def _session_begun(self, session: Session) -> None:
        audit_log.session_begun(session)
        if not self._lasting.knows(session.idp_id):
            # A reload has removed the OP while the sign-in was being recorded, and could not see the session yet.
            self._lasting.registry.report_due(session.id, Cause.PROVIDER_REMOVED)

    def _used(self, session: Session, route: Route, origin: str, peer: str) -> None:
        registry = self._lasting.registry
        registry.touch(session.id, peer)
        if not session.has_used(route.id):
            Deferred.fromCoroutine(registry.use_route(session.id, route.id, origin)).addErrback(
                lambda reason: log.failure("The first use of route {route_id} was not kept", reason, route_id=route.id)
            )
