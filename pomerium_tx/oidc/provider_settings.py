"""
What is configured of a provider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pomerium_tx.jose.strict_json import compact_json


class Revocation(Enum):
    """
    When tokens are revoked.
    """

    EACH = "each"
    """
    Those of a session when it has ended.
    """
    LAST_SESSION = "last_session"
    """
    When no session of the same End-User and client is left: revoking one token takes back the whole grant.
    """
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """
    One client registration at one provider.
    """

    name: str = ""
    """
    What it is called in the configuration; several clients of one provider have it in common.
    """
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    request_params: Mapping[str, str] = field(default_factory=dict)
    end_session_needs_hint: bool = False
    """
    The provider shows an error for a ``post_logout_redirect_uri`` without ``id_token_hint``.
    """
    id_token_signed_response_alg: str | None = None
    """
    As registered; None for what the provider's metadata says, HS256 excepted.
    """
    backchannel_logout_allow_missing_exp: bool = False
    """
    The provider's logout tokens carry no ``exp``.
    """
    frontchannel_sid_is_sub: bool = False
    """
    What the provider calls ``sid`` in the front channel is the End-User's ``sub``.
    """
    is_oidc: bool = True
    """
    The provider publishes metadata and signs ID Tokens; otherwise it is GitHub.
    """
    end_session: bool = True
    """
    A person's sign-out leads to the provider's own, where it has one.
    """
    sign_out_url: str | None = None
    """
    A template (`pomerium_tx.oidc.end_session`) instead of the end-session endpoint of the metadata.
    """
    fallback_sign_out_url: str | None = None
    """
    A template for where the metadata names no end-session endpoint.
    """
    revocation: Revocation = Revocation.EACH
    revocation_path: str | None = None
    """
    Of the revocation endpoint, on the host of the authorization endpoint, where the metadata names none.
    """


def idp_id(issuer: str, client_id: str) -> str:
    """
    The name of one client registration at one provider, the same in every process.
    """
    return hashlib.sha256(compact_json([issuer, client_id])).hexdigest()[:32]
