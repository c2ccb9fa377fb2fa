"""
Authentication Responses that are posted: OAuth 2.0 Form Post Response Mode.

A form of the OP's page comes from another site, and user agents leave most cookies out, those too by which a sign-in is
known to be of this user agent, or by which it has signed out. So it is posted once more, by a page of our own.
"""

from __future__ import annotations

from typing import Final

from pomerium_tx import paths
from pomerium_tx.web import html
from pomerium_tx.web.resource import Answer, PageRequest, html_answer

_AGAIN: Final = "pomerium_again"
_READ: Final = frozenset({"code", "state", "iss", "error", "error_description"})


def is_cookieless_post(request: PageRequest) -> bool:
    """
    Whether a form comes from another site's page, as far as the user agent says, and not by way of ours.
    """
    if request.one(_AGAIN, "form") is not None:
        return False
    site = request.header("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    return request.header("Origin") not in (None, request.origin)


def posted_again(request: PageRequest) -> Answer:
    """
    The page that posts the same from here.
    """
    fields = [(name, value) for name, value in request.form_fields if name in _READ]
    body = html.self_submitting(paths.PROVIDER_CALLBACK, [*fields, (_AGAIN, "1")], "You are being signed in.")
    return html_answer(body, self_submitting=True)
