"""
What a configuration lets programs do, and what else gets a session to a route than a person who opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pomerium_tx.config.model import Config
from pomerium_tx.config.values import origin
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.web.programmatic import ProgrammaticRedirects


class Programs:
    """
    The part of a layout that is about programs.
    """

    def __init__(self, config: Config, table: RouteTable, *, idp_id_of: Callable[[Route | None], str]) -> None:
        """
        :param idp_id_of: The client that people of a route sign in for.
        """
        self.redirects = ProgrammaticRedirects(config.programmatic_redirect_domain_whitelist)
        self.asks = config.programmatic_login == "confirm"
        self._table = table
        self._idp_id_of = idp_id_of
        pairs = zip(table.routes, config.routes, strict=True)
        self._depends_on: Mapping[str, tuple[str, ...]] = {route.id: section.depends_on for route, section in pairs}

    def origin_of_host(self, host: str) -> str | None:
        """
        The external origin of a route host, which may be written with its port.
        """
        try:
            named = origin(f"https://{host}")
        except ValueError:
            return None
        return self._table.origin(named.host, named.port)

    def hosts_with(self, route: Route) -> tuple[str, ...]:
        """
        The hosts to which people are signed in along with a route: of ``depends_on``, those that want them from the
        same OP.
        """
        hosts = self._depends_on[route.id]
        if not hosts:
            return ()
        idp_id = self._idp_id_of(route)
        origins = ((host, self.origin_of_host(host)) for host in hosts)
        return tuple(
            host
            for host, found in origins
            if found is not None and self._idp_id_of(self._table.root_of(found)) == idp_id
        )
