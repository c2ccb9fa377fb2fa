"""
What ``http_redirect_addr`` answers: the same URL by https, whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.admission import ConnectionLimits
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Answered, Proxy, Times
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.exchanges.refusals import Refusals
from pomerium_tx.sessions.registry import SessionRegistry

CONNECTIONS = ConnectionLimits(connections=32, per_address=16)
"""
Few: each has one short answer, and they come out of what is left of the limit of descriptors.
"""
TIMES = Times(head=5.0, body=5.0, request=5.0, idle=5.0)

_TO_HTTPS = Verdict(action=Action.DENY, status=301, reason="https_redirect", allow=True, reasons=("https-redirect",))


class ToHttps(Refusals):
    """
    One answer to everything that can be read.
    """

    def __init__(self) -> None:
        super().__init__(begin_sign_in=_nothing_else, response_fields=lambda route: ())

    def for_verdict(self, asked: Asked, verdict: Verdict, *, close: bool) -> tuple[int, bytes]:
        """
        The status and the answer. The connection ends with it, since nothing else is to be had here.
        """
        head, canonical = asked.head, asked.canonical
        if not canonical.host:
            return 400, self.bad_request(BadRequest(400, "no Host"), head, asked.request_id)
        target = head.target if head.target.startswith(b"/") else canonical.target.replace(b"*", b"/")
        fields = (
            (b"Location", b"https://%b%b" % (canonical.host.encode("ascii"), target)),
            (b"Content-Length", b"0"),
            (b"Date", writer.date()),
            (b"X-Request-Id", asked.request_id.encode("ascii")),
            (b"Connection", b"close"),
        )
        return verdict.status, writer.head_of(
            writer.status_line(verdict.status, b"Moved Permanently"), writer.field_lines(fields)
        )


def to_https(
    registry: SessionRegistry, clock: IReactorTime, deadlines: Deadlines, access_log: Callable[[Answered], None]
) -> Proxy:
    """
    What the connections of that listener share: nothing of what others lead to.
    """
    return Proxy(
        check=lambda head, canonical, client, request_id: _TO_HTTPS,
        decide=_decide,
        unauthenticated=lambda head, verdict: verdict,
        registry=registry,
        used=_nothing_else,
        identity=_nothing_else,
        resources=_nothing_else,
        site_of=_nothing_else,
        refusals=ToHttps(),
        access_log=access_log,
        clock=clock,
        deadlines=deadlines,
        limits=HeadLimits(),
        times=TIMES,
        connection_limits=CONNECTIONS,
        # Every answer ends its connection.
        draining=True,
    )


def _decide(head: RequestHead, canonical: Canonical, client: Client) -> Verdict:
    return _TO_HTTPS


def _nothing_else(*about: object) -> NoReturn:
    raise AssertionError("This listener leads to https and to nothing else.")
