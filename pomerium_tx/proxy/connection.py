"""
What an exchange and its connection know of one another, and what all connections share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import Site

from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.writer import Lines
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.admission import ConnectionLimits
from pomerium_tx.proxy.asked import Asked, NotUnderstood
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.exchanges.refusals import Refusals
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.proxy.unsent import UnsentAnswers
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session

log = Logger()

# Why reading from the user agent is paused.
HELD = 1
UPSTREAM_FULL = 2
UPSTREAM_AWAITED = 4
UPSTREAM_SLOW = UPSTREAM_FULL | UPSTREAM_AWAITED
DOWNSTREAM_FULL = 8


CUT = "cut: "
"""
How the details of an exchange begin that was cut.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """
    Seconds that a user agent may take.
    """

    head: float = 30.0
    """
    From the connection, or the first byte of a later request, to the end of the head; no byte prolongs it.
    """
    body: float = 30.0
    """
    Between two pieces of a request's content.
    """
    request: float = float("inf")
    """
    From the first byte of a request to the end of its content, however steadily it comes.
    """
    idle: float = 300.0
    """
    Between an answer and the next request.
    """


@dataclass(slots=True)
class Answered:
    """
    What the access log is told about one request.
    """

    asked: Asked | NotUnderstood
    status: int
    size: int
    """
    Bytes of content that were sent.
    """
    seconds: float
    details: str
    """
    Why the answer is what it is: ``via_upstream``, ``cut: user_route``, a refusal's reason.
    """


@dataclass(slots=True, kw_only=True)
class Proxy:
    """
    What all connections share.
    """

    check: Callable[[RequestHead, Canonical, Client, str], Verdict]
    """
    THE QUESTION: head, canonical form, client, request id.
    """
    decide: Callable[[RequestHead, Canonical, Client], Verdict]
    """
    The same once more, of a request that is under way; nothing is logged.
    """
    unauthenticated: Callable[[RequestHead, Verdict], Verdict]
    """
    What the same request gets once its session has ended.
    """
    registry: SessionRegistry
    used: Callable[[Session, Route, str, str], None]
    """
    Session, route, external origin and peer of each request that was let through.
    """
    identity: Callable[[Verdict, Canonical], Lines]
    """
    The fields that tell the application who asks; none where the route passes no identity.
    """
    resources: Callable[[Route], ReverseProxyResource]
    site_of: Callable[[Canonical], Site]
    """
    The tree of our own pages on the host that was asked.
    """
    refusals: Refusals
    access_log: Callable[[Answered], None]
    clock: IReactorTime
    deadlines: Deadlines
    limits: HeadLimits
    times: Times
    connection_limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    max_pipelined: int = 16
    """
    Requests that may wait on a connection behind the one that is being answered; then no more is read.
    """
    normalize_path: bool = True
    merge_slashes: bool = True
    streams_count: bool = False
    """
    Whether every byte of an exchange counts as use of its session, and not its head alone.
    """
    client_of: Callable[[Client, RequestHead], Client] | None = None
    """
    Who has sent a head, if not always whoever has connected: a `BadRequest` if that cannot be known.
    """
    draining: bool = False

    def become(self, other: Proxy) -> None:
        """
        Share from now on what *other* shares; whether the service is stopping is not a matter of configuration.
        """
        for each in fields(Proxy):
            if each.name != "draining":
                setattr(self, each.name, getattr(other, each.name))

    def passed(self, asked: Asked) -> None:
        """
        The session of *asked* is being used: its head is refused, or bytes have passed where `streams_count`.
        """
        session = asked.verdict.session
        if session is not None:
            self.registry.touch(session.id, asked.peer)

    def log_answer(self, asked: Asked, *, status: int, size: int, details: str) -> None:
        """
        Write the line of *asked* into the access log.
        """
        self.access_log(Answered(asked, status, size, self.deadlines.now() - asked.started, details))

    def log_bad_request(
        self, problem: BadRequest, head: RequestHead | None, *, request_id: str, peer: str, size: int
    ) -> None:
        """
        Write the line of a request that could not be understood into the access log.
        """
        asked = NotUnderstood(head, request_id, peer)
        self.access_log(Answered(asked, problem.status, size, 0.0, problem.reason))

    def log_upstream(self, asked: Asked, reason: str) -> None:
        """
        Say what is wrong with the upstream that *asked* was for.
        """
        route = asked.verdict.route
        log.warn(
            "The upstream of route {route} {reason}",
            route="" if route is None else route.name or route.id,
            reason=reason,
            request_id=asked.request_id,
        )


