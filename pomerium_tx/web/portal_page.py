"""
The page with the applications that are open to a person.

It is told of the end of the session that it was made for: it needs `page_frame.LISTENING_POLICY`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.web.template import Tag, tags

from pomerium_tx.web.page_frame import link, page, safe_href


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRoute:
    """
    An application, as a person sees it.
    """

    name: str
    url: str
    is_link: bool
    """
    Whether there is something to see at that very address.
    """
    description: str
    logo_url: str | None
    """
    Of an image, https or data.
    """


def my_routes(routes: Sequence[ShownRoute], *, sign_out_path: str) -> bytes:
    """
    Links to *routes*.
    """
    title = "Where you can go"
    content = [tags.ul(*map(_item, routes), class_="routes")] if routes else [tags.p("No application is open to you.")]
    return page(title, tags.h1(title), *content, link(sign_out_path, "Sign out"), listens=True)


def _item(route: ShownRoute) -> Tag:
    logo = "" if route.logo_url is None else tags.img(src=route.logo_url, alt="", width="32", height="32")
    name = tags.a(route.name, href=safe_href(route.url) or "") if route.is_link else tags.strong(route.name)
    about = tags.div(route.description) if route.description else ""
    place = tags.div(tags.small(route.url))
    return tags.li(logo, tags.div(name, about, place))
