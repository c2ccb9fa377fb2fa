"""
What is configured of a provider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pomerium_tx.jose.strict_json import compact_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """
    One client registration at one provider.
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


def idp_id(issuer: str, client_id: str) -> str:
    """
    The name of one client registration at one provider, the same in every process.
    """
    return hashlib.sha256(compact_json([issuer, client_id])).hexdigest()[:32]
