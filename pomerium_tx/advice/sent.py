"""
What an application would see of a request.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.advice.plan import Plan
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.http11.writer import NO_LINES
from pomerium_tx.proxy.forwarding import ForwardedRequest, Forwarding
from pomerium_tx.routing.route import Route


def what_is_sent(plan: Plan, route: Route, head: RequestHead, canonical: Canonical) -> Iterator[str]:
    """
    Where a request goes that has been let through, in sentences.

    :raises BadRequest: If it does not go anywhere after all.
    """
    forwarding = Forwarding(
        route,
        cookie_name=plan.config.cookie_name.encode("ascii"),
        claim_fields=[name.encode("ascii") for name in plan.config.jwt_claims_headers],
        response_fields=(),
        dropped_cookie=lambda name: None,
    )
    facts = ForwardedRequest(peer=b"", scheme=b"https", request_id=b"", identity=NO_LINES)
    for number, upstream in enumerate(route.upstreams):
        line, host, *_ = forwarding.request_head(head, canonical, upstream, facts).split(b"\r\n")
        target = line.split(b" ")[1].decode("ascii")
        url = f"{upstream.scheme}://{upstream.authority.decode('ascii')}{target}"
        yield f"{'it is let through to' if number == 0 else 'or to'} {url}"
        named = host.partition(b": ")[2].decode("ascii")
        if named != upstream.authority.decode("ascii"):
            yield f"the application sees the host {named}"
    if route.pass_identity_headers:
        names = ", ".join(["X-Pomerium-Jwt-Assertion", *plan.config.jwt_claims_headers])
        yield f"the application is told who asks: {names}"
