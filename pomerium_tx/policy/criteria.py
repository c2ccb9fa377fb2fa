"""
The criteria that Pomerium's access settings of a route stand for.
"""

from __future__ import annotations

from collections.abc import Iterable

from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy import decision
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.decision import Decision, Policy
from pomerium_tx.sessions.session import Session

NOBODY = Decision(allow=False, deny=False, reasons=(), unauthenticated=False)
"""
No rule at all: everybody is refused, and nobody is sent to sign in for it.
"""
EVERYBODY = Decision(allow=True, deny=False, reasons=(decision.ACCEPT,), unauthenticated=False)
ANONYMOUS = Decision(allow=False, deny=False, reasons=(decision.USER_UNAUTHENTICATED,), unauthenticated=True)


def from_legacy(
    *,
    public: bool = False,
    any_authenticated: bool = False,
    users: Iterable[str] = (),
    domains: Iterable[str] = (),
) -> Policy:
    """
    The policy that a route's access settings stand for: one allow rule, satisfied by any of its criteria.

    :param users: User ids or e-mail addresses, compared exactly.
    :param domains: What must follow the first ``@`` of the e-mail address, compared exactly.
    """
    # An empty name would match a session that merely lacks the value.
    allowed_users = frozenset(filter(None, users))
    allowed_domains = frozenset(filter(None, domains))
    if public:
        return lambda session, head, canonical, client: EVERYBODY
    if not (any_authenticated or allowed_users or allowed_domains):
        return lambda session, head, canonical, client: NOBODY
    decisions = {
        (user, email, domain): _any_of(
            {
                **({decision.USER_OK: user} if any_authenticated or allowed_users else {}),
                **({decision.EMAIL_OK: email} if allowed_users else {}),
                **({decision.DOMAIN_OK: domain} if allowed_domains else {}),
            }
        )
        for user in (False, True)
        for email in (False, True)
        for domain in (False, True)
    }

    def policy(session: Session | None, head: RequestHead, canonical: Canonical, client: Client) -> Decision:
        if session is None:
            return ANONYMOUS
        user_id = session.user_id
        email = session.email
        return decisions[
            (any_authenticated and user_id != "") or user_id in allowed_users,
            email in allowed_users,
            # Not the part after the last "@": "a@evil.example@good.example" is nobody's address.
            email.partition("@")[2] in allowed_domains,
        ]

    return policy


_UNAUTHORIZED = {
    decision.USER_OK: decision.USER_UNAUTHORIZED,
    decision.EMAIL_OK: decision.EMAIL_UNAUTHORIZED,
    decision.DOMAIN_OK: decision.DOMAIN_UNAUTHORIZED,
}


def _any_of(criteria: dict[str, bool]) -> Decision:
    """
    Whether any criterion holds: with the reasons of those that hold, or else of all that do not.
    """
    holding = sorted(reason for reason, holds in criteria.items() if holds)
    failing = sorted(_UNAUTHORIZED[reason] for reason in criteria)
    return Decision(allow=bool(holding), deny=False, reasons=tuple(holding or failing), unauthenticated=False)
