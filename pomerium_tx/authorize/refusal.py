"""
How a refusal is answered: by a page, by the sign-in, by a status alone, or by the robots.txt that keeps robots away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pomerium_tx import paths
from pomerium_tx.authorize.verdict import CERTIFICATE_REQUIRED, SESSION_NOT_FOUND, Action, Verdict
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.decision import Decision
from pomerium_tx.policy.reasons import USER_UNAUTHENTICATED, WITHOUT_CERTIFICATE
from pomerium_tx.sessions.handle import Presented
from pomerium_tx.web.fetch_metadata import unauthenticated_is_401

_ROBOTS: Final = paths.ROBOTS.encode()
_WITHOUT_CERTIFICATE: Final = CERTIFICATE_REQUIRED, "a valid client certificate is required to access this page"
DENIED: Final[Mapping[str, tuple[int, str]]] = dict.fromkeys(WITHOUT_CERTIFICATE, _WITHOUT_CERTIFICATE)
"""
Status and words of a refusal, by the reasons that have their own; the others are 403.
"""


def refusal(head: RequestHead, path: bytes, presented: Presented, decision: Decision) -> tuple[Action, int, str]:
    """
    How the refusal of a policy is answered.
    """
    if path == _ROBOTS:
        return Action.ROBOTS, 200, ""
    if decision.unauthenticated and not decision.without_certificate:
        return _sign_in_or_401(head, presented)
    reasons = decision.deny_reasons if decision.deny or decision.without_certificate else decision.reasons
    status, reason = next((DENIED[name] for name in reasons if name in DENIED), (403, "Forbidden"))
    return Action.DENY, status, reason


def _sign_in_or_401(head: RequestHead, presented: Presented) -> tuple[Action, int, str]:
    key = (_sign_in_or_401, presented.outside_cookie)
    is_401: bool | None = head.derived.get(key)
    if is_401 is None:
        is_401 = head.derived[key] = unauthenticated_is_401(
            lambda name: _combined(head.get_all(name.lower().encode("ascii"))),
            handle_outside_cookie=presented.outside_cookie,
        )
    return (Action.UNAUTHORIZED, 401, "Unauthenticated") if is_401 else (Action.SIGN_IN, 302, "Found")


def unauthenticated(head: RequestHead, verdict: Verdict) -> Verdict:
    """
    What a request that was let through gets instead, if its session ends before it is answered.
    """
    action, status, reason = _sign_in_or_401(head, verdict.presented)
    return Verdict(
        action=action,
        status=status,
        reason=reason,
        allow=False,
        reasons=(USER_UNAUTHENTICATED, SESSION_NOT_FOUND),
        route=verdict.route,
        presented=verdict.presented,
        origin=verdict.origin,
    )


def _combined(values: list[bytes]) -> str | None:
    # RFC 9110, section 5.3: the lines of one field are one list.
    return b", ".join(values).decode("latin-1") if values else None
