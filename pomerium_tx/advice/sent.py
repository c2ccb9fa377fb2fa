"""
What an application would see of a request, or what its route would answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.advice.plan import Plan
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.http11.writer import NO_LINES
from pomerium_tx.proxy.exchanges.answering import route_answer
from pomerium_tx.proxy.heads.forwarding import ForwardedRequest, Forwarding
from pomerium_tx.routing.route import Route


def what_is_sent(plan: Plan, route: Route, head: RequestHead, canonical: Canonical) -> Iterator[str]:
    """
    Where a request goes that has been let through, in sentences.

    :raises BadRequest: If it does not go anywhere after all.
    """
    facts = ForwardedRequest(peer=b"", scheme=b"https", request_id=NO_LINES, identity=NO_LINES)
    for number, upstream in enumerate(route.upstreams):
        # What one has worked out for a head is for one upstream only.
        forwarding = _forwarding(plan, route)
        line, *fields = forwarding.request_head(head, canonical, upstream, facts).split(b"\r\n")
        target = line.split(b" ")[1]
        [named] = [field.partition(b": ")[2] for field in fields if field.startswith(b"Host: ")]
        yield f"{'it is let through to' if number == 0 else 'or to'} {upstream.origin}{target.decode('ascii')}"
        if named != upstream.authority:
            yield f"the application sees the host {named.decode('ascii')}"
    if route.pass_identity_headers:
        names = ", ".join(["X-Pomerium-Jwt-Assertion", *plan.config.jwt_claims_headers])
        yield f"the application is told who asks: {names}"


def what_is_answered(route: Route, head: RequestHead, canonical: Canonical) -> Iterator[str]:
    """
    What a route answers by itself, in sentences.
    """
    answer = route_answer(route, head, canonical, (), request_id="", close=False)
    fields = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    status = fields[0].split(b" ")[1].decode("ascii")
    location = [field.partition(b": ")[2].decode("ascii") for field in fields if field.startswith(b"Location: ")]
    yield f"it is answered {status}: go to {location[0]}" if location else f"it is answered {status} as configured"


def _forwarding(plan: Plan, route: Route) -> Forwarding:
    return Forwarding(
        route,
        cookie_name=plan.config.cookie_name.encode("ascii"),
        claim_fields=[name.encode("ascii") for name in plan.config.jwt_claims_headers],
        response_fields=(),
        dropped_cookie=lambda name: None,
    )
