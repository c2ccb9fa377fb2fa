"""
Keys about what one peer may ask of us, and for how long (``docs/limits.md``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from pomerium_tx.config.forms import values
from pomerium_tx.config.section import MOST_CONNECTIONS, Duration, Limit, Positive, Section


class LimitKeys(Section):
    """
    What a browser may ask of us.
    """

    timeout_request_head: Positive = timedelta(seconds=30)
    """
    How long the head of a request may take: from the beginning of a connection, or from the head's own first byte on a
    connection that has had one, to its end. A TLS handshake is part of it, and no byte that comes prolongs it.
    """
    timeout_read: Duration = timedelta(seconds=30)
    """
    How long a browser may pause while it sends the content of a request; 0 is no limit. In Pomerium the whole request
    must have come by then; that limit is ``timeout_request`` here.
    """
    timeout_request: Limit = None
    """
    How long a whole request may take, from its head to the end of its content, however steadily it comes. Unset, or 0,
    as long as its content goes on coming.
    """
    timeout_idle: Duration = timedelta(minutes=5)
    """
    How long a connection may stay without a request; 0 is no limit.
    """
    max_header_bytes: Annotated[int, BeforeValidator(values.whole(256, 1 << 20))] = 65_536
    """
    How many bytes the head of a request may have, or that of an application's answer, or the trailers of either.
    """
    max_header_count: Annotated[int, BeforeValidator(values.whole(1, 10_000))] = 200
    """
    How many lines of headers, or of trailers, there may be in a request or in an application's answer.
    """
    max_target_bytes: Annotated[int, BeforeValidator(values.whole(1, 1 << 20))] = 8_192
    """
    How many bytes a request's path may have, with its query.
    """
    max_pipelined_requests: Annotated[int, BeforeValidator(values.whole(1, 10_000))] = 16
    """
    How many requests may wait on one connection for the answers before theirs; then no more is read from it.
    """
    max_connections: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] = 0
    """
    How many connections of browsers there may be at a time, in each process. 0 is what the limit of open files has room
    for, each with one to an application. A new one takes the place of the one that has been idle for longest.
    """
    max_connections_per_address: Annotated[int, BeforeValidator(values.whole(0, MOST_CONNECTIONS))] = 0
    """
    How many of them may come from one address, or from one /64 of IPv6, in each process. 0 is half of
    ``max_connections``. Where all connections come from one load balancer, set both to the same value.
    """
