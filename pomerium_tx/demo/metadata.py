"""
What the development OP publishes about itself.

OpenID Connect Discovery 1.0, section 3; RP-Initiated, Front-Channel and Back-Channel Logout 1.0.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

_AUTHENTICATION_METHODS = ["client_secret_basic", "client_secret_post"]


def provider_metadata(issuer: str, *, scopes: Sequence[str], algorithms: Set[str]) -> dict[str, object]:
    """
    The discovery document of the OP called *issuer*.

    :param algorithms: Those that its keys sign with.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "revocation_endpoint": f"{issuer}/revoke",
        "end_session_endpoint": f"{issuer}/end-session",
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "scopes_supported": list(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(algorithms),
        "token_endpoint_auth_methods_supported": _AUTHENTICATION_METHODS,
        "revocation_endpoint_auth_methods_supported": _AUTHENTICATION_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": ["sub", "sid", "auth_time", "name", "preferred_username", "groups", "email"],
    }
