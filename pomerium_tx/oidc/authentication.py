"""
The Authentication Request and its response: OpenID Connect Core 1.0 section 3.1.2, RFC 7636, RFC 9207.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pomerium_tx.jose import base64url
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import ProviderSettings
from pomerium_tx.oidc.token_response import refusal
from pomerium_tx.oidc.urls import with_query

_LONGEST: Final = 16384
_READ: Final = ("code", "state", "error", "error_description", "iss")
_OURS: Final = frozenset(
    (
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
    )
)


class InvalidResponse(Exception):
    """
    What came back is not the response to an Authentication Request of ours.

    The reason is safe to show: it quotes nothing.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationResponse:
    """
    What a user agent brought back from the provider: a code, or an error.
    """

    code: str | None = field(repr=False)
    error: str | None
    error_description: str
    state: str = field(repr=False)


def new_code_verifier() -> str:
    """
    A secret for one request: 43 characters, 256 random bits.
    """
    return secrets.token_urlsafe(32)


def code_challenge(verifier: str) -> str:
    """
    The S256 challenge for *verifier*.
    """
    return base64url.encode(hashlib.sha256(verifier.encode("ascii")).digest())


def new_nonce() -> str:
    """
    A nonce for one request: 256 random bits.
    """
    return secrets.token_urlsafe(32)


def authentication_request(
    metadata: ProviderMetadata,
    settings: ProviderSettings,
    *,
    state: str,
    nonce: str,
    code_challenge: str | None,
    prompt: str | None,
) -> str:
    """
    The URL that asks the provider who is there.

    What is configured as ``request_params`` is sent along, but never in the place of what makes the response ours.

    :param prompt: Goes before a configured one.
    """
    extra = {name: value for name, value in settings.request_params.items() if name not in _OURS}
    if prompt is not None:
        extra["prompt"] = prompt
    fields = [
        ("response_type", "code"),
        ("client_id", settings.client_id),
        ("redirect_uri", settings.redirect_uri),
        ("scope", " ".join(settings.scopes)),
        ("state", state),
        ("nonce", nonce),
    ]
    if code_challenge is not None:
        fields += [("code_challenge", code_challenge), ("code_challenge_method", "S256")]
    return with_query(metadata.authorization_endpoint, [*fields, *extra.items()])


def read_response(
    params: Sequence[tuple[str, str]], *, settings: ProviderSettings, metadata: ProviderMetadata
) -> AuthenticationResponse:
    """
    The response that *params* are; whether its ``state`` is one of ours is for the caller to know.

    :raises InvalidResponse: If it is none, or another provider's.
    """
    found: dict[str, str] = {}
    for name, value in params:
        if name not in _READ:
            continue
        # RFC 6749 section 3.1: not more than once. Whoever takes the first may not be talking of the last.
        if name in found:
            raise InvalidResponse("a parameter comes twice")
        if len(value) > _LONGEST:
            raise InvalidResponse("a parameter is too long")
        found[name] = value
    _check_issuer(found.get("iss"), settings.issuer, required=metadata.authorization_response_iss_parameter_supported)
    state, code = found.get("state"), found.get("code")
    if not state:
        raise InvalidResponse("there is no state")
    if "error" not in found:
        if not code:
            raise InvalidResponse("there is neither a code nor an error")
        return AuthenticationResponse(code=code, error=None, error_description="", state=state)
    refused = refusal(found["error"], found.get("error_description"))
    if code or refused is None:
        raise InvalidResponse("the error is malformed")
    return AuthenticationResponse(code=None, error=refused.error, error_description=refused.description, state=state)


def _check_issuer(iss: str | None, issuer: str, *, required: bool) -> None:
    # RFC 9207 section 2.4: simple string comparison, error responses included.
    if iss is None and required:
        raise InvalidResponse("the response does not say whose it is")
    if iss is not None and iss != issuer:
        raise InvalidResponse("the response is another provider's")
