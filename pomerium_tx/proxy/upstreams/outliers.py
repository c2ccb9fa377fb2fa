"""
Upstreams whose answers are errors get no requests for a while: Envoy's outlier detection, as far as it is about errors
in a row.
"""

from __future__ import annotations

from random import Random

from twisted.logger import Logger

from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.upstreams.members import Member, Members
from pomerium_tx.routing.balancing import OutlierDetection

log = Logger()

_GATEWAY_ERRORS = frozenset((502, 503, 504))


class Outliers:
    """
    Watches the answers of a route's upstreams.
    """

    def __init__(self, settings: OutlierDetection, members: Members, deadlines: Deadlines, random: Random) -> None:
        self._settings = settings
        self._members = members
        self._deadlines = deadlines
        self._random = random
        self._next_look = 0.0

    def start(self) -> None:
        """
        Let the ejected in again when it is time.
        """
        self._next_look = self._deadlines.now() + self._settings.interval
        self._deadlines.watch(self)

    def stop(self) -> None:
        """
        Do nothing more.
        """
        self._deadlines.forget(self)

    def answered(self, member: Member, status: int) -> None:
        """
        *member* has answered, or would have with *status* if it could have been reached.
        """
        health, settings = member.health, self._settings
        if status < 500:
            health.errors = health.gateway_errors = 0
            return
        health.errors += 1
        health.gateway_errors = health.gateway_errors + 1 if status in _GATEWAY_ERRORS else 0
        if 0 < settings.consecutive_5xx <= health.errors:
            self._eject(member, health.errors, settings.enforcing_consecutive_5xx)
            health.errors = 0
        if 0 < settings.consecutive_gateway_failure <= health.gateway_errors:
            self._eject(member, health.gateway_errors, settings.enforcing_consecutive_gateway_failure)
            health.gateway_errors = 0

    def checked(self, member: Member) -> None:
        """
        A health check has found *member* well.
        """
        if self._settings.ends_by_health_check and member.health.ejected_until is not None:
            member.health.errors = member.health.gateway_errors = 0
            self._let_in(member)

    def check_deadlines(self, now: float) -> None:
        """
        Let in whose time is over.
        """
        if now < self._next_look:
            return
        self._next_look = now + self._settings.interval
        for member in self._members.all:
            health = member.health
            if health.ejected_until is None:
                health.ejections = max(health.ejections - 1, 0)
            elif health.ejected_until <= now:
                self._let_in(member)

    def _eject(self, member: Member, errors: int, enforcing: int) -> None:
        health, settings, everyone = member.health, self._settings, self._members.all
        if health.ejected_until is not None or self._random.randrange(100) >= enforcing:
            return
        ejected = sum(other.health.ejected_until is not None for other in everyone)
        if ejected * 100 >= settings.max_ejection_percent * len(everyone):
            return
        health.ejections += 1
        seconds = min(settings.base_ejection_time * health.ejections, settings.max_ejection_time)
        health.ejected_until = self._deadlines.now() + seconds
        log.warn(
            "{upstream} of route {route} gets no requests for {seconds} s: {errors} errors in a row",
            upstream=member.name,
            route=self._members.route_name,
            seconds=seconds,
            errors=errors,
        )
        self._members.changed()

    def _let_in(self, member: Member) -> None:
        member.health.ejected_until = None
        log.info(
            "{upstream} of route {route} may get requests again", upstream=member.name, route=self._members.route_name
        )
        self._members.changed()
