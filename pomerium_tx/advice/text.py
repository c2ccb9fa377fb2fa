"""
Advice for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from pomerium_tx.advice.checked import Checked, CheckedRoute
from pomerium_tx.advice.explained import Explained
from pomerium_tx.operations.text_table import clean

_ACCESS = {
    "public": "open to anybody, without signing in",
    "sign-in": "open to people who sign in and whom these rules admit:",
    "by request": "open to requests that these rules admit:",
    "nobody": "open to nobody",
}


def checked_text(checked: Checked) -> Iterator[str]:
    """
    The lines of a checked configuration.
    """
    count = len(checked.problems)
    if count:
        yield f"{checked.file} is refused, for {count} problem{'s' * (count > 1)}:"
        yield from (f"  {problem}" for problem in checked.problems)
    else:
        yield f"{checked.file} is good."
    if checked.warnings:
        yield ""
        yield "Warnings"
        yield from (f"  {warning}" for warning in checked.warnings)
    if checked.variables:
        yield ""
        yield f"Set by the environment: {', '.join(checked.variables)}"
    if checked.problems:
        return
    yield ""
    yield "Listens on"
    for each in checked.listening:
        yield f"  {each.address}{' with TLS' if each.is_tls else ''}: {each.purpose}"
    if checked.client_certificates:
        yield f"  browsers are asked for a client certificate ({checked.client_certificates})"
    if checked.certificates:
        yield ""
        yield "Certificates"
        for certificate in checked.certificates:
            until = f"EXPIRED on {certificate.expires}" if certificate.is_expired else f"until {certificate.expires}"
            yield f"  {', '.join(certificate.names) or 'no host at all'}: {until}"
        if checked.uncovered:
            yield f"  NONE is for {', '.join(checked.uncovered)}"
    for provider in checked.providers:
        yield ""
        yield f"To be registered at {provider.issuer} ({provider.name}), client {provider.client_id}"
        yield f"  redirect URI              {provider.uris.redirect_uri}"
        yield f"  post-logout redirect URI  {provider.uris.post_logout_redirect_uri}"
        yield f"  back-channel logout URI   {provider.uris.backchannel_logout_uri}"
        yield f"  front-channel logout URI  {provider.uris.frontchannel_logout_uri}"
    yield ""
    yield "Routes, in the order in which they count" if checked.routes else "No routes"
    several = len(checked.providers) > 1
    for route in checked.routes:
        yield from _route(route, tells_provider=several)
    if checked.routes:
        yield ""
        yield "When a session ends, everything that it has open on any of these is cut in that moment."
        if checked.may_be_asked:
            yield "What a trusted proxy only asks about, by forward authentication, is that proxy's and is not cut."


def _route(route: CheckedRoute, *, tells_provider: bool) -> Iterator[str]:
    place = route.key if route.line is None else f"{route.key}, line {route.line}"
    yield ""
    yield f"  {route.origin}, {route.matches} -> {', '.join(route.to)}"
    yield f"    {place}{f': {route.name}' if route.name else ''}"
    if route.is_hidden:
        yield "    NEVER REACHED: a route before it takes all of its requests"
    yield f"    {_ACCESS[route.access]}"
    yield from (f"      {rule}" for rule in route.rule)
    if tells_provider and route.access == "sign-in":
        yield f"    people sign in at {route.provider}, client {route.client_id}"
    yield from (f"    {setting}" for setting in route.settings)


def explained_text(explained: Explained) -> Iterator[str]:
    """
    The lines of an explained request.
    """
    question = explained.question
    who = "nobody who has signed in" if question.person is None else question.person.email or question.person.user_id
    yield f"{question.method} {question.url}"
    yield f"  asked by {who}, from {question.address}"
    if explained.target not in ("", "/") and not question.url.endswith(explained.target):
        yield f"  read as {explained.target}"
    if explained.tried:
        yield ""
        yield "Routes of this host"
        for tried in explained.tried:
            yield f"  {tried.place}: {tried.matches}: {tried.outcome}"
    if explained.grounds:
        yield ""
        yield "Rules"
        yield from (f"  {line}" for line in explained.grounds)
    yield ""
    yield "ALLOWED" if explained.is_admitted else "REFUSED"
    yield from (f"  {line}" for line in explained.outcome)
    if explained.reasons:
        yield f"  the log will say: {', '.join(explained.reasons)}"


def printable(lines: Iterator[str]) -> str:
    """
    *lines* without anything that a terminal would obey.
    """
    return "".join(f"{clean(line)}\n" for line in lines)
