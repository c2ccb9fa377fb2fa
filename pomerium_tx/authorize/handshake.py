"""
Who may open a WebSocket: its handshake carries cookies from any page of any origin (RFC 6455, section 10.2).
"""

from __future__ import annotations

from pomerium_tx.authorize.verdict import FOREIGN_ORIGIN, WEBSOCKETS_NOT_ALLOWED
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.handle import Carrier, Presented
from pomerium_tx.sessions.session import Session


def refused_handshake(
    route: Route, session: Session | None, presented: Presented, origin: str, origins: list[bytes]
) -> str:
    """
    Why a WebSocket handshake is refused whatever the policy says, or nothing.
    """
    if not route.allow_websockets:
        return WEBSOCKETS_NOT_ALLOWED
    if session is not None and presented.carrier is Carrier.COOKIE and not _may_open(route, origin, origins):
        return FOREIGN_ORIGIN
    return ""


def _may_open(route: Route, origin: str, origins: list[bytes]) -> bool:
    """
    Whether a WebSocket handshake that carries a person's cookie comes from a page that may use it (RFC 6455, 10.2).
    """
    if not origins:
        # No user agent leaves it out: a program that has the cookie anyway.
        return True
    if len(origins) > 1:
        return False
    asking = origins[0].decode("latin-1").lower()
    return asking == origin or asking in route.allow_websocket_origins
