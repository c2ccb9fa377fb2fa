"""
The schema: every key that is supported, its type and its default.

Keys stand by topic in `pomerium_tx.config.keys`, each with the words that `docs/configuration.md` has for it; those of
a route come together in `pomerium_tx.config.route_section`. What is known but not supported is in
`pomerium_tx.config.told.unsupported`; what needs more than one key to be judged, in `pomerium_tx.config.rules`.
Attributes are spelled as the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretBytes

from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.values import Address
from pomerium_tx.config.keys.client_certificates import ClientCertificateKeys, DownstreamMtls
from pomerium_tx.config.keys.fronts import FrontKeys
from pomerium_tx.config.keys.identity import IdentityKeys
from pomerium_tx.config.keys.limits import LimitKeys
from pomerium_tx.config.keys.listening import CertificateSection, ListeningKeys
from pomerium_tx.config.keys.looks import LookKeys
from pomerium_tx.config.keys.programs import ProgramKeys
from pomerium_tx.config.keys.providers import ProviderKeys
from pomerium_tx.config.keys.running import RunningKeys, RuntimeFlags
from pomerium_tx.config.keys.sessions import SessionKeys
from pomerium_tx.config.keys.upstreams import UpstreamKeys
from pomerium_tx.config.route_section import CircuitBreakerThresholds, RouteSection
from pomerium_tx.config.section import Section

__all__ = ["DISABLE", "CertificateSection", "Config", "RuntimeFlags"]

DISABLE = "disable"
"""
The name among ``set_response_headers`` that empties them.
"""
_HSTS = "Strict-Transport-Security"
_DEFAULT_RESPONSE_HEADERS: Mapping[str, str] = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-XSS-Protection": "1; mode=block",
    _HSTS: "max-age=31536000; includeSubDomains; preload",
}


class Config(
    ListeningKeys,
    ClientCertificateKeys,
    FrontKeys,
    LimitKeys,
    SessionKeys,
    ProviderKeys,
    UpstreamKeys,
    IdentityKeys,
    ProgramKeys,
    LookKeys,
    RunningKeys,
):
    """
    A whole configuration.
    """

    nested: ClassVar[Mapping[str, type[Section]]] = {
        "policy": RouteSection,
        "routes": RouteSection,
        "certificates": CertificateSection,
        "circuit_breaker_thresholds": CircuitBreakerThresholds,
        "downstream_mtls": DownstreamMtls,
    }
    files: ClassVar[Mapping[str, str]] = {
        "shared_secret": "shared_secret_file",
        "cookie_secret": "cookie_secret_file",
        "idp_client_secret": "idp_client_secret_file",
        "admin_token": "admin_token_file",
        "signing_key": "signing_key_file",
        "certificate": "certificate_file",
        "certificate_key": "certificate_key_file",
        "certificate_authority": "certificate_authority_file",
    }
    empty_says: ClassVar[frozenset[str] | None] = frozenset(
        {
            "admin_address",
            "admin_token",
            "downstream_mtls",
            "identity_providers",
            "idp_access_token_allowed_audiences",
            "programmatic_redirect_domain_whitelist",
            "trusted_proxies",
        }
    )

    @property
    def authenticate_origin(self) -> values.Origin:
        """
        ``authenticate_service_url``, taken apart.
        """
        return values.origin(self.authenticate_service_url)

    @property
    def authenticate_listener(self) -> Address | None:
        """
        Where the authenticate host listens by itself; None when it shares ``address`` and is told apart by its name.
        """
        wanted = self.authenticate_address
        if wanted is None:
            wanted = Address(host=self.address.host, port=self.authenticate_origin.effective_port)
        return None if wanted == self.address else wanted

    @property
    def key_pairs(self) -> tuple[tuple[bytes, SecretBytes], ...]:
        """
        PEM certificates and their key, for every certificate that we show; the first is the default.
        """
        pairs = [(section.cert, section.key) for section in self.certificates]
        if self.certificate is not None and self.certificate_key is not None:
            pairs.insert(0, (self.certificate, self.certificate_key))
        return tuple(pairs)

    @property
    def upstream_bounds(self) -> tuple[int, int]:
        """
        How many connections to one origin there may be, and how many requests may wait for one.
        """
        connections, queue = self.max_upstream_connections, self.max_upstream_queue
        thresholds = self.circuit_breaker_thresholds
        if thresholds is not None:
            connections = thresholds.max_connections or connections
            queue = queue if thresholds.max_pending_requests is None else thresholds.max_pending_requests
        return connections, queue

    def response_headers(self, route: RouteSection | None) -> tuple[tuple[str, str], ...]:
        """
        What is set on every response of a route; of our own pages and errors where *route* is None.
        """
        headers = self.set_response_headers
        if headers is None:
            headers = {
                name: value for name, value in _DEFAULT_RESPONSE_HEADERS.items() if name != _HSTS or self.key_pairs
            }
        merged = {name.lower(): (name, value) for name, value in headers.items()}
        if DISABLE in merged:
            merged = {}
        if route is not None and route.set_response_headers is not None:
            merged.update((name.lower(), (name, value)) for name, value in route.set_response_headers.items())
        return () if DISABLE in merged else tuple(merged.values())
