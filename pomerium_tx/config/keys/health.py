"""
How several upstreams of a route are watched: ``health_checks`` and ``outlier_detection`` with Envoy's names and
meanings.

Both are messages of protobuf in Pomerium, so that a key may be written ``unhealthyThreshold`` as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.section import Duration, Positive, Section, Truth

_LARGEST = 2**32 - 1

Count = Annotated[int, BeforeValidator(values.whole(0, _LARGEST))]
PositiveCount = Annotated[int, BeforeValidator(values.whole(1, _LARGEST))]
Percent = Annotated[int, BeforeValidator(values.whole(0, 100))]


def _payload(value: object) -> bytes:
    """
    ``{text: 504F4E47}``, hexadecimal, or ``{binary: UE9ORw==}``, base64.
    """
    wanted = "must be text: with hexadecimal digits in quotes, or binary: with base64"
    if not isinstance(value, dict) or len(value) != 1 or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(wanted)
    (name, written), *_ = value.items()
    try:
        if name == "text":
            return bytes.fromhex(str(written))
        if name == "binary":
            return base64.b64decode(str(written), validate=True)
    except (ValueError, binascii.Error):
        pass
    raise ValueError(wanted)


def _payloads(value: object) -> tuple[bytes, ...]:
    """
    A list of what may be written for ``send``, or one.
    """
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(map(_payload, items))


def _check_path(value: object) -> str:
    """
    A path with its query, beginning with a slash.
    """
    written = forms.text(value)
    if not written.startswith("/") or not written.isascii() or " " in written or "#" in written:
        raise ValueError("must be a path that begins with a slash, percent-encoded where that is needed")
    return written


class Message(Section):
    """
    A section that is a message of protobuf.
    """

    is_message: ClassVar[bool] = True


class StatusRange(Message):
    """
    One of ``expected_statuses``: from *start* up to, and without, *end*.
    """

    start: Annotated[int, BeforeValidator(values.whole(0, 600))] = 0
    """
    The first status that is meant.
    """
    end: Annotated[int, BeforeValidator(values.whole(1, 600))]
    """
    The first status above them that is not meant.
    """


Statuses = Annotated[tuple[StatusRange, ...], BeforeValidator(forms.sections)]


class HttpHealthCheck(Message):
    """
    ``http_health_check``: a request that has to be answered.
    """

    nested: ClassVar[Mapping[str, type[Section]]] = {
        "expected_statuses": StatusRange,
        "retriable_statuses": StatusRange,
    }

    host: Annotated[str, BeforeValidator(forms.authority)] | None = None
    """
    The ``Host`` of the request. Unset, it is the upstream's own.
    """
    path: Annotated[str, BeforeValidator(_check_path)]
    """
    What is asked for, with its query.
    """
    expected_statuses: Statuses = ()
    """
    The statuses of a healthy application, each range from ``start`` up to, and without, ``end``. Unset, it is 200.
    """
    retriable_statuses: Statuses = ()
    """
    Other statuses that are counted up to ``unhealthy_threshold``. Any status in neither list makes the upstream
    unhealthy at once.
    """


class TcpHealthCheck(Message):
    """
    ``tcp_health_check``: a connection that has to be accepted.
    """

    send: Annotated[bytes, BeforeValidator(_payload)] = b""
    """
    What is sent, ``text:`` in hexadecimal digits or ``binary:`` in base64. Unset, connecting is enough.
    """
    receive: Annotated[tuple[bytes, ...], BeforeValidator(_payloads)] = ()
    """
    What must be answered: each of these, in this order, with anything between them.
    """


class HealthCheck(Message):
    """
    One of ``health_checks``.
    """

    nested: ClassVar[Mapping[str, type[Section]]] = {
        "http_health_check": HttpHealthCheck,
        "tcp_health_check": TcpHealthCheck,
    }

    timeout: Positive
    """
    How long one check may take.
    """
    interval: Positive
    """
    The time between two checks of one upstream.
    """
    initial_jitter: Duration | None = None
    """
    The first check comes after a random part of this.
    """
    interval_jitter: Duration | None = None
    """
    A random part of this is added to each interval.
    """
    interval_jitter_percent: Percent = 0
    """
    A random part of so much of the interval is added to it.
    """
    unhealthy_threshold: PositiveCount = 1
    """
    After how many failed checks in a row an upstream is unhealthy. An unexpected status counts for all of them.
    """
    healthy_threshold: PositiveCount = 1
    """
    After how many good checks in a row it is healthy again; the very first check decides alone.
    """
    no_traffic_interval: Positive | None = None
    """
    The interval until the route has had its first request. Unset, it is ``interval``.
    """
    unhealthy_interval: Positive | None = None
    """
    The interval while the upstream is unhealthy. Unset, it is ``interval``.
    """
    unhealthy_edge_interval: Positive | None = None
    """
    The interval after the check with which it became unhealthy. Unset, it is ``unhealthy_interval``.
    """
    healthy_edge_interval: Positive | None = None
    """
    The interval after the check with which it became healthy. Unset, it is ``interval``.
    """
    http_health_check: Annotated[HttpHealthCheck | None, BeforeValidator(forms.section)] = None
    """
    Ask for a page; exactly one of this and ``tcp_health_check`` must be there.
    """
    tcp_health_check: Annotated[TcpHealthCheck | None, BeforeValidator(forms.section)] = None
    """
    Connect only, or exchange a few bytes.
    """


class OutlierDetection(Message):
    """
    ``outlier_detection``: upstreams whose answers are errors get no requests for a while.
    """

    consecutive_5xx: Count = 5
    """
    After how many answers of 500 to 599 in a row an upstream is ejected. No answer at all counts as one of them.
    """
    enforcing_consecutive_5xx: Percent = 100
    """
    In how many of 100 such cases it really is.
    """
    consecutive_gateway_failure: Count = 5
    """
    The same, for answers of 502, 503 and 504, and for no answer at all.
    """
    enforcing_consecutive_gateway_failure: Percent = 0
    """
    In how many of 100 such cases it really is; as the default says, in none.
    """
    interval: Positive | None = None
    """
    How often ejected upstreams are looked at, to be let in again when their time is over. Unset, it is 10 seconds.
    """
    base_ejection_time: Duration | None = None
    """
    How long an upstream is ejected: so long for each time that it has been. Unset, it is 30 seconds.
    """
    max_ejection_time: Duration | None = None
    """
    The longest ejection. Unset, it is the longer of 5 minutes and ``base_ejection_time``.
    """
    max_ejection_percent: Percent = 10
    """
    No further upstream is ejected while so many of 100 are. One may always be, unless this is 0.
    """
    successful_active_health_check_uneject_host: Truth = True
    """
    Whether a good check of ``health_checks`` ends an ejection early.
    """
