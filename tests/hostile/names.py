"""
Who is who in the catalogue's world, and the configuration that its set-ups ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pomerium_tx.demo.registration import BOB, User

BASE = "example.com"
APP, PUB, OTHER, LOOP, AUTHENTICATE, OP = (
    f"{name}.{BASE}" for name in ("app", "pub", "other", "loop", "authenticate", "op")
)
CLIENT_SECRET = "a-client-secret-that-must-not-show"
CLIENT_ID = "rp1"
QUIET_TURNS = 12
"""
So many turns of the reactor without a byte, and nothing more comes of anything.
"""
BEGINNING = 1_700_000_000
MALLORY = User(username="mallory", sub="248289761003", name="Mallory", email="mallory@evil.test")

PROTECTED = ("app", "admin", "tenant", "other", "loop")
RECORDERS = (*PROTECTED, "pub", "app-public")


def configuration(**changes: object) -> dict[str, Any]:
    """
    What the catalogue's set-ups ask for, in one configuration; None leaves a key out.
    """
    app = {"from": f"https://{APP}"}
    everybody = {"allow_public_unauthenticated_access": True}
    anybody = {"allow_any_authenticated_user": True}
    values: dict[str, Any] = {
        "address": "127.0.0.1:443",
        "insecure_server": True,
        "authenticate_service_url": f"https://{AUTHENTICATE}",
        "shared_secret": "c2hhcmVkLXNlY3JldC1zaGFyZWQtc2VjcmV0LXNoYXI=",
        "cookie_secret": "Y29va2llLXNlY3JldC1jb29raWUtc2VjcmV0LWNvb2s=",
        "idp_provider": "oidc",
        "idp_provider_url": f"https://{OP}",
        "idp_client_id": CLIENT_ID,
        "idp_client_secret": CLIENT_SECRET,
        "pass_identity_headers": True,
        "jwt_claims_headers": ["email", "groups", "sub"],
        "routes": [
            app | {"prefix": "/public/", "to": "http://app-public.internal:80", "name": "app-public"} | everybody,
            app | {"prefix": "/admin", "to": "http://admin.internal:80", "name": "admin", "allowed_users": [BOB.email]},
            app
            | {"prefix": "/app", "prefix_rewrite": "/tenant1", "to": "http://tenant.internal:80", "name": "tenant"}
            | anybody,
            app | {"to": "http://app.internal:80", "name": "app", "allow_websockets": True} | anybody,
            {"from": f"https://{PUB}", "to": "http://pub.internal:80", "name": "pub"} | everybody,
            {"from": f"https://{OTHER}", "to": "http://other.internal:80", "name": "other"} | anybody,
            {"from": f"https://{LOOP}", "to": "http://loop.internal:80", "name": "loop", "preserve_host_header": True}
            | anybody,
        ],
    }
    return {key: value for key, value in (values | changes).items() if value is not None}


VARIANTS: Mapping[str, Mapping[str, object]] = {
    "public-loop": {
        "routes": [
            {
                "from": f"https://{LOOP}",
                "to": "http://loop.internal:80",
                "name": "loop",
                "preserve_host_header": True,
                "allow_public_unauthenticated_access": True,
            }
        ]
    },
    "deadline": {"timeout_request": "1m"},
    "unread": {},
    "underscores": {"headers_with_underscores_action": "allow"},
}
"""
Other worlds, in which a case may have to be tried as well: what differs in them.
"""
