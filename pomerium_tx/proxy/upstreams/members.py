"""
The upstreams of one route: which of them are well, and which of those gets a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from twisted.logger import Logger

from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.proxy.upstreams.balance import Balancer, balancers

log = Logger()

_KEYED = frozenset(("ring_hash", "maglev"))
_MOST_KEPT = 64
"""
Balancers without those that a request could not reach.
"""


@dataclass(slots=True, eq=False)
class Health:
    """
    What is known of one upstream. It outlives a reload that leaves the upstream in the route.
    """

    failing: set[int] = field(default_factory=set)
    """
    Which of the route's checks say that it is not well.
    """
    checked: set[int] = field(default_factory=set)
    """
    Which of them have had a result.
    """
    ejected_until: float | None = None
    """
    When it may get requests again, if its answers have been errors; by the clock of deadlines.
    """
    ejections: int = 0
    """
    How often it has been ejected of late.
    """
    errors: int = 0
    """
    How many answers in a row were errors.
    """
    gateway_errors: int = 0

    @property
    def is_well(self) -> bool:
        """
        Whether it should get requests.
        """
        return not self.failing and self.ejected_until is None


@dataclass(slots=True, eq=False, kw_only=True)
class Member:
    """
    One upstream among others.
    """

    resource: ReverseProxyResource
    """
    The way to it: its own pool, and heads as it is to have them.
    """
    name: str
    weight: int
    health: Health
    active: int = 0
    """
    How many requests it has under way.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamHealth:
    """
    What an administrator may want to know of one upstream.
    """

    route_id: str
    upstream: str
    fails_checks: bool
    is_ejected: bool
    active: int


class Members:
    """
    All upstreams of one route.

    :param policy: One of those that ``load_balancing_policy`` may be, in lower case.
    :param panic_threshold: When less than so many of 100 are well, all of them get requests.
    """

    def __init__(
        self, route_name: str, members: Sequence[Member], *, policy: str, panic_threshold: int, random: Random
    ) -> None:
        self.all = members
        self.route_name = route_name
        self.is_keyed = policy in _KEYED
        """
        Whether it matters whose request it is.
        """
        self.was_asked = False
        """
        Whether a request has come.
        """
        self._panic_threshold = panic_threshold
        self._balancer_of = balancers(policy, members, random)
        self._in_use: tuple[Member, ...] = ()
        self._balancer: Balancer | None = None
        self._without: dict[frozenset[Member], tuple[tuple[Member, ...], Balancer]] = {}
        self._is_panicking = False
        self.changed()

    def choose(self, key: str, tried: Sequence[Member] = ()) -> Member | None:
        """
        Who gets the next request; None if nobody may, or nobody is left.

        :param key: What the request has in common with others that should go to the same upstream.
        :param tried: Those that this very request could not reach.
        """
        self.was_asked = True
        if tried:
            return self._choose_another(key, frozenset(tried))
        balancer = self._balancer
        return None if balancer is None else self._in_use[balancer.choose(key)]

    def changed(self) -> None:
        """
        The health of a member has changed.
        """
        well = tuple(member for member in self.all if member.health.is_well)
        panics = len(well) * 100 < self._panic_threshold * len(self.all)
        in_use = tuple(self.all) if panics else well
        if panics is not self._is_panicking:
            self._is_panicking = panics
            self._say_panic(len(well))
        if in_use != self._in_use:
            self._in_use = in_use
            self._balancer = self._balancer_of(in_use) if in_use else None
            self._without.clear()

    def report(self, route_id: str) -> list[UpstreamHealth]:
        """
        What is known of each.
        """
        return [
            UpstreamHealth(
                route_id=route_id,
                upstream=member.name,
                fails_checks=bool(member.health.failing),
                is_ejected=member.health.ejected_until is not None,
                active=member.active,
            )
            for member in self.all
        ]

    def _choose_another(self, key: str, tried: frozenset[Member]) -> Member | None:
        found = self._without.get(tried)
        if found is None:
            left = tuple(member for member in self._in_use if member not in tried)
            if not left:
                return None
            if len(self._without) >= _MOST_KEPT:
                self._without.clear()
            found = self._without[tried] = left, self._balancer_of(left)
        left, balancer = found
        return left[balancer.choose(key)]

    def _say_panic(self, well: int) -> None:
        if self._is_panicking:
            log.warn(
                "Only {well} of {count} upstreams of route {route} are well: all of them get requests",
                well=well,
                count=len(self.all),
                route=self.route_name,
            )
        else:
            log.info("Enough upstreams of route {route} are well: only those get requests", route=self.route_name)
