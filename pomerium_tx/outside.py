"""
Where connections go, and how both ends of TLS are told: what a house needs of the network, by the configuration of the
day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IPolicyForHTTPS, IResponse
from zope.interface import implementer

from pomerium_tx import logs
from pomerium_tx.config.keys.client_certificates import NamePattern
from pomerium_tx.config.model import Config
from pomerium_tx.oidc.fetch import HTTPClient, http_client
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.tls.client_authorities import ClientAuthorities, NameMatcher
from pomerium_tx.tls.client_certificate import Names
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.transport import EncryptedFactory
from pomerium_tx.tls.upstream import client_options

CONNECT_SECONDS = 10.0


class Outside:
    """
    The network, as a configuration sees it.

    :param reactor: Must provide ``IReactorTCP``, ``IReactorTime`` and a name resolver.
    """

    def __init__(self, reactor: Any, config: Config) -> None:
        self._reactor = reactor
        self._config = config
        self._contexts = (
            None if config.insecure_server else DownstreamContexts(_pairs(config), client_authorities(config))
        )
        self._pool = HTTPConnectionPool(reactor)  # type: ignore[no-untyped-call] # Twisted's own
        self._agent = _ReplaceableAgent(self._new_agent(_ProviderTls(self), self._pool))
        self.http = http_client(self._agent)
        """
        What speaks to the OP.
        """
        logs.threshold.set(config.log_level)

    @property
    def ca_pem(self) -> bytes | None:
        """
        The authorities that are trusted where nothing else is said.
        """
        return self._config.certificate_authority

    def configure(self, config: Config) -> None:
        """
        Connect and answer by another configuration from now on.

        :raises UnusableCertificate: If its certificates cannot be used; then nothing has changed.
        """
        before = self._config
        is_other_tls = (_pairs(config), config.downstream_mtls) != (_pairs(before), before.downstream_mtls)
        if self._contexts is not None and is_other_tls:
            self._contexts.replace(_pairs(config), client_authorities(config))
        is_trust_another = config.certificate_authority != before.certificate_authority
        self._config = config
        if is_trust_another:
            self._renew_pool()
        logs.threshold.set(config.log_level)

    def wrapped(self, factory: Any) -> Any:
        """
        *factory* inside TLS, where that is configured.
        """
        return factory if self._contexts is None else EncryptedFactory(self._contexts, factory, self._reactor)

    def endpoint(self, route: Route, upstream: Upstream) -> IStreamClientEndpoint:
        """
        What connects to one of the upstreams of a route.
        """
        endpoint: IStreamClientEndpoint
        if upstream.socket is not None:
            endpoint = UNIXClientEndpoint(self._reactor, upstream.socket, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call] # Twisted's own
        else:
            endpoint = HostnameEndpoint(self._reactor, upstream.host, upstream.port, timeout=CONNECT_SECONDS)
        if upstream.scheme == "https":
            endpoint = wrapClientTLS(self.options_of(route, upstream.host), endpoint)
        return endpoint

    def http_of(self, route: Route) -> HTTPClient:
        """
        What speaks to the application of a route for ourselves: it trusts whom the proxied requests trust.
        """
        # Kept connections are known by name and port alone: one that trusts less must not be found by the OP's client.
        return http_client(self._new_agent(_RouteTls(self, route), None))

    async def close(self) -> None:
        """
        Close the connections to the OP.
        """
        closing: Deferred[None] = self._pool.closeCachedConnections()  # type: ignore[no-untyped-call] # Twisted's own
        await closing

    def options_of(self, route: Route, host: str) -> IOpenSSLClientConnectionCreator:
        """
        How a route's application at *host* is known.
        """
        tls = route.tls
        return client_options(
            tls.server_name or host,
            ca_pem=tls.ca_pem or self.ca_pem,
            skip_verify=tls.skip_verify,
            client_certificate=tls.client_certificate,
        )

    def _renew_pool(self) -> None:
        """
        Use no connection any more whose other end is known by the authorities of before.
        """
        before, self._pool = self._pool, HTTPConnectionPool(self._reactor)  # type: ignore[no-untyped-call] # Twisted's own
        self._agent.now = self._new_agent(_ProviderTls(self), self._pool)
        # What is in use comes back to it, and is closed then.
        before.cachedConnectionTimeout = 0
        before.closeCachedConnections()  # type: ignore[no-untyped-call] # Twisted's own

    def _new_agent(self, policy: IPolicyForHTTPS, pool: HTTPConnectionPool | None) -> Agent:
        return Agent(self._reactor, policy, connectTimeout=CONNECT_SECONDS, pool=pool)  # type: ignore[no-untyped-call] # Twisted's own


@implementer(IAgent)
class _ReplaceableAgent:
    """
    One after the other, for whoever keeps a client.
    """

    def __init__(self, agent: Agent) -> None:
        self.now = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        return self.now.request(method, uri, headers, bodyProducer)


@implementer(IPolicyForHTTPS)
class _ProviderTls:
    """
    Verifies the OP's certificate.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        return client_options(
            hostname.decode("ascii"), ca_pem=self._outside.ca_pem, skip_verify=False, client_certificate=None
        )


@implementer(IPolicyForHTTPS)
class _RouteTls:
    """
    Verifies the certificate of a route's application.
    """

    def __init__(self, outside: Outside, route: Route) -> None:
        self._outside = outside
        self._route = route

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        return self._outside.options_of(self._route, hostname.decode("ascii"))


def _pairs(config: Config) -> list[tuple[bytes, bytes]]:
    return [(certificate, key.get_secret_value()) for certificate, key in config.key_pairs]


def client_authorities(config: Config) -> ClientAuthorities | None:
    """
    Whose client certificates are believed, if any are asked for.
    """
    mtls = config.downstream_mtls
    if mtls is None or mtls.ca is None:
        return None
    return ClientAuthorities(
        ca_pem=mtls.ca,
        crl_pem=mtls.crl,
        wanted_names=[_wanted(each) for each in mtls.match_subject_alt_names],
        max_depth=mtls.max_verify_depth,
        rejects=mtls.enforcement == "reject_connection",
    )


def _wanted(wanted: NamePattern) -> NameMatcher:
    of_kind, matches = _NAMES[wanted.kind], wanted.pattern.matches
    return lambda names: any(matches(name.encode("utf-8")) for name in of_kind(names))


_NAMES: Mapping[str, Callable[[Names], tuple[str, ...]]] = {
    "dns": lambda names: names.dns,
    "email": lambda names: names.emails,
    "ip_address": lambda names: names.addresses,
    "uri": lambda names: names.uris,
    "user_principal_name": lambda names: names.principals,
}
