"""
One request that was let through, and its response: both bodies streamed, with back-pressure, until one of these ends
it: the response is complete, a side is lost, a time is over, or the session has ended.

The exchange is attached to its session from the turn of the decision until the kernel has sent the answer. `cut` is the
session's end: no byte passes from then on, and after every wait (connection, answer) the exchange looks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pomerium_tx.http11.heads import BadRequest, ResponseHead
from pomerium_tx.http11.writer import LAST_CHUNK, NO_LINES, FieldLines, chunk
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import CUT, UPSTREAM_AWAITED, UPSTREAM_FULL, Connection
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.forwarding import ForwardedRequest, Framing
from pomerium_tx.proxy.refusals import content_size
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.proxy.transports import owes_bytes
from pomerium_tx.proxy.tunnel import WebSocketTunnel
from pomerium_tx.proxy.upstream import UpstreamConnection
from pomerium_tx.proxy.websocket import granted_protocol, handshake_problem
from pomerium_tx.sessions.store import Cause

log = Logger()

# May be sent again when an idle upstream connection turns out to be closed (RFC 9110 section 9.2.2, safe ones only).
_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class ProxiedExchange:
    """
    A request on its way to an upstream, and the response on its way back.
    """

    # What holds until something happens is an attribute of the class: there is an exchange for every request.
    deadline = NEVER
    _bytes_in = _bytes_out = 0
    _status = 0
    _connecting: Deferred[None] | None = None
    _upstream: UpstreamConnection | None = None
    _upstream_head = b""
    _tunnel: WebSocketTunnel | None = None
    _request_done = _sent = _retried = _unsent = False
    _answer_began = _answer_chunked = _event_stream = _over = False
    _content_waiting: Sequence[bytes] = ()
    _answer: list[bytes]

    def __init__(self, connection: Connection, asked: Asked, resource: ReverseProxyResource) -> None:
        self._connection = connection
        self._proxy = connection.proxy
        self._asked = asked
        self._resource = resource
        self._session_ids = [session.id for session in asked.verdict.live]
        self._request_id = asked.request_id.encode("ascii")
        self._answer = []

    @property
    def method(self) -> str:
        return self._asked.head.method.decode("ascii")

    @property
    def route_id(self) -> str:
        return self._resource.route.id

    # The registry calls: see `OpenExchange`.

    @property
    def kind(self) -> str:
        if self._tunnel is not None:
            return "websocket"
        if self._event_stream:
            return "sse"
        return "download" if self._request_complete else "upload"

    @property
    def age(self) -> float:
        return self._proxy.deadlines.now() - self._asked.started

    @property
    def bytes_in(self) -> int:
        return self._bytes_in if self._tunnel is None else self._tunnel.bytes_in

    @property
    def bytes_out(self) -> int:
        return self._bytes_out if self._tunnel is None else self._tunnel.bytes_out

    @property
    def in_doubt(self) -> bool:
        return self._sent and self._tunnel is None and not self._over

    @property
    def is_open(self) -> bool:
        if self._unsent:
            return self._connection.holds_answer()
        return not self._over

    def is_admitted(self) -> bool:
        return self._asked.is_still_admitted(self._proxy.decide)

    def cut(self, cause: Cause | None) -> None:
        if self._over:
            return
        try:
            self._cut(cause)
        except Exception:  # noqa: BLE001 - a session's end must not stop half-way
            # Whatever went wrong: nothing passes any more.
            log.failure("Cutting an exchange of route {route_id} failed", route_id=self.route_id)
            self._connection.abort()

    def _cut(self, cause: Cause | None) -> None:
        connection = self._connection
        details = CUT + ("no longer admitted" if cause is None else cause.value)
        if self._unsent:
            self.answer_sent()
            connection.abort()
            return
        if self._tunnel is not None:
            self._end(details)
            self._tunnel.cut(cause)
            return
        self._drop_upstream()
        if self._answer_began:
            self._end(details)
            connection.abort()
            return
        verdict = self._proxy.unauthenticated(self._asked.head, self._asked.verdict)
        connection.keep_alive = False
        self._status, refusal = self._proxy.refusals.for_verdict(self._asked, verdict, close=True)
        self._bytes_out = content_size(refusal)
        self._end(details)
        connection.write(refusal)
        connection.exchange_ended(reusable=False)

    # The connection calls.

    @property
    def is_nobodys(self) -> bool:
        return not self._session_ids

    def start(self) -> None:
        """
        Attach to the session and ask for an upstream, in the turn of the decision.
        """
        proxy, asked, resource = self._proxy, self._asked, self._resource
        # The decision found them in this very turn.
        for session_id in self._session_ids:
            was_attached = proxy.registry.attach(session_id, self)
            assert was_attached
        verdict, origin = asked.verdict, asked.verdict.origin or ""
        if verdict.session is not None:
            proxy.used(verdict.session, resource.route, origin, asked.peer)
        if asked.head.upgrade is not None and (problem := handshake_problem(asked.head)) is not None:
            self._refuse(*problem)
            return
        facts = ForwardedRequest(
            peer=asked.peer.encode("ascii", "replace"),
            scheme=b"https" if origin.startswith("https:") else b"http",
            request_id=self._request_id,
            identity=proxy.identity(verdict, asked.canonical),
        )
        try:
            self._upstream_head = resource.forwarding.request_head(
                asked.head, asked.canonical, resource.upstream, facts
            )
        except BadRequest as problem:
            self._refuse(problem.status, problem.reason)
            return
        self._acquire(fresh=False)

    def request_content(self, content: bytes) -> None:
        self._bytes_in += len(content)
        if self._proxy.streams_count:
            self._proxy.passed(self._asked)
        if self._asked.head.chunked:
            content = chunk(content)
        if self._upstream is None:
            self._content_waiting = [*self._content_waiting, content]
        else:
            self._upstream.write(content)

    def request_ended(self) -> None:
        self._request_done = True
        if self._asked.head.chunked:
            if self._upstream is None:
                self._content_waiting = [*self._content_waiting, LAST_CHUNK]
            else:
                self._upstream.write(LAST_CHUNK)
        if self._upstream is not None:
            self._upstream.request_sent()
            if not self._answer_began:
                self._wait(self._resource.route.timeout)

    def request_failed(self, problem: BadRequest) -> None:
        if self._answer_began:
            self._break_off(problem.reason)
        else:
            self._refuse(problem.status, problem.reason)

    def request_stalled(self, problem: BadRequest) -> None:
        # Who stops sending may do so because the answer has come, and reads it.
        if not self._answer_began:
            self._refuse(problem.status, problem.reason)

    def downstream_full(self) -> None:
        if self._upstream is not None:
            self._upstream.pause()

    def downstream_ready(self) -> None:
        if self._upstream is not None:
            self._upstream.resume()

    def downstream_done(self) -> None:
        if self._over:
            return
        if self._event_stream:
            # It has no end to wait for: who closes is gone.
            self._break_off("downstream_closed")
        elif not self._request_complete and not self._answer_began:
            self._refuse(400, "The request is incomplete.")

    def downstream_lost(self) -> None:
        if not self._over:
            self._end("downstream_closed")
            self._drop_upstream()

    def deadline_passed(self) -> None:
        if self._answer_began:
            self._break_off("idle_timeout")
        else:
            self._refuse(504, "The application did not answer in time.")

    def answer_sent(self) -> None:
        self._unsent = False
        self._end("")

    # The pool calls.

    def upstream_ready(self, connection: UpstreamConnection) -> None:
        connecting, self._connecting = self._connecting, None
        if self._over:
            connection.abort()
            return
        self._upstream = connection
        self._sent = True
        head, waiting = self._upstream_head, self._content_waiting
        connection.write(b"".join((head, *waiting)) if waiting else head)
        self._content_waiting = ()
        if self._connection.is_full:
            connection.pause()
        if connecting is not None:
            self._connection.resume(UPSTREAM_AWAITED)
        if self._request_done:
            connection.request_sent()
            if not self._answer_began:
                self._wait(self._resource.route.timeout)

    def upstream_unreachable(self, reason: str) -> None:
        self._connecting = None
        if self._over:
            return
        self._proxy.log_upstream(self._asked, reason)
        self._refuse(503, "The application cannot be reached.")

    def upstream_busy(self, reason: str) -> None:
        self._connecting = None
        # The pool keeps the log of it.
        self._refuse(503, f"The application is busy: {reason}.", retry_after=1)

    # The upstream connection calls.

    def response_began(self, head: ResponseHead) -> None:
        connection = self._connection
        if self._proxy.streams_count:
            self._proxy.passed(self._asked)
        if head.status < 200:
            if head.status == 101:
                self._switch_protocols(head)
            elif self._asked.head.minor >= 1:
                connection.write(self._resource.forwarding.response_head(head, NO_LINES, self._request_id))
            return
        self._status = head.status
        if not self._request_done or self._proxy.draining:
            connection.keep_alive = False
        framing = Framing.of(head, minor=self._asked.head.minor, keep_alive=connection.keep_alive)
        self._answer_chunked, connection.keep_alive = framing.chunked, framing.keep_alive
        self._answer_began = True
        if framing.event_stream:
            self._event_stream = True
            if connection.is_heard_out:
                self._break_off("downstream_closed")
                return
        self._answer.append(self._resource.forwarding.response_head(head, framing.lines, self._request_id))

    def response_content(self, content: bytes) -> None:
        self._bytes_out += len(content)
        if self._proxy.streams_count:
            self._proxy.passed(self._asked)
        self._answer.append(chunk(content) if self._answer_chunked else content)

    def response_read(self) -> None:
        answer = self._answer
        if answer:
            self._answer = []
            self._connection.write(answer[0] if len(answer) == 1 else b"".join(answer))
            self._wait(self._resource.route.idle_timeout)

    def response_ended(self) -> None:
        self._upstream = None
        if self._answer_chunked:
            self._answer.append(LAST_CHUNK)
        self.response_read()
        self._complete("via_upstream")
        self._connection.exchange_ended(reusable=True)

    def response_failed(self, reason: str, *, untouched: bool) -> None:
        self._upstream = None
        if (
            untouched
            and not self._retried
            and self._request_done
            and not self._asked.head.has_content
            and self._asked.head.method in _REPEATABLE
        ):
            self._retried = True
            self._acquire(fresh=True)
            return
        self._proxy.log_upstream(self._asked, reason)
        if self._answer_began:
            self._break_off(f"upstream: {reason}")
        else:
            self._refuse(502, "The application gave no valid answer.")

    def pause_request(self) -> None:
        self._connection.pause(UPSTREAM_FULL)
        self._wait(self._resource.route.idle_timeout)

    def resume_request(self) -> None:
        if not self._answer_began:
            self._wait(self._resource.route.timeout if self._request_done else None)
        self._connection.resume(UPSTREAM_FULL)

    # Inside.

    def _acquire(self, *, fresh: bool) -> None:
        connecting = self._resource.pool.acquire(self, self._asked.head.method, fresh=fresh)
        if self._upstream is None and not self._over:
            self._connecting = connecting
            if not self._request_complete:
                self._connection.pause(UPSTREAM_AWAITED)

    @property
    def _request_complete(self) -> bool:
        return self._request_done or not self._asked.head.has_content

    def _wait(self, timeout: float | None) -> None:
        self.deadline = NEVER if timeout is None else self._proxy.deadlines.now() + timeout

    def _switch_protocols(self, head: ResponseHead) -> None:
        upstream = self._upstream
        assert upstream is not None
        protocol = granted_protocol(self._asked.head, head)
        if protocol is None:
            upstream.abort()
            self.response_failed("switched protocols without being asked to", untouched=False)
            return
        self._status = 101
        self._answer_began = True
        self.deadline = NEVER
        connection = self._connection
        framing = FieldLines.of(((b"Connection", b"Upgrade"), (b"Upgrade", protocol)))
        connection.write(self._resource.forwarding.response_head(head, framing, self._request_id))
        self._tunnel = tunnel = WebSocketTunnel(connection, upstream, asked=self._asked, ended=self._tunnel_ended)
        upstream.become_tunnel(tunnel)
        early = connection.become_tunnel(tunnel)
        if early:
            tunnel.from_user_agent(early)
        if connection.is_heard_out:
            tunnel.downstream_done()

    def _tunnel_ended(self) -> None:
        self._upstream = None
        self._complete("tunnel")

    def _refuse(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        """
        Answer ourselves, since no upstream has.
        """
        connection = self._connection
        self._drop_upstream()
        connection.keep_alive = connection.keep_alive and self._request_complete and not self._proxy.draining
        refusal = self._proxy.refusals.for_status(
            self._asked, status, message, close=not connection.keep_alive, retry_after=retry_after
        )
        self._status, self._bytes_out = status, content_size(refusal)
        self._end(message)
        connection.write(refusal)
        connection.exchange_ended(reusable=True)

    def _break_off(self, why: str) -> None:
        """
        The answer has begun and cannot be completed: never a clean end.
        """
        self._end(why)
        self._drop_upstream()
        self._connection.abort()

    def _drop_upstream(self) -> None:
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()

    def _complete(self, details: str) -> None:
        """
        Nothing more comes; but what the kernel has not taken yet can still be cut.
        """
        if self._over:
            return
        if self._session_ids and owes_bytes(self._connection.transport_in_use):
            self._proxy.log_answer(self._asked, status=self._status, size=self.bytes_out, details=details)
            self.deadline = NEVER
            self._unsent = True
            self._connection.keep_until_sent(self)
        else:
            self._end(details)

    def _end(self, details: str) -> None:
        if self._over:
            return
        if details:
            self._proxy.log_answer(self._asked, status=self._status, size=self.bytes_out, details=details)
        self._over = True
        self.deadline = NEVER
        for session_id in self._session_ids:
            self._proxy.registry.detach(session_id, self)
