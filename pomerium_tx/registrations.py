"""
The clients that a configuration has registered at OPs.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.config.model import Config
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.provider import Provider, ProviderSettings


class Registrations:
    """
    Every OP of one configuration.

    :param previous: Those of the configuration before, by id: one with the same settings is taken over, and what was
        learnt of an issuer is not forgotten.
    """

    def __init__(
        self, config: Config, *, http: HTTPClient, clock: IReactorTime, previous: Mapping[str, Provider]
    ) -> None:
        self._http = http
        self._clock = clock
        provider = self._provider(_settings(config), previous)
        self.providers: Mapping[str, Provider] = {provider.idp_id: provider}
        """
        By id.
        """
        self.default_idp_id = provider.idp_id
        """
        Of the OP of routes that name none.
        """

    def _provider(self, settings: ProviderSettings, previous: Mapping[str, Provider]) -> Provider:
        known = previous.values()
        for provider in known:
            if provider.settings == settings:
                return provider
        found = Provider(settings, http=self._http, clock=self._clock)
        for provider in known:
            found.succeed(provider)
        return found


def _settings(config: Config) -> ProviderSettings:
    return ProviderSettings(
        issuer=config.idp_provider_url,
        client_id=config.idp_client_id,
        client_secret=config.idp_client_secret.get_secret_value(),
        redirect_uri=config.authenticate_service_url + paths.PROVIDER_CALLBACK,
        scopes=config.idp_scopes,
        request_params=config.idp_request_params,
        end_session_needs_hint=config.end_session_needs_hint,
        id_token_signed_response_alg=config.id_token_signed_response_alg,
        backchannel_logout_allow_missing_exp=config.backchannel_logout_allow_missing_exp,
        frontchannel_sid_is_sub=config.frontchannel_sid_is_sub,
    )
