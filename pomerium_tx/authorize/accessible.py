"""
Where a person may go: the routes whose policies would let them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from pomerium_tx.config.values import DEFAULT_PORTS
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session

log = Logger()


def accessible(
    routes: Iterable[Route], session: Session, client: Client, *, counts: Callable[[Session, Route], bool]
) -> list[Route]:
    """
    The routes with an address of their own whose first page *session* would be shown.

    The policy itself is asked, about a GET. A route with ``*`` in its host has no address that could be listed.

    :param counts: Whether a session counts on a route: what one provider says of a person is nothing to a route that
        wants people from another.
    """
    own = [route for route in routes if "*" not in route.from_host]
    return [route for route in own if _admits(route, session if counts(session, route) else None, client)]


def _admits(route: Route, session: Session | None, client: Client) -> bool:
    authority = route.from_host.encode("ascii")
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
    canonical = Canonical(host=route.from_host, port=route.from_port, path=path, query=None, authority=authority)
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
