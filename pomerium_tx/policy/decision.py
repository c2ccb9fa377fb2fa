"""
What a policy answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.sessions.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What a policy says about one request.
    """

    allow: bool
    """
    Whether some allow rule holds.
    """
    deny: bool
    """
    Whether some deny rule holds. It wins over *allow*.
    """
    reasons: tuple[str, ...]
    """
    Why *allow* is what it is: sorted, each once.
    """
    deny_reasons: tuple[str, ...] = ()
    """
    Why *deny* is what it is: sorted, each once.
    """
    unauthenticated: bool
    """
    Whether signing in could change the answer. It wins over *allow* and *deny*.
    """
    without_certificate: bool = False
    """
    Whether some deny rule misses a valid certificate of the client. It wins over all else.
    """

    of_session: bool = field(default=False, compare=False)
    """
    Whether the policy asks about nothing but the session: as long as that is the same, so is the decision.
    """

    @property
    def admits(self) -> bool:
        """
        Whether the request may pass.
        """
        return self.allow and not self.deny and not self.unauthenticated and not self.without_certificate


Policy = Callable[[Session | None, RequestHead, Canonical, Client], Decision]
"""
Decides about a request, and the session it comes with, if any. Never waits.

Whatever decides alike gives the same object, so that two decisions are compared by identity; their number is bounded.
"""
