"""
One request that was let through, and its response: both bodies streamed, with back-pressure, until one of these ends
it: the response is complete, a side is lost, a time is over, or the session has ended.
"""

from __future__ import annotations

from pomerium_tx.http11.heads import BadRequest, ResponseHead
from pomerium_tx.http11.writer import LAST_CHUNK, NO_LINES, Lines, chunk, field_lines
from pomerium_tx.proxy.connection import UPSTREAM_AWAITED, UPSTREAM_FULL
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.exchanges.attached import AttachedExchange
from pomerium_tx.proxy.exchanges.tunnel import WebSocketTunnel
from pomerium_tx.proxy.exchanges.websocket import granted_protocol, handshake_problem
from pomerium_tx.proxy.heads.forwarding import ForwardedRequest, Framing
from pomerium_tx.proxy.upstreams.upstream import UpstreamConnection

# May be sent again when an idle upstream connection turns out to be closed (RFC 9110 section 9.2.2, safe ones only).
_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class ProxiedExchange(AttachedExchange):
    """
    A request on its way to an upstream, and the response on its way back.
    """

    # The connection calls.

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
        self._facts = facts = ForwardedRequest(
            peer=self._connection.peer.encode("ascii", "replace"),
            scheme=b"https" if origin.startswith("https:") else b"http",
            request_id=self._request_id,
            identity=proxy.identity(verdict, asked.canonical),
        )
        if resource.header_values is not None:
            facts.identity = Lines(facts.identity + resource.header_values.lines(asked))
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
        if self._tunnel is not None:
            self._look_at_tunnel(self._tunnel)
        elif self._answer_began:
            self._break_off("idle_timeout")
        else:
            self._refuse(504, "The application did not answer in time.")

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
        if self._answer:
            self._send_answer()
            self._wait(self._resource.route.idle_timeout)

    def response_ended(self) -> None:
        self._upstream = None
        if self._answer_chunked:
            self._answer.append(LAST_CHUNK)
        self._send_answer()
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

    def _send_answer(self) -> None:
        answer = self._answer
        if answer:
            self._answer = []
            self._connection.write(answer[0] if len(answer) == 1 else b"".join(answer))

    def _acquire(self, *, fresh: bool) -> None:
        connecting = self._resource.pool.acquire(self, self._asked.head.method, fresh=fresh)
        # Whoever was refused at once may be waiting for another upstream already.
        if self._upstream is None and self._connecting is None and not self._over:
            self._connecting = connecting
            if not self._request_complete:
                self._connection.pause(UPSTREAM_AWAITED)

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
        framing = field_lines(((b"Connection", b"Upgrade"), (b"Upgrade", protocol)))
        connection.write(self._resource.forwarding.response_head(head, framing, self._request_id))
        self._tunnel = tunnel = WebSocketTunnel(connection, upstream, asked=self._asked, ended=self._tunnel_ended)
        self._idle_since = self._proxy.deadlines.now()
        self._watch_tunnel()
        upstream.become_tunnel(tunnel)
        early = connection.become_tunnel(tunnel)
        if early:
            tunnel.from_user_agent(early)
        if connection.is_heard_out:
            tunnel.downstream_done()

    def _watch_tunnel(self) -> None:
        # Each sweep compares the numbers of bytes: what passes is not asked for the time.
        if self._resource.route.tunnel_idle_timeout is not None:
            self.deadline = self._proxy.deadlines.now()

    def _look_at_tunnel(self, tunnel: WebSocketTunnel) -> None:
        now, passed = self._proxy.deadlines.now(), tunnel.bytes_in + tunnel.bytes_out
        limit = self._resource.route.tunnel_idle_timeout
        if passed != self._passed:
            self._passed, self._idle_since = passed, now
        elif limit is not None and now - self._idle_since >= limit:
            self._end("idle_timeout")
            tunnel.time_out()
            return
        self._watch_tunnel()

    def _tunnel_ended(self) -> None:
        self._upstream = None
        self._complete("tunnel")
