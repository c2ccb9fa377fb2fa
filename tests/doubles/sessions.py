"""
Sessions, as a sign-in would have made them.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.sessions.session import Session, Tokens, new_session_id


def a_session(**changes: Any) -> Session:
    """
    A session of alice.
    """
    began = float(changes.get("began", 1_000.0))
    values: dict[str, Any] = {
        "id": new_session_id(),
        "browser": "browser-1",
        "idp_id": "idp-1",
        "iss": "https://op.example.com",
        "client_id": "rp1",
        "sub": "alice",
        "user_id": "alice",
        "email": "alice@example.com",
        "name": "Alice Example",
        "sids": ("sid-1",),
        "began": began,
        "expires": began + 50_000.0,
        "authenticated": began,
        "id_token_iat": began,
        "user_agent": "Test/1.0",
        "address": "192.0.2.1",
        "claims": {"groups": ("staff", "admin")},
        "tokens": Tokens(
            id_token="id-token-of-alice",
            access_token="access-token-of-alice",
            refresh_token="refresh-token-of-alice",
            access_token_expires=began + 40_000.0,
            id_token_expires=None,
        ),
        "uses": {},
    }
    return Session(**(values | changes))
