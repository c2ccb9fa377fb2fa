"""
How the upstreams of a route share its requests, and how they are watched: what a route's keys say, in seconds and
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from pomerium_tx.config.forms.upstreams import upstream_url
from pomerium_tx.config.keys import health as health_keys
from pomerium_tx.config.route_section import RouteSection

_OK = (range(200, 201),)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """
    A request that has to be answered.
    """

    path: bytes
    host: bytes | None
    """
    None for the upstream's own.
    """
    expected: tuple[range, ...]
    retriable: tuple[range, ...]
    """
    Statuses that do not make an upstream unhealthy at once.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck:
    """
    A connection that has to be accepted, and perhaps answered on.
    """

    send: bytes
    receive: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """
    How often an upstream is asked whether it is well, and what for. All times are in seconds.
    """

    what: HttpCheck | TcpCheck
    timeout: float
    interval: float
    no_traffic_interval: float
    unhealthy_interval: float
    unhealthy_edge_interval: float
    healthy_edge_interval: float
    initial_jitter: float
    interval_jitter: float
    interval_jitter_percent: int
    unhealthy_threshold: int
    healthy_threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierDetection:
    """
    Which upstreams get no requests for a while because their answers are errors. All times are in seconds.
    """

    consecutive_5xx: int
    enforcing_consecutive_5xx: int
    consecutive_gateway_failure: int
    enforcing_consecutive_gateway_failure: int
    interval: float
    base_ejection_time: float
    max_ejection_time: float
    max_ejection_percent: int
    ends_by_health_check: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancing:
    """
    Which upstream gets a request.
    """

    policy: str = "round_robin"
    weights: tuple[int, ...] = ()
    """
    One for each upstream, or none at all.
    """
    health_checks: tuple[HealthCheck, ...] = ()
    outlier_detection: OutlierDetection | None = None
    panic_threshold: int = field(default=50)
    """
    When less than so many of 100 upstreams are well, all of them get requests.
    """


def balancing(section: RouteSection) -> Balancing:
    """
    What the keys of a route say.
    """
    weights = [upstream_url(written).weight for written in section.to]
    outliers = section.outlier_detection
    return Balancing(
        policy=section.load_balancing_policy,
        weights=tuple(weight for weight in weights if weight is not None),
        health_checks=tuple(map(_health_check, section.health_checks)),
        outlier_detection=None if outliers is None else _outlier_detection(outliers),
        panic_threshold=section.healthy_panic_threshold,
    )


def _health_check(keys: health_keys.HealthCheck) -> HealthCheck:
    http, tcp = keys.http_health_check, keys.tcp_health_check
    if http is not None:
        what: HttpCheck | TcpCheck = HttpCheck(
            path=http.path.encode("ascii"),
            host=None if http.host is None else http.host.encode("ascii"),
            expected=_ranges(http.expected_statuses) or _OK,
            retriable=_ranges(http.retriable_statuses),
        )
    else:
        what = TcpCheck(send=b"" if tcp is None else tcp.send, receive=() if tcp is None else tcp.receive)
    interval = keys.interval.total_seconds()
    unhealthy_interval = _seconds(keys.unhealthy_interval, interval)
    return HealthCheck(
        what=what,
        timeout=keys.timeout.total_seconds(),
        interval=interval,
        no_traffic_interval=_seconds(keys.no_traffic_interval, interval),
        unhealthy_interval=unhealthy_interval,
        unhealthy_edge_interval=_seconds(keys.unhealthy_edge_interval, unhealthy_interval),
        healthy_edge_interval=_seconds(keys.healthy_edge_interval, interval),
        initial_jitter=_seconds(keys.initial_jitter, 0.0),
        interval_jitter=_seconds(keys.interval_jitter, 0.0),
        interval_jitter_percent=keys.interval_jitter_percent,
        unhealthy_threshold=keys.unhealthy_threshold,
        healthy_threshold=keys.healthy_threshold,
    )


def _outlier_detection(keys: health_keys.OutlierDetection) -> OutlierDetection:
    base = _seconds(keys.base_ejection_time, 30.0)
    return OutlierDetection(
        consecutive_5xx=keys.consecutive_5xx,
        enforcing_consecutive_5xx=keys.enforcing_consecutive_5xx,
        consecutive_gateway_failure=keys.consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure=keys.enforcing_consecutive_gateway_failure,
        interval=_seconds(keys.interval, 10.0),
        base_ejection_time=base,
        max_ejection_time=_seconds(keys.max_ejection_time, max(base, 300.0)),
        max_ejection_percent=keys.max_ejection_percent,
        ends_by_health_check=keys.successful_active_health_check_uneject_host,
    )


def _ranges(statuses: tuple[health_keys.StatusRange, ...]) -> tuple[range, ...]:
    return tuple(range(each.start, each.end) for each in statuses)


def _seconds(written: timedelta | None, default: float) -> float:
    return default if written is None else written.total_seconds()
