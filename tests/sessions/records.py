"""
Sessions, tokens, and ends to test with.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.sessions.ending import Ending
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import Cause, OwedRevocation
from pomerium_tx.sessions.tombstone import Tombstone

NOW = 1_700_000_000.0
ISS = "https://op.example.com"
HOUR = 3600.0


def tokens(name: str = "alice", **changes: Any) -> Tokens:
    """
    Tokens that can be told from those of any other *name*.
    """
    fields: dict[str, Any] = {
        "id_token": f"idtoken-{name}",
        "access_token": f"access-{name}",
        "refresh_token": f"refresh-{name}",
        "access_token_expires": NOW + HOUR,
    }
    return Tokens(**fields | changes)


def session(id: str = "alice-1", **changes: Any) -> Session:
    """
    A session that began now, of the person its id begins with.
    """
    person = id.partition("-")[0]
    fields: dict[str, Any] = {
        "id": id,
        "browser": f"browser-{id}",
        "idp_id": "idp",
        "iss": ISS,
        "client_id": "client",
        "sub": person,
        "user_id": person,
        "email": f"{person}@example.com",
        "name": person.title(),
        "sids": (f"sid-{id}",),
        "began": NOW,
        "expires": NOW + 14 * HOUR,
        "authenticated": NOW,
        "id_token_iat": NOW,
        "user_agent": "Firefox",
        "address": "192.0.2.1",
        "claims": {"groups": ("staff",)},
        "tokens": tokens(id),
    }
    return Session(**fields | changes)


def ending(*session_ids: str, **changes: Any) -> Ending:
    """
    The user's own end of some sessions, now.
    """
    fields: dict[str, Any] = {"session_ids": session_ids, "cause": Cause.USER_ROUTE, "at": NOW}
    return Ending(**fields | changes)


def tombstone(kind: Any, value: str, **changes: Any) -> Tombstone:
    """
    A tombstone set now, for a quarter of an hour.
    """
    fields: dict[str, Any] = {
        "kind": kind,
        "iss": "" if kind == "browser" else ISS,
        "value": value,
        "at": NOW,
        "expires": NOW + 900,
    }
    return Tombstone(**fields | changes)


def owed(id: str = "owed-1", name: str = "alice-1", **changes: Any) -> OwedRevocation:
    """
    The tokens of *name*, to be revoked in a minute.
    """
    fields: dict[str, Any] = {
        "id": id,
        "receipt_id": None,
        "idp_id": "idp",
        "tokens": tokens(name).revocable(),
        "not_before": NOW + 60,
        "iss": ISS,
        "sub": name.partition("-")[0],
    }
    return OwedRevocation(**fields | changes)
