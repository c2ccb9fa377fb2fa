"""
The authorize log: one line for every decision, with Pomerium's field names.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.logs import AUTHORIZE
from pomerium_tx.request_lines import LineForm, Particular

log = Logger()

_LINES: Final = {
    (allow, deny, forward_auth): LineForm(
        log,
        AUTHORIZE,
        constant={
            "service": "authorize",
            "allow": allow,
            "deny": deny,
            **({"forward_auth": True} if forward_auth else {}),
        },
        usual=(
            *("method", "host", "ip", "session_id", "user", "email", "route_id"),
            "allow_why_true" if allow else "allow_why_false",
            "deny_why_true" if deny else "deny_why_false",
        ),
    )
    for allow in (True, False)
    for deny in (True, False)
    for forward_auth in (True, False)
}


def log_decision(
    verdict: Verdict, head: RequestHead, canonical: Canonical, peer: str, request_id: str, *, forward_auth: bool
) -> None:
    """
    Write the line of one decision.

    :param forward_auth: Another proxy has the request, and asked.
    """
    form = _LINES[verdict.allow, bool(verdict.denials), forward_auth]
    about = (head.method, canonical.authority, peer, forward_auth)
    if verdict.told_of != about:
        session, route = verdict.session, verdict.route
        verdict.told_of = about
        verdict.told = form.usual(
            head.method.decode("latin-1"),
            canonical.authority.decode("latin-1"),
            peer,
            "" if session is None else session.id,
            "" if session is None else session.user_id,
            "" if session is None else session.email,
            "" if route is None else route.id,
            verdict.reasons,
            verdict.denials or verdict.not_denied,
        )
    particular: Particular | None = canonical.derived.get(log_decision)
    if particular is None:
        particular = canonical.derived[log_decision] = form.particular(canonical.path)
    form.write(verdict.told, particular, request_id)
