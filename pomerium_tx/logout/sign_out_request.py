"""
What a request for ``sign_out`` may do, on whichever host it arrives.
"""

from __future__ import annotations

from pomerium_tx.logout.urls import sends_fetch_metadata
from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import SignOutRule, sign_out_rule
from pomerium_tx.web.resource import Answer, HttpProblem, PageRequest, html_answer, json_answer


def nothing_to_see() -> Answer:
    """
    The page for a frame of somebody else's.
    """
    return html_answer(html.tiny(), frameable=True)


def rule_of(request: PageRequest, *, handle_in_header: bool, from_same_site_now: bool) -> SignOutRule:
    """
    Whether to sign out now, to ask, or neither.

    :raises HttpProblem: If the request only prepares for a click that may never come.
    """
    rule = sign_out_rule(
        request.method,
        request.header,
        own_origin=request.origin,
        https_or_loopback=sends_fetch_metadata(request.origin),
        handle_in_header=handle_in_header,
        from_same_site_now=from_same_site_now,
    )
    if rule is SignOutRule.PREFETCH:
        # A success would be kept and served to the click, which then would do nothing.
        raise HttpProblem(503, "Signing out waits until you really come here.")
    return rule


def refused(rule: SignOutRule) -> Answer | None:
    """
    The answer to a request that neither signs out nor asks.

    :raises HttpProblem: If no person can have meant it.
    """
    if rule is SignOutRule.NOTHING:
        return nothing_to_see()
    if rule is SignOutRule.FORBIDDEN:
        raise HttpProblem(403, "Signing out needs your own click. Nothing was signed out.")
    return None


def confirmation_required(request: PageRequest) -> Answer:
    """
    The answer to a script, which no page can ask.
    """
    return json_answer({"error": "confirmation required", "request_id": request.request_id}, status=403)


def nothing_was_ended() -> HttpProblem:
    """
    The page that does not lie when an end cannot be recorded.
    """
    return HttpProblem(
        503,
        "Nothing was signed out: the sign-out could not be recorded. Please try the same again in a moment.",
        title="You are still signed in",
        headers=[("Retry-After", "5")],
    )
