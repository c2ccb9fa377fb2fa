"""
Where a person may go: the routes whose policies would let them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.values import DEFAULT_PORTS
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.page_request import PageRequest

log = Logger()


Counts = Callable[[Session, Route], bool]
"""
Whether a session counts on a route: what one provider says of a person is nothing to a route that wants people from
another.
"""


class Entrances:
    """
    The routes of one configuration, as far as people are told of them.
    """

    def __init__(self, table: RouteTable, counts: Counts) -> None:
        self._table = table
        self._counts = counts

    def of(self, session: Session, request: PageRequest) -> list[Route]:
        """
        The routes that *session* would be let into, by a request from where this one comes from.
        """
        return accessible(self._table.routes, session, _client(request), counts=self._counts)

    def open(self, session: Session, request: PageRequest) -> bool:
        """
        Whether some application of the host that is asked lets a person in as who they are by a session.
        """
        asked = values.origin(request.origin)
        routes = self._table.at(asked.host, asked.port)
        of_host = [route for route in (() if routes is None else routes.all) if self._counts(session, route)]
        return bool(accessible(of_host, session, _client(request), counts=self._counts, host=asked.host))


def accessible(
    routes: Iterable[Route],
    session: Session,
    client: Client,
    *,
    counts: Counts,
    host: str = "",
) -> list[Route]:
    """
    The routes with an address of their own whose first page *session* would be shown.

    The policy itself is asked, about a GET. A route with ``*`` in its host has no address that could be listed.

    :param host: The one that is asked, where all *routes* are for it; then those with ``*`` have one too.
    """
    own = [route for route in routes if host or "*" not in route.from_host]
    return [
        route
        for route in own
        if _admits(route, session if counts(session, route) else None, client, host or route.from_host)
    ]


def _admits(route: Route, session: Session | None, client: Client, host: str) -> bool:
    authority = host.encode("ascii")
    if route.from_port not in (None, DEFAULT_PORTS[route.from_scheme]):
        authority += b":%d" % route.from_port
    path = first_path(route).encode("ascii")
    head = RequestHead(
        method=b"GET",
        target=path,
        minor=1,
        fields=[(b"host", b"Host", authority)],
        host=authority,
        content_length=None,
        chunked=False,
        keep_alive=True,
        upgrade=None,
        expect_continue=False,
        connection=frozenset(),
    )
    canonical = Canonical(host=host, port=route.from_port, path=path, query=None, authority=authority)
    try:
        return route.policy(session, head, canonical, client).admits
    except Exception:  # noqa: BLE001 - whatever is wrong with us, nobody is told of a route for it
        log.failure("The policy of route {route_id} could not be asked", route_id=route.id)
        return False


def first_path(route: Route) -> str:
    """
    The path at which a person enters the route.
    """
    return (route.path or route.prefix or b"/").decode("ascii")


def _client(request: PageRequest) -> Client:
    assert isinstance(request.client, Client), request.client
    return request.client
