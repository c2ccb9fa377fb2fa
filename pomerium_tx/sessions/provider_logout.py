"""
An OP's word that a session of its own is over, and whom that concerns here.

OpenID Connect Front-Channel Logout 1.0, section 3, and Back-Channel Logout 1.0, section 2.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pomerium_tx.sessions.session import LeftSession, Session

SKEW = 30.0
"""
Seconds by which the OP's clocks may differ among themselves.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLogout:
    """
    An OP says that its session is over: one of its sessions, or all of one End-User.
    """

    iss: str
    sid: str | None = field(repr=False)
    sub: str | None = field(repr=False)
    client_id: str | None = None
    """
    Only sessions of this client, if the word was signed with that client's secret; otherwise of all.
    """
    issued: float
    """
    When it was said, by the OP's clock; infinite if it does not say. Whoever signed in later is not meant.
    """

    def names(self, session: Session | LeftSession) -> bool:
        """
        Whether a session of ours is part of what is over.
        """
        if session.iss != self.iss or session.id_token_iat > self.issued + SKEW:
            return False
        if self.client_id is not None and session.client_id != self.client_id:
            return False
        if self.sid is None:
            return self.sub == session.sub
        if self.sid in session.sids:
            return self.sub is None or self.sub == session.sub
        # What the OP never gave a sid for cannot be told from the session that is over.
        return not session.sids and self.sub == session.sub
