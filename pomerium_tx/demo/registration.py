"""
Who the development OP knows: relying parties and people.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    A relying party as it is registered at the OP.
    """

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    """
    Whether the relying party wants to be told ``iss`` and ``sid``.
    """
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    """
    Whether the relying party wants a ``sid`` in its logout tokens; without one it is told only who it is that left.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    An End-User who can sign in by saying who they are.
    """

    username: str
    sub: str
    name: str
    email: str
    groups: tuple[str, ...] = ()

    def claims(self, scope: Set[str]) -> dict[str, object]:
        """
        What UserInfo says about this person within *scope*.
        """
        claims: dict[str, object] = {"sub": self.sub}
        if "profile" in scope:
            claims |= {"name": self.name, "preferred_username": self.username, "groups": list(self.groups)}
        if "email" in scope:
            claims |= {"email": self.email, "email_verified": True}
        return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """
    How long what the OP issues is good for, in seconds.
    """

    code: float = 60.0
    access_token: float = 600.0
    id_token: float = 600.0
    refresh_token: float = 14 * 3600.0
    session: float = 14 * 3600.0


ALICE = User(
    username="alice",
    sub="248289761001",
    name="Alice Liddell",
    email="alice@example.com",
    groups=("engineering", "staff"),
)
BOB = User(
    username="bob",
    sub="248289761002",
    name="Bob Dobbs",
    email="bob@example.com",
    groups=("staff",),
)
