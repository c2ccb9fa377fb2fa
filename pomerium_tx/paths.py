"""
Every well-known path, once.

Pomerium's paths, unless a comment says otherwise.
"""

from __future__ import annotations

DASHBOARD = "/.pomerium/"
USER = "/.pomerium/user"
SIGN_IN = "/.pomerium/sign_in"
SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = "/.pomerium/signed_out"
ROUTE_CALLBACK = "/.pomerium/callback/"
# OpenID Connect Back-Channel Logout 1.0; Pomerium has none.
BACKCHANNEL_LOGOUT = "/.pomerium/backchannel_logout"
PROVIDER_CALLBACK = "/oauth2/callback"
WELL_KNOWN = "/.well-known/pomerium"
JWKS = "/.well-known/pomerium/jwks.json"
ROBOTS = "/robots.txt"
PING = "/ping"
HEALTHZ = "/healthz"

OWN_PREFIXES = (b"/.pomerium", b"/.well-known/pomerium")
"""
Own by segment: the path itself and everything below it is never forwarded.
"""
