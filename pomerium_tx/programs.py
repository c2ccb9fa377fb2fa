"""
What a configuration lets programs do, and what else gets a session to a route than a person who opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.bearer.kinds import AccessTokens, IdentityTokens, IssuedTokens, TokenKind, issuer_id
from pomerium_tx.bearer.route_tokens import RouteTokens
from pomerium_tx.bearer.tokens import BearerTokens
from pomerium_tx.config.forms.values import origin
from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.token_issuer import IssuerSettings, TokenIssuer
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.programmatic import ProgrammaticRedirects


class Programs:
    """
    The part of a layout that is about programs.
    """

    def __init__(self, config: Config, table: RouteTable, *, idp_id_of: Callable[[Route | None], str]) -> None:
        """
        :param idp_id_of: The client that people of a route sign in for.
        """
        self.redirects = ProgrammaticRedirects(config.programmatic_redirect_domain_whitelist)
        self.asks = config.programmatic_login == "confirm"
        self._table = table
        self._idp_id_of = idp_id_of
        pairs = zip(table.routes, config.routes, strict=True)
        self._depends_on: Mapping[str, tuple[str, ...]] = {route.id: section.depends_on for route, section in pairs}

    def origin_of_host(self, host: str) -> str | None:
        """
        The external origin of a route host, which may be written with its port.
        """
        try:
            named = origin(f"https://{host}")
        except ValueError:
            return None
        return self._table.origin(named.host, named.port)

    def hosts_with(self, route: Route) -> tuple[str, ...]:
        """
        The hosts to which people are signed in along with a route: of ``depends_on``, those that want them from the
        same OP.
        """
        # A request that is under way may be on a route that a reload has removed.
        hosts = self._depends_on.get(route.id, ())
        if not hosts:
            return ()
        idp_id = self._idp_id_of(route)
        origins = ((host, self.origin_of_host(host)) for host in hosts)
        return tuple(
            host
            for host, found in origins
            if found is not None and self._idp_id_of(self._table.root_of(found)) == idp_id
        )


class Bearers:
    """
    Which tokens a configuration's routes take.

    :param previous: Those of the configuration before: an issuer with the same settings is taken over, and what was
        learnt of it is not forgotten.
    """

    def __init__(
        self,
        config: Config,
        table: RouteTable,
        registry: SessionRegistry,
        *,
        provider_of: Callable[[Route], Provider],
        session_begun: Callable[[Session], None],
        http: HTTPClient,
        clock: IReactorTime,
        previous: Bearers | None,
    ) -> None:
        """
        :param provider_of: The client that people of a route sign in for.
        :param session_begun: Told each session that begins, for the audit log.
        """
        tokens = BearerTokens(
            registry=registry,
            key=config.shared_secret.get_secret_value(),
            clock=clock,
            lifetime=config.cookie_expire.total_seconds(),
            session_begun=session_begun,
        )
        known = {} if previous is None else previous.issuers
        named = [(name, _issuer_settings(name, config)) for name in sorted(config.identity_providers)]
        self.issuers: Mapping[str, TokenIssuer] = {
            issuer_id(settings): known.get(issuer_id(settings)) or TokenIssuer(settings, http=http, clock=clock)
            for _, settings in named
        }
        """
        By the id that their sessions have.
        """
        self.routes: dict[str, RouteTokens] = {}
        """
        By route id; none for a route that takes no tokens.
        """
        self._by_origin: dict[str, list[RouteTokens]] = {}
        for route, section in zip(table.routes, config.routes, strict=True):
            kind = self._kind(config, section, clock, lambda route=route: provider_of(route))  # type: ignore[misc]
            if kind is not None:
                taken = self.routes[route.id] = RouteTokens(tokens, kind)
                self._by_origin.setdefault(route.origin(), []).append(taken)

    def at(self, origin: str) -> Sequence[RouteTokens]:
        """
        The tokens that are taken by routes of an origin.
        """
        return self._by_origin.get(origin, ())

    def _kind(
        self, config: Config, section: RouteSection, clock: IReactorTime, provider: Callable[[], Provider]
    ) -> TokenKind | None:
        audiences = section.idp_access_token_allowed_audiences
        match section.bearer_token_format or config.bearer_token_format:
            case "idp_access_token":
                audiences = config.idp_access_token_allowed_audiences if audiences is None else audiences
                return AccessTokens(provider(), None if audiences is None else frozenset(audiences), clock)
            case "idp_identity_token":
                return IdentityTokens(provider())
            case "jwt":
                names = section.identity_providers or tuple(config.identity_providers)
                return IssuedTokens(
                    {name: issuer for name, issuer in self.issuers.items() if issuer.settings.name in names}
                )
        return None


def _issuer_settings(name: str, config: Config) -> IssuerSettings:
    section = config.identity_providers[name]
    return IssuerSettings(
        name=name,
        issuer=section.issuer,
        jwks_url=section.jwks_url,
        algorithms=frozenset(section.supported_algs),
        audiences=frozenset(section.audiences),
    )
