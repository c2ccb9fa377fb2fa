"""
Assembly: builds every room from the configuration and joins them.

The only place that sees a whole configuration. A house needs no socket and no real time; `service` puts it behind
listening addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.web.server import Site

from pomerium_tx import paths
from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.authenticate.refresher import Refresher
from pomerium_tx.authenticate.site import authenticate_site
from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.authorize.refusal import unauthenticated
from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.config.model import Config
from pomerium_tx.dashboard.login import LoginStart
from pomerium_tx.dashboard.published import JwksPage, PingPage
from pomerium_tx.dashboard.site import route_site
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.jose.signer import derived_signer, load_signers
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.expiry import Expiry
from pomerium_tx.logout.outbox import Outbox
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.logout.target import Targets
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.provider import Provider, ProviderSettings
from pomerium_tx.operations import audit_log
from pomerium_tx.operations.access_log import log_request
from pomerium_tx.proxy.connection import Answered, Proxy, Times
from pomerium_tx.proxy.deadlines import NEVER, Deadlines
from pomerium_tx.proxy.factory import DownstreamFactory
from pomerium_tx.proxy.forwarding import Forwarding
from pomerium_tx.proxy.pool import Pool
from pomerium_tx.proxy.refusals import Refusals
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.routing.route import Route, build
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import SessionStore
from pomerium_tx.web.csrf import Csrf
from pomerium_tx.web.resource import Folder
from pomerium_tx.web.sealed import Sealer
from pomerium_tx.web.signed_url import UrlSigner

log = Logger()

Connect = Callable[[Route], IStreamClientEndpoint]
"""
What connects to the upstream of a route.
"""


class House:
    """
    Every room, joined, around one registry.

    :param store: What keeps the sessions.
    :param now: Seconds that no step of the wall clock can move.
    :param http: What speaks to the OP.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: SessionStore,
        clock: IReactorTime,
        now: Callable[[], float],
        http: HTTPClient,
        connect: Connect,
    ) -> None:
        self._config = config
        self._clock = clock
        shared = config.shared_secret.get_secret_value()
        self._authenticate_origin = config.authenticate_service_url
        self._url_signer = UrlSigner(shared)
        self._sealer = Sealer(config.cookie_secret.get_secret_value())
        self._handles = Handles(shared, config.cookie_name)
        self._cookie = CookieSettings(
            name=config.cookie_name,
            domain=config.cookie_domain,
            http_only=config.cookie_http_only,
            same_site=config.cookie_same_site,
            lifetime=config.cookie_expire.total_seconds(),
        )
        key = config.signing_key
        self._signers = [derived_signer(shared)] if key is None else load_signers(key.get_secret_value())
        self._assertions = Assertions(
            self._signers[0], clock, config.jwt_issuer_format, dict(config.jwt_claims_headers)
        )
        self._table = RouteTable(build(section, config) for section in config.routes)
        self.registry = SessionRegistry(store, clock)
        self.registry.subscribe_ended(self._forget_assertions)
        self._provider = Provider(_provider_settings(config), http=http, clock=clock)
        providers: Mapping[str, Provider] = {self._provider.idp_id: self._provider}
        self.ending = Ending(
            registry=self.registry,
            providers=providers,
            clock=clock,
            key=shared,
            revocation_delay=config.revocation_delay.total_seconds(),
            audit=audit_log.session_ended,
        )
        self._workers = (
            Expiry(registry=self.registry, ending=self.ending, clock=clock),
            Outbox(registry=self.registry, providers=providers, clock=clock),
            Refresher(
                registry=self.registry,
                providers=providers,
                ending=self.ending,
                clock=clock,
                claims_changed=self._cut_what_is_not_admitted,
            ),
        )
        self._login = LoginStart(
            url_signer=self._url_signer,
            authenticate_origin=self._authenticate_origin,
            cookie_name=config.cookie_name,
        )
        self._authorizer = Authorizer(
            self._table,
            self.registry,
            self._handles,
            idp_id_of=lambda route: self._provider.idp_id,
            authenticate_origin=self._authenticate_origin,
        )
        self._deadlines = Deadlines(clock, now)
        self._resources = {route.id: self._resource(route, connect(route)) for route in self._table.routes}
        self._route_site, self._authenticate_site, self._probe_site = self._sites(providers)
        self.proxy = self._proxy()
        self.factory = DownstreamFactory(self.proxy)

    async def start(self) -> None:
        """
        Know all sessions, and begin the work that nobody waits for.

        :raises StoreUnavailable: If the store cannot say what it knows.
        """
        await self.registry.join()
        self._deadlines.start()
        for worker in self._workers:
            worker.start()

    def drain(self) -> None:
        """
        Answer what is under way, and nothing new on the same connections.
        """
        self.proxy.draining = True
        self.factory.close_idle()

    def stop(self) -> None:
        """
        End every connection and every delayed call.
        """
        self.factory.abort_all()
        for worker in self._workers:
            worker.stop()
        for resource in self._resources.values():
            resource.pool.close()
        self._deadlines.stop()
        self.registry.leave()

    # Rooms.

    def _resource(self, route: Route, endpoint: IStreamClientEndpoint) -> ReverseProxyResource:
        config = self._config
        name = route.name or route.id
        return ReverseProxyResource(
            route=route,
            upstream=route.upstreams[0],
            pool=Pool(endpoint, limits=HeadLimits(), deadlines=self._deadlines),
            forwarding=Forwarding(
                route,
                cookie_name=config.cookie_name.encode("ascii"),
                claim_fields=[field.encode("ascii") for field in config.jwt_claims_headers],
                response_fields=[(n.encode("ascii"), v.encode("latin-1")) for n, v in route.set_response_headers],
                append_forwarded_for=not config.skip_xff_append,
                dropped_cookie=lambda cookie: log.warn(
                    "The upstream of route {route} tried to set our cookie {name}; it was dropped",
                    route=name,
                    name=cookie.decode("latin-1"),
                ),
            ),
        )

    def _sites(self, providers: Mapping[str, Provider]) -> tuple[Site, Site, Site]:
        """
        The trees of the route hosts, of the authenticate host, and of hosts that nobody has configured.
        """
        config = self._config
        targets = Targets(
            serves_origin=self._table.serves_origin,
            origins=(self._authenticate_origin, *config.sign_out_redirect_allowlist),
            any_absolute=config.runtime_flags.allow_any_sign_out_redirect_uri,
            default=config.signout_redirect_url,
        )
        from_same_site_now = config.sign_out_from_same_site == "now"
        jwks, ping, healthz = JwksPage([signer.public_jwk() for signer in self._signers]), PingPage(), PingPage()
        routes = route_site(
            authenticate_origin=self._authenticate_origin,
            registry=self.registry,
            ending=self.ending,
            targets=targets,
            cookie=self._cookie,
            handles=self._handles,
            sealer=self._sealer,
            url_signer=self._url_signer,
            assertions=self._assertions,
            login=self._login,
            idp_id_of=lambda origin: self._provider.idp_id,
            from_same_site_now=from_same_site_now,
            jwks=jwks,
            ping=ping,
            healthz=healthz,
            clock=self._clock,
        )
        authenticate = authenticate_site(
            authenticate_origin=self._authenticate_origin,
            registry=self.registry,
            providers=providers,
            default_idp_id=self._provider.idp_id,
            ending=self.ending,
            targets=targets,
            cookie=self._cookie,
            handles=self._handles,
            csrf=Csrf(self._config.cookie_secret.get_secret_value()),
            sealer=self._sealer,
            url_signer=self._url_signer,
            serves_origin=self._table.serves_origin,
            from_same_site_now=from_same_site_now,
            session_begun=audit_log.session_begun,
            jwks=jwks,
            ping=ping,
            healthz=healthz,
            clock=self._clock,
        )
        probes = Folder()
        probes.putChild(paths.PING[1:].encode(), ping)
        probes.putChild(paths.HEALTHZ[1:].encode(), healthz)
        return Site(routes), Site(authenticate), Site(probes)  # type: ignore[no-untyped-call] # Twisted's own

    def _proxy(self) -> Proxy:
        config = self._config
        return Proxy(
            check=self._authorizer.check,
            unauthenticated=unauthenticated,
            registry=self.registry,
            used=self._used,
            identity=self._identity,
            resources=lambda route: self._resources[route.id],
            site_of=self._site_of,
            refusals=Refusals(
                begin_sign_in=lambda url, cookies, route: self._login.begin(
                    url, cookies, self._provider.idp_id, self._clock.seconds()
                ),
                response_fields=lambda route: (
                    config.response_headers(None) if route is None else route.set_response_headers
                ),
            ),
            access_log=_log_access,
            clock=self._clock,
            deadlines=self._deadlines,
            limits=HeadLimits(),
            times=Times(
                body=config.timeout_read.total_seconds() or NEVER,
                idle=config.timeout_idle.total_seconds() or NEVER,
            ),
            normalize_path=config.normalize_path,
            merge_slashes=config.merge_slashes,
        )

    # What rooms ask of one another.

    def _site_of(self, canonical: Canonical) -> Site:
        host, port = canonical.host, canonical.port
        if self._authorizer.is_authenticate(host, port):
            return self._authenticate_site
        return self._route_site if self._table.serves(host, port) else self._probe_site

    def _identity(self, verdict: Verdict, canonical: Canonical) -> Sequence[tuple[bytes, bytes]]:
        route = verdict.route
        if route is None or not route.pass_identity_headers:
            return ()
        return self._assertions.headers(verdict.session, canonical.host, route.jwt_issuer_format)

    def _used(self, session: Session, route: Route, origin: str) -> None:
        self.registry.touch(session.id)
        if route.id not in session.uses:
            Deferred.fromCoroutine(self.registry.use_route(session.id, route.id, origin)).addErrback(
                lambda reason: log.failure("The first use of route {route_id} was not kept", reason, route_id=route.id)
            )

    def _cut_what_is_not_admitted(self, session: Session) -> None:
        for exchange in self.registry.exchanges(session.id):
            if not self._resources[exchange.route_id].route.policy(session).admits:
                exchange.cut(None)

    def _forget_assertions(self, receipt: Receipt, sessions: tuple[Session, ...]) -> None:
        for session in sessions:
            self._assertions.forget(session.id)


def _provider_settings(config: Config) -> ProviderSettings:
    return ProviderSettings(
        issuer=config.idp_provider_url,
        client_id=config.idp_client_id,
        client_secret=config.idp_client_secret.get_secret_value(),
        redirect_uri=config.authenticate_service_url + paths.PROVIDER_CALLBACK,
        scopes=config.idp_scopes,
        request_params=config.idp_request_params,
        end_session_needs_hint=config.end_session_needs_hint,
        id_token_signed_response_alg=config.id_token_signed_response_alg,
    )


def _log_access(answered: Answered) -> None:
    asked = answered.asked
    route = None if asked is None else asked.verdict.route
    log_request(
        head=answered.head,
        authority="" if asked is None else asked.canonical.authority.decode("ascii"),
        path="" if asked is None else asked.canonical.path.decode("ascii"),
        peer=answered.peer,
        request_id=answered.request_id,
        upstream="" if route is None else route.name or route.id,
        status=answered.status,
        size=answered.size,
        seconds=answered.seconds,
        details=answered.details,
    )
