"""
The routes portal: where a person may go (``/.pomerium/routes``, and the same for programs at
``/.pomerium/api/v1/routes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from pomerium_tx import paths
from pomerium_tx.authorize.accessible import first_path
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.dashboard.sign_in import RouteSignIn
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.page_frame import image_origins
from pomerium_tx.web.portal_page import ShownRoute, my_routes
from pomerium_tx.web.resource import Answer, Page, PageRequest, html_answer, json_answer

Accessible = Callable[[Session, PageRequest], Sequence[Route]]
"""
The routes that a session would be let into, by a request from where this one comes from.
"""


class PortalPage(Page):
    """
    The routes, for whoever is signed in.

    :param listed: Them, in the form of this page: `as_links`, `as_json`.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(
        self,
        *,
        sessions: RouteSessions,
        sign_in: RouteSignIn,
        accessible: Accessible,
        listed: Callable[[Sequence[Route]], Answer],
    ) -> None:
        super().__init__()
        self._sessions = sessions
        self._sign_in = sign_in
        self._accessible = accessible
        self._listed = listed

    async def answer(self, request: PageRequest) -> Answer:
        """
        The routes; whoever is not signed in is sent to do so.
        """
        session = self._sessions.used(request)
        if session is None:
            return self._sign_in.begin(request)
        return self._listed(self._accessible(session, request))


def as_links(routes: Sequence[Route]) -> Answer:
    """
    A page of links, for people: ``/.pomerium/routes``.
    """
    shown = [
        ShownRoute(
            name=_name(route),
            url=route.origin() + first_path(route),
            is_link=route.regex is None or route.regex.matches(first_path(route).encode("ascii")),
            description=route.description,
            logo_url=route.logo_url,
        )
        for route in routes
    ]
    logos = [route.logo_url for route in routes if route.logo_url is not None]
    body = my_routes(shown, sign_out_path=paths.SIGN_OUT)
    return html_answer(body, listening=True, image_origins=image_origins(logos))


def as_json(routes: Sequence[Route]) -> Answer:
    """
    JSON as Pomerium gives it, for programs: ``/.pomerium/api/v1/routes``.
    """
    return json_answer({"routes": [_route_as_json(route) for route in routes]})


def _route_as_json(route: Route) -> dict[str, str]:
    return {
        "id": route.id,
        "name": _name(route),
        "type": "http",
        "from": route.origin(),
        "description": route.description,
        "logo_url": route.logo_url or "",
    }


def _name(route: Route) -> str:
    return route.name or route.from_host
