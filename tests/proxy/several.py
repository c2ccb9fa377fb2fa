"""
The data path with several upstreams in memory.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from twisted.logger import LogEvent, globalLogPublisher

from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.upstreams.health_checks import HealthWatch
from pomerium_tx.proxy.upstreams.members import Health, Member, Members
from pomerium_tx.proxy.upstreams.outliers import Outliers
from pomerium_tx.proxy.upstreams.pool import Pool
from pomerium_tx.proxy.upstreams.watched import WatchedMembers
from pomerium_tx.routing.balancing import Balancing, HealthCheck, HttpCheck, OutlierDetection
from pomerium_tx.routing.route import Route, Upstream
from tests.doubles.peers import PeerFactory, UserAgent
from tests.proxy.harness import ProxyTestCase, a_route

PORT = 3000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def outlier_detection(**changes: Any) -> OutlierDetection:
    """
    Envoy's defaults, but for *changes*.
    """
    values: dict[str, Any] = {
        "consecutive_5xx": 5,
        "enforcing_consecutive_5xx": 100,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 0,
        "interval": 10.0,
        "base_ejection_time": 30.0,
        "max_ejection_time": 300.0,
        "max_ejection_percent": 10,
        "ends_by_health_check": True,
    }
    return OutlierDetection(**(values | changes))


def health_check(what: Any = None, **changes: Any) -> HealthCheck:
    """
    A check of ``/healthz`` every ten seconds, but for *changes*.
    """
    values: dict[str, Any] = {
        "what": what or HttpCheck(path=b"/healthz", host=None, expected=(range(200, 201),), retriable=()),
        "timeout": 2.0,
        "interval": 10.0,
        "no_traffic_interval": 10.0,
        "unhealthy_interval": 10.0,
        "unhealthy_edge_interval": 10.0,
        "healthy_edge_interval": 10.0,
        "initial_jitter": 0.0,
        "interval_jitter": 0.0,
        "interval_jitter_percent": 0,
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
    }
    return HealthCheck(**(values | changes))


class SeveralTestCase(ProxyTestCase):
    """
    A proxy with one route to the hosts ``a``, ``b`` and ``c``.
    """

    hosts = ("a", "b", "c")
    balancing = Balancing()

    def setUp(self) -> None:
        super().setUp()
        self.peers = {host: PeerFactory() for host in self.hosts}
        for host, factory in self.peers.items():
            self.network.listen(host, PORT, factory)
        self.pools = {
            host: Pool(self.network.endpoint(host, PORT), limits=HeadLimits(), deadlines=self.deadlines)
            for host in self.hosts
        }
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.watched: WatchedMembers | None = None
        self.balance(self.balancing)

    def balance(self, balancing: Balancing, **changes: object) -> WatchedMembers:
        """
        Share the requests from now on as *balancing* says.
        """
        route = a_route(
            upstreams=tuple(Upstream(scheme="http", host=host, port=PORT) for host in self.hosts),
            balancing=balancing,
            **changes,
        )
        random = Random(1)
        weights = balancing.weights or (1,) * len(self.hosts)
        members = Members(
            "app",
            [
                Member(resource=self._way(route, upstream), name=upstream.origin, weight=weight, health=Health())
                for upstream, weight in zip(route.upstreams, weights, strict=True)
            ],
            policy=balancing.policy,
            panic_threshold=balancing.panic_threshold,
            random=random,
        )
        outliers = None
        if balancing.outlier_detection is not None:
            outliers = Outliers(balancing.outlier_detection, members, self.deadlines, random)
        watches = [
            HealthWatch(
                member,
                members,
                check,
                index=index,
                endpoint=self.network.endpoint(member.resource.upstream.host, PORT),
                limits=HeadLimits(),
                clock=self.network.clock,
                random=random,
                was_well=(lambda member: None) if outliers is None else outliers.checked,
            )
            for member in members.all
            for index, check in enumerate(balancing.health_checks)
        ]
        if self.watched is not None:
            self.watched.stop()
        self.watched = WatchedMembers(members=members, outliers=outliers, watches=watches)
        self.resource = replace(members.all[0].resource, members=self.watched)
        self.watched.start()
        return self.watched

    def _way(self, route: Route, upstream: Upstream) -> Any:
        self.use(route)
        return replace(self.resource, upstream=upstream, pool=self.pools[upstream.host])

    def tearDown(self) -> None:
        if self.watched is not None:
            self.watched.stop()

    def get(
        self, path: str = "/", *fields: str, agent: UserAgent | None = None, method: str = "GET", body: bytes = b""
    ) -> UserAgent:
        """
        Ask on a connection of its own.
        """
        agent = agent or self.connect()
        lines = [f"{method} {path} HTTP/1.1", "Host: app.example.com", "Who: alice", *fields, "", ""]
        agent.say("\r\n".join(lines).encode() + body)
        self.settle()
        return agent

    def asked(self) -> str:
        """
        The hosts that have been asked something since the last time, each once, in their order.
        """
        heard = {host: b"".join(peer.take() for peer in factory.peers) for host, factory in self.peers.items()}
        return "".join(host for host in self.hosts if heard[host])

    def answer(self, host: str, response: bytes = OK) -> None:
        """
        *host* answers on its newest connection.
        """
        self.peers[host].last.say(response)
        self.settle()

    def exchange(self, response: bytes = OK, *fields: str) -> str:
        """
        One request and its answer: who was asked.
        """
        agent = self.get("/", *fields)
        asked = self.asked()
        for host in asked:
            self.answer(host, response)
        agent.transport.abortConnection()
        self.settle()
        return asked

    def said(self, part: str) -> list[LogEvent]:
        """
        The log lines whose format has *part* in it.
        """
        return [event for event in self.events if part in str(event.get("log_format"))]
