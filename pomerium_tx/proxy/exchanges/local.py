"""
A request for one of our own pages, rendered by `twisted.web` over a connection of ours.

The request waits until its content, which is small or refused, has come whole, and until the answers before it have
been sent: those of a session that ends are cut with the connection, which must not keep a sign-out's own answer from
arriving, nor be kept from it. Then the tree is chosen, so that the settings in force are those of that moment. The
answer is written before the connection's next request is decided, so that a pipelined request cannot overtake a
sign-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.server import Site

from pomerium_tx.http11 import writer
from pomerium_tx.http11.fields import HOP_BY_HOP
from pomerium_tx.http11.heads import BadRequest
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import Connection
from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.exchanges.refusals import content_size
from pomerium_tx.web.resource import LocalRequest

CONTENT_SECONDS = 30.0
MOST_CONTENT = 65_536
"""
Bytes of content that a page of ours accepts.
"""

_TOO_LARGE = "This page takes no content of that size."
_FRAME_RULES = frozenset((b"x-frame-options", b"content-security-policy"))


class LocalExchange:
    """
    What a `twisted.web` request needs of its channel, for one request.
    """

    factory = None
    """
    `Request.finish` would write to its log; ours is the access log.
    """

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self.site: Site | None = None
        self.transport = connection.transport_in_use
        self.deadline = NEVER
        self._connection = connection
        self._asked = asked
        self._request: LocalRequest | None = None
        self._content = bytearray()
        self._producer: Any = None
        self._waits = False
        self._event_stream = False
        self._status = 0
        self._written = 0

    # The connection calls: see `Exchange`.

    def start(self) -> None:
        """
        Ask for the content, if it is not too large.
        """
        head = self._asked.head
        if head.content_length is not None and head.content_length > MOST_CONTENT:
            self._refuse(413, _TOO_LARGE)
        elif head.has_content:
            # No byte prolongs it: what a page takes is small.
            self.deadline = self._connection.proxy.deadlines.now() + CONTENT_SECONDS
            if head.expect_continue:
                self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def request_content(self, content: bytes) -> None:
        self._content += content
        if len(self._content) > MOST_CONTENT:
            self._refuse(413, _TOO_LARGE)

    def request_ended(self) -> None:
        proxy = self._connection.proxy
        self._waits = True
        self.deadline = proxy.deadlines.now() + proxy.times.idle
        self._connection.unsent.when_sent(self._render)

    def _render(self) -> None:
        self._waits = False
        self.deadline = NEVER
        self.site = self._connection.proxy.site_of(self._asked.canonical)
        head, canonical = self._asked.head, self._asked.canonical
        self._request = request = LocalRequest(self)  # type: ignore[no-untyped-call] # Twisted's own
        request.origin = self._asked.verdict.origin or ""
        request.client_address = self._asked.peer
        request.client = self._asked.client
        request.peer_address = self._connection.peer
        request.request_id = self._asked.request_id
        request.dress = self._connection.proxy.refusals.dress
        fields = request.requestHeaders
        fields.addRawHeader(b"Host", canonical.authority)
        for lower, name, value in head.fields:
            if lower not in HOP_BY_HOP and lower != b"host":
                fields.addRawHeader(name, value)
        content = bytes(self._content)
        request.gotLength(len(content))  # type: ignore[no-untyped-call] # Twisted's own
        if content:
            request.handleContentChunk(content)  # type: ignore[no-untyped-call] # Twisted's own
        request.requestReceived(head.method, canonical.target, b"HTTP/1.%d" % head.minor)

    def downstream_done(self) -> None:
        if self._event_stream:
            # It has no end to wait for: who closes is gone.
            self._connection.abort()
        elif self._request is None and not self._waits:
            self._refuse(400, "The request is incomplete.")

    def request_failed(self, problem: BadRequest) -> None:
        self._refuse(problem.status, problem.reason)

    def request_stalled(self, problem: BadRequest) -> None:
        self._refuse(problem.status, problem.reason)

    def downstream_full(self) -> None:
        if self._producer is not None:
            self._producer.pauseProducing()

    def downstream_ready(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()

    def downstream_lost(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call] # Twisted's own
            self._connection.proxy.log_answer(
                self._asked, status=self._status, size=self._written, details="downstream_closed"
            )

    def deadline_passed(self) -> None:
        if self._waits:
            # Nothing could be said either to somebody who reads nothing.
            self._connection.abort()
            return
        self._refuse(408, "The request was not sent in time.")

    # The request calls.

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()  # type: ignore[no-any-return] # any transport

    def getHost(self) -> IAddress:
        return self.transport.getHost()  # type: ignore[no-any-return] # any transport

    def isSecure(self) -> bool:
        return (self._asked.verdict.origin or "").startswith("https:")

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers | Sequence[tuple[bytes, bytes]]
    ) -> None:
        connection = self._connection
        pairs: list[tuple[bytes, bytes]] = []
        if isinstance(headers, Headers):
            pairs += ((name, value) for name, values in headers.getAllRawHeaders() for value in values)
        else:
            pairs += headers
        given = {name.lower() for name, _ in pairs}
        self._event_stream = any(
            name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in pairs
        )
        if self._request is not None and self._request.frameable:
            given |= _FRAME_RULES
        pairs += (
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in connection.proxy.refusals.own_response_fields(self._asked.verdict.route)
            if name.lower().encode("latin-1") not in given
        )
        if connection.proxy.draining:
            connection.keep_alive = False
        if not connection.keep_alive:
            pairs.append((b"Connection", b"close"))
        elif self._asked.head.minor == 0:
            pairs.append((b"Connection", b"keep-alive"))
        self._status = int(code)
        connection.write_after_cuts(writer.head_of(writer.status_line(self._status, reason), writer.field_lines(pairs)))

    def write(self, content: bytes) -> None:
        self._written += len(content)
        self._connection.write_after_cuts(content)

    def writeSequence(self, contents: Sequence[bytes]) -> None:
        self.write(b"".join(contents))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self._producer = None

    def requestDone(self, request: LocalRequest) -> None:
        self._request = None
        self._log_access("local")
        self._connection.exchange_ended(reusable=True)

    def loseConnection(self) -> None:
        self._connection.close()

    # Inside.

    def _refuse(self, status: int, message: str) -> None:
        connection = self._connection
        connection.keep_alive = False
        refusal = connection.proxy.refusals.for_status(self._asked, status, message, close=True)
        self._status, self._written = status, content_size(refusal)
        self._log_access(message)
        connection.write(refusal)
        connection.exchange_ended(reusable=False)

    def _log_access(self, details: str) -> None:
        self._connection.proxy.log_answer(self._asked, status=self._status, size=self._written, details=details)
