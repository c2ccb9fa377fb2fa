"""
The clients that a configuration has registered at OPs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.config.keys.provider import ProviderSection
from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.github import GitHub
from pomerium_tx.oidc.provider import Provider, ProviderSettings
from pomerium_tx.oidc.provider_settings import Revocation, idp_id
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable


class Registrations:
    """
    Every client of every OP of one configuration.

    :param previous: Those of the configuration before, by id: one with the same settings is taken over, and what was
        learnt of an issuer is not forgotten.
    """

    def __init__(
        self, config: Config, *, http: HTTPClient, clock: IReactorTime, previous: Mapping[str, Provider]
    ) -> None:
        self._http = http
        self._clock = clock
        self._sections = config.provider_sections
        self._default = config.default_provider_name
        providers: dict[str, Provider] = {}
        for settings in _all_settings(config):
            name = idp_id(settings.issuer, settings.client_id)
            if name not in providers:
                providers[name] = self._provider(settings, (*previous.values(), *providers.values()))
        self.providers: Mapping[str, Provider] = providers
        """
        By id.
        """
        default = self._sections[self._default]
        assert default.idp_client_id is not None
        self.default_idp_id = idp_id(default.issuer, default.idp_client_id)
        """
        Of the OP of routes that name none.
        """

    def idp_id_of(self, section: RouteSection) -> str:
        """
        The id of the client that people of a route sign in for.
        """
        chosen = self._sections[section.idp or self._default]
        client_id = section.idp_client_id or chosen.idp_client_id
        assert client_id is not None
        return idp_id(chosen.issuer, client_id)

    def _provider(self, settings: ProviderSettings, known: Iterable[Provider]) -> Provider:
        known = tuple(known)
        for provider in known:
            if provider.settings == settings:
                return provider
        kind = Provider if settings.is_oidc else GitHub
        found = kind(settings, http=self._http, clock=self._clock)
        for provider in known:
            found.succeed(provider)
        return found


class ClientsOfRoutes:
    """
    Which client people sign in for where.

    :param sections: What the routes of the table are made from, in the same order.
    """

    def __init__(self, registrations: Registrations, table: RouteTable, sections: Sequence[RouteSection]) -> None:
        self._default = registrations.default_idp_id
        self._table = table
        self._by_route = {
            route.id: registrations.idp_id_of(section) for route, section in zip(table.routes, sections, strict=True)
        }

    def of(self, route: Route | None) -> str:
        """
        The client that people of a route sign in for.
        """
        # A request that is under way may be on one that a reload has removed.
        return self._default if route is None else self._by_route.get(route.id, self._default)

    def at(self, origin: str) -> str:
        """
        The client that people sign in for who ask an origin for one of our own pages: that of the route of its root, or
        else of the first of its routes.
        """
        return self.of(self._table.root_of(origin))


def _all_settings(config: Config) -> Iterable[ProviderSettings]:
    redirect_uri = config.authenticate_service_url + paths.PROVIDER_CALLBACK
    for name, section in config.provider_sections.items():
        yield _settings(name, section, redirect_uri, section)
    for route in config.routes:
        if route.idp_client_id is not None:
            name = route.idp or config.default_provider_name
            yield _settings(name, config.provider_sections[name], redirect_uri, route)


def _settings(
    name: str, section: ProviderSection, redirect_uri: str, client: ProviderSection | RouteSection
) -> ProviderSettings:
    """
    The settings of a client, which may be one of a route, at the provider of that name.
    """
    particulars = section.particulars
    secret = client.idp_client_secret or section.idp_client_secret
    assert client.idp_client_id is not None and secret is not None
    needs_hint = section.end_session_needs_hint
    return ProviderSettings(
        name=name,
        issuer=section.issuer,
        client_id=client.idp_client_id,
        client_secret=secret.get_secret_value(),
        redirect_uri=redirect_uri,
        scopes=section.scopes,
        request_params=section.request_params,
        end_session_needs_hint=particulars.end_session_needs_hint if needs_hint is None else needs_hint,
        id_token_signed_response_alg=section.id_token_signed_response_alg,
        backchannel_logout_allow_missing_exp=section.backchannel_logout_allow_missing_exp,
        frontchannel_sid_is_sub=section.frontchannel_sid_is_sub,
        is_oidc=particulars.is_oidc,
        end_session=section.end_session is not False,
        sign_out_url=section.sign_out_url or particulars.sign_out_url,
        fallback_sign_out_url=particulars.fallback_sign_out_url,
        revocation=Revocation(section.revocation or particulars.revocation),
        revocation_path=particulars.revocation_path,
    )
