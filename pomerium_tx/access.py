"""
What the access log says of a request that was answered.
"""

from __future__ import annotations

from pomerium_tx.operations.access_log import log_request
from pomerium_tx.proxy.connection import Answered


def log_access(answered: Answered, service: str = "proxy") -> None:
    """
    Write the line of one request into the access log.

    :param service: Who answered.
    """
    asked = answered.asked
    route = None if asked is None else asked.verdict.route
    log_request(
        head=answered.head,
        authority="" if asked is None else asked.canonical.authority.decode("ascii"),
        path="" if asked is None else asked.canonical.path.decode("ascii"),
        peer=answered.peer,
        request_id=answered.request_id,
        upstream="" if route is None else route.name or route.id,
        status=answered.status,
        size=answered.size,
        seconds=answered.seconds,
        details=answered.details,
        service=service,
    )
