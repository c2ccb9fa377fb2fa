"""
What the daemon would make of a configuration, connected to nothing.
"""

from __future__ import annotations

from typing import Never

from twisted.internet.task import Clock

from pomerium_tx.config.loader import Loaded
from pomerium_tx.config.policy.rules import Rules
from pomerium_tx.config.problems import Place
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.policy.criteria import rules_of
from pomerium_tx.policy.words import policy_in_words
from pomerium_tx.registrations import Registrations
from pomerium_tx.routing.answers import Redirect
from pomerium_tx.routing.route import Route, build
from pomerium_tx.routing.table import RouteTable


class Plan:
    """
    Routes and providers as they would be in a running house.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.config = loaded.config
        self.sections = loaded.config.routes
        self.routes = tuple(build(section, loaded.config) for section in self.sections)
        self.table = RouteTable(self.routes, own_host=self.config.authenticate_origin.host)
        self._places = loaded.places
        self._numbers = {route.id: number for number, route in reversed(list(enumerate(self.routes)))}
        self._registrations = Registrations(loaded.config, http=_Nobody(), clock=Clock(), previous={})

    @property
    def providers(self) -> tuple[Provider, ...]:
        """
        Every client of every OP.
        """
        return tuple(self._registrations.providers.values())

    def idp_id_of(self, route: Route) -> str:
        """
        Whose sessions count on a route.
        """
        return self._registrations.idp_id_of(self.section_of(route))

    def provider_of(self, route: Route) -> Provider:
        """
        Where people of a route sign in.
        """
        return self._registrations.providers[self.idp_id_of(route)]

    def section_of(self, route: Route) -> RouteSection:
        """
        What was written of a route.
        """
        return self.sections[self._numbers[route.id]]

    def bearer_token_format_of(self, route: Route) -> str:
        """
        Which tokens programs may bring to a route; ``default`` for none.
        """
        return self.section_of(route).bearer_token_format or self.config.bearer_token_format

    def place_of(self, route: Route) -> Place:
        """
        Where that stands.
        """
        return self._places[self._numbers[route.id]]

    def rules_of(self, route: Route) -> Rules:
        """
        All rules of a route.
        """
        needed = self.config.refuses_without_certificate
        return rules_of(self.section_of(route), refuses_without_certificate=needed)

    def rule_of(self, route: Route) -> tuple[str, ...]:
        """
        Who may pass, a sentence for each rule.
        """
        return policy_in_words(self.rules_of(route))


class _Nobody:
    """
    Makes no request.
    """

    def request(self, *arguments: object, **named: object) -> Never:
        raise AssertionError("advice is given without a network")


def what_it_matches(route: Route) -> str:
    """
    Which paths of its host a route is for.
    """
    if route.regex is not None:
        return f"paths that match {route.regex.pattern}"
    if route.path is not None:
        return f"the path {route.path.decode('ascii')}"
    prefix = route.prefix or b"/"
    return "every path" if prefix == b"/" else f"paths that begin with {prefix.decode('ascii')}"


def where_it_goes(route: Route, section: RouteSection) -> tuple[str, ...]:
    """
    Where a route leads.
    """
    if isinstance(route.answer, Redirect):
        return (f"a redirect, {route.answer.status}",)
    if route.answer is not None:
        return (f"a fixed answer, {route.answer.status}",)
    return section.to
