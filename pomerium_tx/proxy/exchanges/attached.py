"""
What of an exchange is about its session and its end.

An exchange is attached to its session from the turn of the decision until the kernel has sent the answer. `cut` is the
session's end: no byte passes from then on, and after every wait (connection, answer) the exchange looks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import CUT, Connection
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.exchanges.refusals import content_size
from pomerium_tx.proxy.exchanges.tunnel import WebSocketTunnel
from pomerium_tx.proxy.heads.forwarding import ForwardedRequest
from pomerium_tx.proxy.heads.request_ids import request_id_line
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.proxy.upstreams.upstream import UpstreamConnection
from pomerium_tx.sessions.store import Cause
from pomerium_tx.tls.client_certificate import Shown

log = Logger()


class AttachedExchange:
    """
    The state of an exchange, and all the ways in which it ends: `ProxiedExchange` adds how it goes on.
    """

    # What holds until something happens is an attribute of the class: there is an exchange for every request.
    deadline = NEVER
    _bytes_in = _bytes_out = 0
    _status = 0
    _passed = 0
    _idle_since = 0.0
    _connecting: Deferred[None] | None = None
    _upstream: UpstreamConnection | None = None
    _upstream_head = b""
    _facts: ForwardedRequest | None = None
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
        self._session_ids = asked.verdict.live_ids
        self._request_id = request_id_line(asked.request_id)
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
            return self._connection.unsent.is_owed(self)
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

    def recognise(self, shown: Shown | None) -> None:
        """
        What the user agent has shown is judged otherwise now.
        """
        self._asked.recognise(shown)

    def answer_sent(self) -> None:
        self._unsent = False
        self._end("")

    # Inside.

    @property
    def _request_complete(self) -> bool:
        return self._request_done or not self._asked.head.has_content

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
        if not self._session_ids:
            self._end(details)
            return
        self.deadline = NEVER
        self._unsent = True
        self._connection.unsent.keep(self)
        self._proxy.log_answer(self._asked, status=self._status, size=self.bytes_out, details=details)

    def _end(self, details: str) -> None:
        if self._over:
            return
        self._over = True
        self.deadline = NEVER
        for session_id in self._session_ids:
            self._proxy.registry.detach(session_id, self)
        if details:
            self._proxy.log_answer(self._asked, status=self._status, size=self.bytes_out, details=details)
