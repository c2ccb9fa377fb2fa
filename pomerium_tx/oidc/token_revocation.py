"""
Where tokens are revoked, and what an answer to that means: OAuth 2.0 Token Revocation, RFC 7009.
"""

from __future__ import annotations

from twisted.logger import Logger

from pomerium_tx.oidc.fetch import Answer, ProviderUnavailable
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider_settings import ProviderSettings
from pomerium_tx.oidc.urls import origin_of

log = Logger()


def endpoint(metadata: ProviderMetadata, settings: ProviderSettings) -> str | None:
    """
    The revocation endpoint; None if there is none.
    """
    if metadata.revocation_endpoint is not None or settings.revocation_path is None:
        return metadata.revocation_endpoint
    return origin_of(metadata.authorization_endpoint) + settings.revocation_path


def require_final(answer: Answer, issuer: str, hint: str) -> None:
    """
    Return, if there is nothing more to be said about a token; that it was refused is logged.

    :raises ProviderUnavailable: If the provider should be told again later.
    """
    # A client that is refused may have a new secret soon.
    if answer.status in (401, 403, 429) or answer.status >= 500 or is_invalid_client(answer):
        raise ProviderUnavailable(f"the revocation endpoint answers {answer.status}")
    if answer.status >= 400:
        log.warn("The OP {iss} does not revoke a {hint}: {status}", iss=issuer, hint=hint, status=answer.status)


def is_invalid_client(answer: Answer) -> bool:
    """
    Whether the provider does not know the client, or not by this secret.
    """
    if answer.status not in (400, 401):
        return False
    try:
        return answer.json_object().get("error") == "invalid_client"
    except ProviderUnavailable:
        return False