class Connection(Protocol):
    """
    A connection from a user agent, as the exchanges on it see it.
    """

    proxy: Proxy
    peer: str
    keep_alive: bool
    """
    Whether the answer may promise another one on this connection.
    """
    is_full: bool
    """
    Whether the user agent takes no more for now.
    """
    unsent: UnsentAnswers
    """
    Its answers that are complete, and that the user agent does not have yet.
    """

    @property
    def transport_in_use(self) -> Any:
        """
        The transport, for the tunnel, which must know whether bytes are unsent.
        """

    @property
    def is_heard_out(self) -> bool:
        """
        Whether the user agent has closed its direction.
        """

    def write(self, answer: bytes) -> None:
        """
        Send bytes of the current answer.
        """

    def write_after_cuts(self, answer: bytes) -> None:
        """
        The same, once what was cut in this turn is closed: whoever reads of a sign-out may count on it.
        """

    def pause(self, why: int) -> None:
        """
        Read nothing from the user agent until `resume` with the same *why*.
        """

    def resume(self, why: int) -> None:
        """
        *why* holds no longer.
        """

    def begin_again(self, head: RequestHead, *, is_complete: bool) -> None:
        """
        The current request, which was held, is decided anew.

        :param is_complete: Whether all of it has been read.
        """

    def exchange_ended(self, *, reusable: bool) -> None:
        """
        The current answer is complete.

        :param reusable: The connection may serve another request.
        """

    def become_tunnel(self, tunnel: RawExchange) -> bytes:
        """
        From now on all bytes are *tunnel*'s; those that had come already are returned.
        """

    def close(self) -> None:
        """
        End the connection in order: what was written arrives, whatever the user agent is still sending.
        """

    def abort(self) -> None:
        """
        End the connection at once: nothing that the kernel does not have yet is sent, and the peer sees a reset.
        """


class Exchange(Protocol):
    """
    One request being answered, as its connection sees it.
    """

    deadline: float
    """
    When `deadline_passed` is called.
    """

    def request_content(self, content: bytes) -> None:
        """
        The next bytes of the request's content.
        """

    def request_ended(self) -> None:
        """
        The request is complete.
        """

    def request_failed(self, problem: BadRequest) -> None:
        """
        The rest of the request cannot be read.
        """

    def request_stalled(self, problem: BadRequest) -> None:
        """
        Nothing has come of the request's content for too long.
        """

    def downstream_full(self) -> None:
        """
        The user agent takes no more for now.
        """

    def downstream_ready(self) -> None:
        """
        The user agent takes more again.
        """

    def downstream_done(self) -> None:
        """
        The user agent sends nothing more, but may still read; told when all that it sent has been told.
        """

    def downstream_lost(self) -> None:
        """
        The user agent has gone; nothing can be answered.
        """

    def deadline_passed(self) -> None:
        """
        `deadline` is over.
        """


class RawExchange(Protocol):
    """
    What takes over the bytes of a connection after 101.
    """

    def from_user_agent(self, passed: bytes) -> None:
        """
        Bytes from the user agent.
        """

    def downstream_full(self) -> None:
        """
        The user agent takes no more for now.
        """

    def downstream_ready(self) -> None:
        """
        The user agent takes more again.
        """

    def downstream_done(self) -> None:
        """
        The user agent sends nothing more, but may still read.
        """

    def downstream_lost(self) -> None:
        """
        The user agent has gone.
        """
