"""
What the pages of both sample applications have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twisted.web.template import Tag, tags

from pomerium_tx import paths
from pomerium_tx.demo import pages
from pomerium_tx.demo.serving import ServedExchange
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.jose.jwt import InvalidToken, parse

ASSERTION = b"x-pomerium-jwt-assertion"
NO_STORE = (b"Cache-Control", b"no-store")
_PAGE_FIELDS = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    NO_STORE,
    (
        b"Content-Security-Policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'",
    ),
    (b"Referrer-Policy", b"same-origin"),
    (b"X-Content-Type-Options", b"nosniff"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """
    Where the applications are, as the person sees it.
    """

    app: str
    chat: str
    other: str
    """
    The one that is not behind the proxy.
    """


def asserted_claims(head: RequestHead) -> Mapping[str, object]:
    """
    The claims of the identity assertion, to be displayed: their signature has not been verified.
    """
    try:
        return parse((head.get(ASSERTION) or b"").decode("ascii", "replace")).claims
    except InvalidToken:
        return {}


def scripts(path: str) -> tuple[Tag, Tag]:
    """
    The application's own script at *path*, and the proxy's, which tells the page that the person is signed out.
    """
    # In this order: what listens has to be there first.
    return pages.script(path), pages.script(f"{paths.SESSION_EVENTS}.js", **{"data-signed-in": ""})


def respond_with_page(exchange: ServedExchange, markup: bytes, *, status: int = 200) -> None:
    """
    *markup* is the page that was asked for.
    """
    exchange.respond(status, _PAGE_FIELDS, markup)


def respond_with_static(exchange: ServedExchange, content: bytes, media_type: bytes) -> None:
    """
    *content* is a part of a page.
    """
    exchange.respond(200, [(b"Content-Type", media_type), (b"Cache-Control", b"private, max-age=300")], content)


def respond_with_problem(exchange: ServedExchange, status: int, said: str, *fields: tuple[bytes, bytes]) -> None:
    """
    What was asked for is not to be had here.
    """
    exchange.respond(status, [(b"Content-Type", b"text/plain"), NO_STORE, *fields], f"{said}\n".encode("ascii"))


def navigation(links: Links, *, here: str) -> Tag:
    """
    The links at the top of every page.
    """

    def link(text: str, href: str) -> Tag:
        return tags.li(tags.a(text, href=href, **({"aria-current": "page"} if text == here else {})))

    return tags.nav(
        tags.ul(
            link("Application", f"{links.app}/"),
            link("Chat", f"{links.chat}/"),
            link("Other application", f"{links.other}/"),
            link("Who am I", paths.DASHBOARD),
            link("Sign out", paths.SIGN_OUT),
        ),
        **{"aria-label": "Demo"},
    )


def identity(head: RequestHead) -> Tag:
    """
    Who the proxy says the person is.
    """
    claims = asserted_claims(head)
    if not claims.get("sub"):
        return tags.section(tags.h2("You are nobody"), tags.p("No identity assertion came with this request."))
    named = [
        (title, claims.get(name))
        for title, name in (
            ("Name", "name"),
            ("Email", "email"),
            ("Groups", "groups"),
            ("User", "sub"),
            ("Session", "sid"),
            ("Issued by", "iss"),
        )
    ]
    described = [
        (tags.dt(title), tags.dd(", ".join(map(str, value)) if isinstance(value, list) else str(value)))
        for title, value in named
        if value
    ]
    return tags.section(tags.h2(f"You are {claims.get('name') or claims.get('email')}"), tags.dl(*described))


ALARM = tags.div(id="alarm", class_="alarm", role="alert", hidden="hidden")
"""
Where a script says that something was cut.
"""


def request_line(head: RequestHead) -> str:
    """
    What was asked for, as text.
    """
    return f"{head.method.decode('ascii')} {head.target.decode('ascii', 'replace')}"


def shown_fields(head: RequestHead) -> list[tuple[str, str]]:
    """
    The fields as they were received, as text; the assertion is shortened.
    """
    shown = []
    for lower_name, name, value in head.fields:
        text = value.decode("utf-8", "replace")
        if lower_name == ASSERTION:
            text = f"{text[:20]}... ({len(text)} characters)"
        shown.append((name.decode("ascii", "replace"), text))
    return shown
