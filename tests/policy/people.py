"""
Sessions of people, for the tests of the rooms that decide about them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pomerium_tx.sessions.session import Session, Tokens

NOTHING = Tokens(id_token="", access_token="", refresh_token="", access_token_expires=None, id_token_expires=None)

ALICE = Session(
    id="session-of-alice",
    browser="browser-1",
    idp_id="idp",
    iss="https://op.example.com",
    client_id="client",
    sub="sub-alice",
    user_id="alice",
    email="alice@example.com",
    name="Alice Liddell",
    sids=(),
    began=0.0,
    expires=1e10,
    authenticated=0.0,
    id_token_iat=0.0,
    user_agent="",
    address="192.0.2.1",
    claims={"groups": ("staff", "readers")},
    tokens=NOTHING,
    uses={},
)


def alice(**changes: Any) -> Session:
    """
    Alice's session, changed.
    """
    return replace(ALICE, **changes)
