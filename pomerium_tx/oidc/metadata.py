"""
Provider metadata, OpenID Connect Discovery 1.0 section 3: only what is used, and only what may be believed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.logger import Logger

from pomerium_tx.jose.jwk_set import ALGORITHMS
from pomerium_tx.oidc.fetch import ProviderUnavailable

log = Logger()

_VISIBLE: Final = re.compile(r"[!-~]{1,2048}")
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """
    What a provider says about itself.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None
    id_token_signing_alg_values_supported: frozenset[str] = frozenset({"RS256"})
    code_challenge_methods_supported: frozenset[str] = frozenset()
    prompt_values_supported: frozenset[str] = frozenset()
    token_endpoint_auth_methods_supported: frozenset[str] | None = None
    """
    None where the provider does not say, which means ``client_secret_basic``.
    """
    authorization_response_iss_parameter_supported: bool = False
    frontchannel_logout_supported: bool = False
    backchannel_logout_supported: bool = False
    backchannel_logout_session_supported: bool = False

    @property
    def supports_pkce(self) -> bool:
        """
        Can the provider be relied on to check a ``code_verifier`` (S256)?
        """
        return "S256" in self.code_challenge_methods_supported

    @property
    def endpoints(self) -> frozenset[str]:
        """
        Every URL that is used of this provider.
        """
        optional = (self.userinfo_endpoint, self.end_session_endpoint, self.revocation_endpoint)
        required = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return frozenset((*required, *(url for url in optional if url is not None)))


def discovery_url(issuer: str) -> str:
    """
    Where the metadata of *issuer* is published (section 4).
    """
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def parse(document: Mapping[str, Any], issuer: str) -> ProviderMetadata:
    """
    The metadata of *issuer* that *document* is.

    :raises ProviderUnavailable: If it is another's, or a sign-in cannot begin with it.
    """
    # Section 4.3: exactly, a slash at the end included.
    if document.get("issuer") != issuer:
        raise ProviderUnavailable("the provider's metadata names another issuer")
    algorithms = _strings(document, "id_token_signing_alg_values_supported")
    if algorithms is not None and not algorithms & ALGORITHMS:
        raise ProviderUnavailable("the provider signs its ID Tokens with no algorithm that can be verified")
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=_required(document, "authorization_endpoint", issuer),
        token_endpoint=_required(document, "token_endpoint", issuer),
        jwks_uri=_required(document, "jwks_uri", issuer),
        userinfo_endpoint=_optional(document, "userinfo_endpoint", issuer),
        end_session_endpoint=_optional(document, "end_session_endpoint", issuer),
        revocation_endpoint=_optional(document, "revocation_endpoint", issuer),
        id_token_signing_alg_values_supported=frozenset({"RS256"}) if algorithms is None else algorithms & ALGORITHMS,
        code_challenge_methods_supported=_strings(document, "code_challenge_methods_supported") or frozenset(),
        prompt_values_supported=_strings(document, "prompt_values_supported") or frozenset(),
        token_endpoint_auth_methods_supported=_strings(document, "token_endpoint_auth_methods_supported"),
        authorization_response_iss_parameter_supported=document.get("authorization_response_iss_parameter_supported")
        is True,
        frontchannel_logout_supported=document.get("frontchannel_logout_supported") is True,
        backchannel_logout_supported=document.get("backchannel_logout_supported") is True,
        backchannel_logout_session_supported=document.get("backchannel_logout_session_supported") is True,
    )


def is_endpoint(url: object, issuer: str) -> bool:
    """
    May *url* be used as an endpoint of *issuer*?

    An absolute https URL without userinfo or fragment; http where both are loopback.
    """
    if not isinstance(url, str) or _VISIBLE.fullmatch(url) is None or "\\" in url or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or not (_HOST.fullmatch(host) or _is_ip(host)):
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and is_loopback(host) and is_loopback(urlsplit(issuer).hostname or "")


def is_loopback(host: str) -> bool:
    """
    Is *host* a name or an address of this machine alone (RFC 6761 section 6.3)?
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _required(document: Mapping[str, Any], name: str, issuer: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not is_endpoint(url, issuer):
        raise ProviderUnavailable(f"the provider's metadata has no {name} that can be used")
    return url


def _optional(document: Mapping[str, Any], name: str, issuer: str) -> str | None:
    url = document.get(name)
    if isinstance(url, str) and is_endpoint(url, issuer):
        return url
    if url is not None:
        log.warn("The OP {iss} publishes an endpoint that cannot be used: {endpoint}", iss=issuer, endpoint=name)
    return None


def _strings(document: Mapping[str, Any], name: str) -> frozenset[str] | None:
    values = document.get(name)
    if not isinstance(values, list):
        return None
    return frozenset(value for value in values if isinstance(value, str))
