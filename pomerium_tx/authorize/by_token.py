"""
What is to be done with a request that presents a bearer token, before any policy is asked.
"""

from __future__ import annotations

from typing import Final

from pomerium_tx.authorize import verdict as outcome
from pomerium_tx.authorize.bearer import (
    TOKEN_ONLY,
    RouteBearer,
    Settle,
    SeveralCredentials,
    Standing,
    credential_of,
    presented_with,
)
from pomerium_tx.authorize.read import Read
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.handle import Carrier

_REASONS: Final = {400: "Bad Request", 401: "Unauthenticated", 403: "Forbidden", 503: "Service Unavailable"}


def by_token(
    bearer: RouteBearer, head: RequestHead, read: Read, route: Route, origin: str
) -> tuple[Read, str] | Verdict | None:
    """
    What comes with a request that presents a bearer token, and whose sessions count for it; or what is to be done
    with it whatever the policy says. None for one that presents none.
    """
    try:
        credential = credential_of(head, bearer)
    except SeveralCredentials:
        return _refused_token(Action.DENY, 400, outcome.SEVERAL_CREDENTIALS, route, origin)
    if credential is None:
        return None
    if bearer.refuses_cookie and read.presented.carrier is Carrier.COOKIE:
        return _refused_token(Action.DENY, 400, outcome.SEVERAL_CREDENTIALS, route, origin)
    found = bearer.find(credential.digest)
    if found is Standing.UNKNOWN:
        settle = bearer.settle(credential.token, credential.digest)
        return _refused_token(Action.HOLD, 503, outcome.TOKEN_PENDING, route, origin, settle)
    if found is Standing.REFUSED:
        return _refused_token(Action.DENY, 403, outcome.TOKEN_REFUSED, route, origin)
    if isinstance(found, Standing):
        return _refused_token(Action.UNAUTHORIZED, 401, outcome.TOKEN_OVER, route, origin)
    last = credential.last
    if last is None or last[0] != found.id or last[1] is not read:
        of_token = Read(presented_with(found, read.presented), read.origins, has_authorization=True)
        credential.last = last = found.id, read, of_token
    return last[2], found.idp_id


def _refused_token(
    action: Action, status: int, why: str, route: Route, origin: str, settle: Settle | None = None
) -> Verdict:
    return Verdict(
        action=action,
        status=status,
        reason=_REASONS[status],
        allow=False,
        reasons=(),
        denials=(why,),
        route=route,
        presented=TOKEN_ONLY,
        origin=origin,
        settle=settle,
    )
