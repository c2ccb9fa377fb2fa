"""
What an administrator is shown: facts, and nothing with which anybody could act as somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256

from pomerium_tx.sessions.elsewhere import SeenExchange
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import UNTIL_PROVEN, OwedNotice, OwedRevocation


def reference(session_id: str) -> str:
    """
    A name by which a session can be told from others, and which leads nobody to its id.
    """
    return sha256(session_id.encode()).hexdigest()[:16]


def time_text(seconds: float) -> str:
    """
    A time as RFC 3339 writes it, in UTC.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session_view(
    session: Session,
    registry: SessionRegistry,
    *,
    exchanges: Iterable[SeenExchange],
    route_names: Mapping[str, str],
) -> dict[str, object]:
    """
    A session: who, from where, since when, and what is open. No token, claim or cookie.

    :param exchanges: What is open for it, in whatever process.
    :param route_names: By route id.
    """
    return {
        "id": reference(session.id),
        "user": session.user_id,
        "email": session.email,
        "name": session.name,
        "iss": session.iss,
        "sub": session.sub,
        "sids": list(session.sids),
        "idp_id": session.idp_id,
        "user_agent": session.user_agent,
        "address": session.address,
        "last_address": registry.last_address(session.id),
        "began": time_text(session.began),
        "expires": time_text(session.expires),
        "last_seen": time_text(registry.last_seen(session.id)),
        "routes": sorted(session.origins),
        "exchanges": [_exchange_view(exchange, route_names=route_names) for exchange in exchanges],
    }


def _exchange_view(exchange: SeenExchange, *, route_names: Mapping[str, str]) -> dict[str, object]:
    return {
        "kind": exchange.kind,
        "route": route_names.get(exchange.route_id, exchange.route_id),
        "age": round(exchange.age, 3),
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
    }


def revocation_view(owed: OwedRevocation, *, iss: str | None, attempts: int) -> dict[str, object]:
    """
    Tokens that are to be revoked, by number.

    :param iss: Of the OP, if it is configured.
    """
    return {
        "id": owed.id,
        "receipt_id": owed.receipt_id,
        "idp_id": owed.idp_id,
        "iss": iss,
        "tokens": len(owed.tokens),
        "not_before": None if owed.not_before == UNTIL_PROVEN else time_text(owed.not_before),
        "attempts": attempts,
        "state": "retrying" if attempts else "unproven" if owed.not_before == UNTIL_PROVEN else "waiting",
    }


def notice_view(owed: OwedNotice, *, route_names: Mapping[str, str], attempts: int) -> dict[str, object]:
    """
    An application that is to be told of an end.
    """
    return {
        "id": owed.id,
        "receipt_id": owed.receipt_id,
        "route": route_names.get(owed.route_id, owed.route_id),
        "origin": owed.origin,
        "user": owed.user_id,
        "since": time_text(owed.since),
        "attempts": attempts,
        "state": "retrying" if attempts else "waiting",
    }
