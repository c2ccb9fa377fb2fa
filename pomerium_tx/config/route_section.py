"""
One of ``routes``: every key that is supported there, its type and its default.

They stand by topic in the ``route_..._keys`` modules. ``from`` is ``from_`` here; the other attributes are spelled as
the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretBytes

from pomerium_tx.config.keys.route_access import RouteAccessKeys
from pomerium_tx.config.keys.route_answer import RedirectSection, ResponseSection, RouteAnswerKeys
from pomerium_tx.config.keys.route_forwarding import CircuitBreakerThresholds, RouteForwardingKeys
from pomerium_tx.config.keys.route_headers import RouteHeaderKeys
from pomerium_tx.config.keys.route_identity import RouteIdentityKeys
from pomerium_tx.config.keys.route_match import RouteMatchKeys
from pomerium_tx.config.keys.route_programs import RouteProgramKeys
from pomerium_tx.config.keys.route_provider import RouteProviderKeys
from pomerium_tx.config.keys.route_rewriting import RouteRewriteKeys
from pomerium_tx.config.keys.route_tls import RouteTlsKeys
from pomerium_tx.config.keys.route_upstreams import RouteUpstreamKeys
from pomerium_tx.config.section import Section

__all__ = ["CircuitBreakerThresholds", "RouteSection"]


class RouteSection(
    RouteMatchKeys,
    RouteUpstreamKeys,
    RouteAccessKeys,
    RouteProviderKeys,
    RouteAnswerKeys,
    RouteRewriteKeys,
    RouteForwardingKeys,
    RouteHeaderKeys,
    RouteIdentityKeys,
    RouteProgramKeys,
    RouteTlsKeys,
):
    """
    One of ``routes``.
    """

    files: ClassVar[Mapping[str, str]] = {
        "kubernetes_service_account_token": "kubernetes_service_account_token_file",
        "tls_custom_ca": "tls_custom_ca_file",
        "tls_client_cert": "tls_client_cert_file",
        "tls_client_key": "tls_client_key_file",
        "idp_client_secret": "idp_client_secret_file",
    }
    empty_says: ClassVar[frozenset[str] | None] = frozenset(
        {
            # What these leave out, a slip of whoever fills in a template must not let in.
            "allow_any_authenticated_user",
            "allow_public_unauthenticated_access",
            "allowed_domains",
            "allowed_idp_claims",
            "allowed_users",
            "cors_allow_preflight",
            "identity_providers",
            "idp",
            "idp_access_token_allowed_audiences",
            "path",
            "policy",
            "prefix",
            "regex",
            # Nothing is put in the place of what was found.
            "host_path_regex_rewrite_substitution",
            "regex_rewrite_substitution",
        }
    )
    nested: ClassVar[Mapping[str, type[Section]]] = {
        **RouteUpstreamKeys.nested,
        "circuit_breaker_thresholds": CircuitBreakerThresholds,
        "redirect": RedirectSection,
        "response": ResponseSection,
    }

    @property
    def upstream_server_name(self) -> str | None:
        """
        The name to send and verify, where it is not the host of ``to``.
        """
        return self.tls_upstream_server_name or self.tls_server_name

    @property
    def client_certificate(self) -> tuple[bytes, SecretBytes] | None:
        """
        What we show to the upstream: PEM certificates and their key.
        """
        if self.tls_client_cert is None or self.tls_client_key is None:
            return None
        return self.tls_client_cert, self.tls_client_key
