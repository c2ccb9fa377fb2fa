"""
The route table: which route a request is for.

An exact host beats one with ``*``. Of the routes of a host, the first one configured whose port and path match is
the one. A look-up costs the same however many prefixes and paths there are; expressions are tried one after the other,
and only those that stand before what was found without them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pomerium_tx.config.forms.expressions import Expression
from pomerium_tx.config.forms.values import DEFAULT_PORTS, origin_of, split_url
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.routing.route import Route

WILDCARD_HOSTS_KEPT: Final = 1024


class OriginRoutes:
    """
    The routes of one host at one port, in their order.
    """

    __slots__ = ("_bare", "_default_port", "_expressions", "_paths", "_prefixes", "_routes", "site_data")

    def __init__(self, host: str, routes: Sequence[Route]) -> None:
        """
        :param routes: At least one.
        """
        scheme = routes[0].from_scheme
        self._bare = f"{scheme}://{host}"
        self._default_port = DEFAULT_PORTS[scheme]
        self._routes = tuple(routes)
        self.site_data: Final = frozenset[str]().union(*(route.clear_site_data for route in routes))
        """
        What a browser is asked to forget of this host at a sign-out, which is one for all of its routes.
        """
        self._paths: dict[bytes, int] = {}
        self._expressions: list[tuple[int, Expression]] = []
        prefixes: dict[bytes, int] = {}
        for index, route in enumerate(routes):
            if route.regex is not None:
                self._expressions.append((index, route.regex))
            elif route.path is not None:
                self._paths.setdefault(route.path, index)
            else:
                prefixes.setdefault(route.prefix or b"/", index)
        self._prefixes = _Prefixes(prefixes)

    @property
    def all(self) -> Sequence[Route]:
        """
        All of them, in their order.
        """
        return self._routes

    @property
    def root(self) -> Route:
        """
        The route of the root path, or else the first.
        """
        return self.find(b"/") or self._routes[0]

    def origin(self, port: int | None) -> str:
        """
        The external origin.

        :param port: The port that the request's host names.
        """
        if port is None or port == self._default_port:
            return self._bare
        return f"{self._bare}:{port}"

    def find(self, path: bytes) -> Route | None:
        """
        The first route that *path*, in canonical form and without query, belongs to.
        """
        missing = len(self._routes)
        first = self._prefixes.first(path, missing)
        if self._paths:
            first = min(first, self._paths.get(path, missing))
        return self._routes[first] if first < missing else None


class _WithExpressions(OriginRoutes):
    """
    Routes of which some match by expressions.
    """

    __slots__ = ()

    def find(self, path: bytes) -> Route | None:
        """
        The same; only expressions are tried that stand before what is found without them.
        """
        missing = len(self._routes)
        first = min(self._prefixes.first(path, missing), self._paths.get(path, missing))
        if path != b"*":
            for index, expression in self._expressions:
                if index > first:
                    break
                if expression.matches(path):
                    return self._routes[index]
        return self._routes[first] if first < missing else None


class _Prefixes:
    """
    Which of some prefixes of a path comes first, in as many steps for a thousand prefixes as for ten.

    In order, every prefix stands before all that begins with it; so of the prefixes of a path the longest is the last
    one that is not after the path, or one of those that this one begins with.
    """

    __slots__ = ("_above", "_least", "_sorted")

    def __init__(self, prefixes: Mapping[bytes, int]) -> None:
        self._sorted = sorted(prefixes)
        # Of each: the place of the next shorter one that it begins with, and the least index among it and all those.
        self._above: list[int] = []
        self._least: list[int] = []
        for place, prefix in enumerate(self._sorted):
            above = place - 1
            while above >= 0 and not prefix.startswith(self._sorted[above]):
                above = self._above[above]
            self._above.append(above)
            index = prefixes[prefix]
            self._least.append(index if above < 0 else min(index, self._least[above]))

    def first(self, path: bytes, missing: int) -> int:
        """
        The least index of a prefix of *path*, or *missing*.
        """
        place = bisect_right(self._sorted, path) - 1
        while place >= 0:
            if path.startswith(self._sorted[place]):
                return self._least[place]
            place = self._above[place]
        return missing


class _HostRoutes:
    """
    The routes of one host, by port.
    """

    __slots__ = ("_by_port", "_elsewhere", "_without_port")

    def __init__(self, host: str, routes: Sequence[Route]) -> None:
        named = {route.from_port for route in routes if route.from_port is not None}
        self._by_port = {
            port: _origin_routes(host, [r for r in routes if r.from_port in (None, port)]) for port in named
        }
        self._elsewhere = _origin_routes(host, [route for route in routes if route.from_port is None])
        self._without_port = _origin_routes(
            host, [route for route in routes if route.from_port in (None, DEFAULT_PORTS[route.from_scheme])]
        )

    def at(self, port: int | None) -> OriginRoutes | None:
        if port is None:
            return self._without_port
        return self._by_port.get(port, self._elsewhere)


def _origin_routes(host: str, routes: Sequence[Route]) -> OriginRoutes | None:
    if not routes:
        return None
    return (OriginRoutes if all(route.regex is None for route in routes) else _WithExpressions)(host, routes)


class _Wildcard:
    """
    A host in which ``*`` stands for any characters.
    """

    __slots__ = ("_between", "_end", "_start")

    def __init__(self, host: str) -> None:
        self._start, *self._between, self._end = host.split("*")

    def matches(self, host: str) -> bool:
        """
        Whether *host* is one of those, in time that is linear in its length, which the client chooses.
        """
        start, end = len(self._start), len(host) - len(self._end)
        if start > end or not (host.startswith(self._start) and host.endswith(self._end)):
            return False
        for part in self._between:
            # The earliest place leaves the most for the parts behind it.
            found = host.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True


class RouteTable:
    """
    All routes.
    """

    def __init__(self, routes: Iterable[Route], *, own_host: str = "") -> None:
        """
        :param own_host: The authenticate host, for which no ``*`` stands: the scripts of an application could read and
            press whatever is on the pages of their own origin.
        """
        first: dict[str, Route] = {}
        for route in routes:
            first.setdefault(route.id, route)
        self.routes: Final = tuple(first.values())
        """
        In their order; of those that match the same requests the first one alone.
        """
        self._own_host = own_host
        by_host: dict[str, list[Route]] = {}
        for route in self.routes:
            by_host.setdefault(route.from_host, []).append(route)
        self._hosts = {host: _HostRoutes(host, of_host) for host, of_host in by_host.items() if "*" not in host}
        self._patterns = [(_Wildcard(route.from_host), route) for route in self.routes if "*" in route.from_host]
        self._wildcard_hosts: dict[str, _HostRoutes | None] = {}
        self.origins: Final = frozenset(route.origin() for route in self.routes if "*" not in route.from_host)
        """
        The external origins that can be listed; ``serves_origin`` knows them all.
        """

    def at(self, host: str, port: int | None) -> OriginRoutes | None:
        """
        The routes of a host in canonical form, or None for a host that no route names.
        """
        exact = self._hosts.get(host)
        if exact is not None:
            found = exact.at(port)
            if found is not None:
                return found
        if not self._patterns:
            return None
        wildcard = self._by_pattern(host)
        return None if wildcard is None else wildcard.at(port)

    def find(self, canonical: Canonical) -> Route | None:
        """
        The route that a request is for.
        """
        routes = self.at(canonical.host, canonical.port)
        return None if routes is None else routes.find(canonical.path)

    def serves(self, host: str, port: int | None) -> bool:
        """
        Whether some route names this host.
        """
        return self.at(host, port) is not None

    def origin(self, host: str, port: int | None) -> str | None:
        """
        The external origin of a host, or None if no route names it.
        """
        routes = self.at(host, port)
        return None if routes is None else routes.origin(port)

    def site_data(self, origin: str) -> frozenset[str]:
        """
        What a browser is asked to forget of the host with this external origin; nothing for an unknown one.
        """
        routes = self._of_origin(origin)
        return frozenset() if routes is None else routes.site_data

    def root_of(self, origin: str) -> Route | None:
        """
        The route of the root of the host with this external origin, or else its first; None for an unknown one.
        """
        routes = self._of_origin(origin)
        return None if routes is None else routes.root

    def serves_origin(self, url: str) -> bool:
        """
        Whether the origin of *url* is that of a route, those of wildcard hosts and of any incoming port included.
        """
        return self._of_origin(url) is not None

    def _of_origin(self, url: str) -> OriginRoutes | None:
        try:
            wanted = origin_of(split_url(url))
        except ValueError:
            return None
        routes = self.at(wanted.host, wanted.port)
        return routes if routes is not None and routes.origin(wanted.port) == str(wanted) else None

    def _by_pattern(self, host: str) -> _HostRoutes | None:
        try:
            return self._wildcard_hosts[host]
        except KeyError:
            pass
        is_ours = host == self._own_host
        matching = [] if is_ours else [route for pattern, route in self._patterns if pattern.matches(host)]
        routes = _HostRoutes(host, matching) if matching else None
        # The client chooses the names: the oldest gives way, so that they never fill the memory.
        if len(self._wildcard_hosts) >= WILDCARD_HOSTS_KEPT:
            del self._wildcard_hosts[next(iter(self._wildcard_hosts))]
        self._wildcard_hosts[host] = routes
        return routes
