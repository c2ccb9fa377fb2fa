"""
Upstreams are asked, time and again, whether they are well: Envoy's active health checks.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.upstreams.members import Member, Members
from pomerium_tx.proxy.upstreams.probe import Outcome, Probe
from pomerium_tx.routing.balancing import HealthCheck

log = Logger()

LEAST_PAUSE = 0.1
"""
Seconds between two checks of one upstream, however short the intervals are.
"""


class HealthWatch:
    """
    One check of one upstream, over and over.

    :param index: Of the check among those of the route.
    :param endpoint: What connects to the upstream, apart from its pool.
    :param was_well: Told of every check that has found it well.
    """

    def __init__(
        self,
        member: Member,
        members: Members,
        check: HealthCheck,
        *,
        index: int,
        endpoint: IStreamClientEndpoint,
        limits: HeadLimits,
        clock: IReactorTime,
        random: Random,
        was_well: Callable[[Member], None],
    ) -> None:
        self._member = member
        self._members = members
        self._check = check
        self._index = index
        self._endpoint = endpoint
        self._limits = limits
        self._clock = clock
        self._random = random
        self._was_well = was_well
        self._good = self._bad = 0
        self._call: IDelayedCall | None = None
        self._probe: Probe | None = None

    def start(self) -> None:
        """
        Ask from now on.
        """
        self._call = self._clock.callLater(self._check.initial_jitter * self._random.random(), self._ask)

    def stop(self) -> None:
        """
        Ask no more, and wait for no answer.
        """
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.cancel()

    def _ask(self) -> None:
        self._call = None
        upstream = self._member.resource.upstream
        outcomes: list[Outcome] = []
        probe = Probe(
            self._endpoint,
            self._check.what,
            host=upstream.authority,
            limits=self._limits,
            clock=self._clock,
            timeout=self._check.timeout,
            done=lambda outcome: outcomes.append(outcome) if self._probe is None else self._answered(outcome),
        )
        if outcomes:
            # It was over before it was there to be cancelled.
            self._answered(outcomes[0])
        else:
            self._probe = probe

    def _answered(self, outcome: Outcome) -> None:
        self._probe = None
        check, health = self._check, self._member.health
        is_first = self._index not in health.checked
        health.checked.add(self._index)
        was_failing = self._index in health.failing
        if outcome.is_well:
            self._good, self._bad = self._good + 1, 0
            if was_failing and self._good >= check.healthy_threshold:
                health.failing.discard(self._index)
                self._is_well_again()
            if not health.failing:
                self._was_well(self._member)
        else:
            self._good, self._bad = 0, self._bad + 1
            if not was_failing and (is_first or outcome.is_final or self._bad >= check.unhealthy_threshold):
                health.failing.add(self._index)
                self._is_not_well(outcome.reason)
        self._call = self._clock.callLater(self._pause(was_failing, self._index in health.failing), self._ask)

    def _pause(self, was_failing: bool, is_failing: bool) -> float:
        check = self._check
        if is_failing is not was_failing:
            pause = check.unhealthy_edge_interval if is_failing else check.healthy_edge_interval
        elif is_failing:
            pause = check.unhealthy_interval
        else:
            pause = check.interval if self._members.was_asked else check.no_traffic_interval
        pause += check.interval_jitter * self._random.random()
        return max(pause * (1 + check.interval_jitter_percent / 100 * self._random.random()), LEAST_PAUSE)

    def _is_well_again(self) -> None:
        log.info("{upstream} of route {route} is well", upstream=self._member.name, route=self._members.route_name)
        self._members.changed()

    def _is_not_well(self, reason: str) -> None:
        log.warn(
            "{upstream} of route {route} is not well: it {reason}",
            upstream=self._member.name,
            route=self._members.route_name,
            reason=reason,
        )
        self._members.changed()
