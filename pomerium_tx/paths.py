"""
The well-known paths that more than one room must know, once. They are Pomerium's, and those of
the single sign-out.
"""

from __future__ import annotations

DASHBOARD = "/.pomerium/"
SIGN_IN = "/.pomerium/sign_in"
SIGN_OUT = "/.pomerium/sign_out"
SIGNED_OUT = "/.pomerium/signed_out"
BACKCHANNEL_LOGOUT = "/.pomerium/backchannel_logout"
SESSION_EVENTS = "/.pomerium/session_events"
CLEAR_CACHE = "/.pomerium/clear_cache"
ROUTES_PORTAL = "/.pomerium/routes"
ROUTE_CALLBACK = "/.pomerium/callback/"
ROUTE_VISIT = "/.pomerium/callback/visit"
PROVIDER_CALLBACK = "/oauth2/callback"
WELL_KNOWN = "/.well-known/pomerium"
JWKS = "/.well-known/pomerium/jwks.json"
VERIFY = "/.pomerium/verify"
AUTH = "/.pomerium/auth"
ROBOTS = "/robots.txt"
PING = "/ping"
HEALTHZ = "/healthz"

OWN_PREFIXES = (b"/.pomerium", b"/.well-known/pomerium")
"""
Own by segment: the path itself and everything below it is never forwarded.
"""
