"""
One connection to an upstream: sends a request of ours and reads its response, one exchange at a time.

The connection goes back to the pool only when nothing about the exchange leaves a doubt: request completely sent,
response completely and exactly framed, not a byte beyond it, no upgrade, kept alive by the upstream.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx.eager import write_soon
from pomerium_tx.http11.heads import BadResponse, HeadLimits, ResponseHead
from pomerium_tx.http11.reader import EndOfMessage, ResponseReader, Trailing
from pomerium_tx.proxy.transports import can_half_close, holds_unsent_bytes, is_encrypted, send_at_once


class Owner(Protocol):
    """
    Who keeps an upstream connection between exchanges.
    """

    def release(self, connection: UpstreamConnection) -> None:
        """
        *connection* is in no doubt and may serve the next exchange.
        """

    def closing(self, connection: UpstreamConnection) -> None:
        """
        *connection* closes in order, for which the upstream must do its part: it may take for ever.
        """

    def lost(self, connection: UpstreamConnection) -> None:
        """
        *connection* is closed.
        """


class Requester(Protocol):
    """
    What an upstream connection tells the exchange that it works for.
    """

    def response_began(self, head: ResponseHead) -> None:
        """
        A head has come: interim (1xx), 101, or final.
        """

    def response_content(self, content: bytes) -> None:
        """
        The next bytes of the response's content.
        """

    def response_read(self) -> None:
        """
        What had arrived has been told; more will follow.
        """

    def response_ended(self) -> None:
        """
        The response is complete; called once, the connection is the pool's again or closed.
        """

    def response_failed(self, reason: str, *, untouched: bool) -> None:
        """
        No (complete) response will come.

        :param untouched: Nothing at all came on a connection that had been idle: the request may be sent again.
        """

    def pause_request(self) -> None:
        """
        The upstream takes no more for now.
        """

    def resume_request(self) -> None:
        """
        The upstream takes more again.
        """


class Tunnel(Protocol):
    """
    What an upstream connection works for after 101.
    """

    def from_upstream(self, passed: bytes) -> None:
        """
        Bytes from the upstream.
        """

    def upstream_done(self) -> None:
        """
        The upstream sends nothing more, but may still read.
        """

    def upstream_closed(self) -> None:
        """
        The upstream has closed the connection.
        """

    def upstream_full(self) -> None:
        """
        The upstream takes no more for now.
        """

    def upstream_ready(self) -> None:
        """
        The upstream takes more again.
        """


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class UpstreamConnection(TwistedProtocol):
    """
    A connection to one upstream, in use by one exchange or idle in the pool.
    """

    def __init__(self, owner: Owner, limits: HeadLimits) -> None:
        self._owner = owner
        self._reader = ResponseReader(limits)
        self.transport_in_use: Any = None
        self.requester: Requester | None = None
        self.tunnel: Tunnel | None = None
        self._request_sent = False
        self._reused = False
        self._answered = False
        self._keep_alive = False
        self._paused = False
        self._heard_out = False
        self._closing = False
        self._lost = False
        self._handshake: Deferred[UpstreamConnection] | None = None
        self.idle_until = 0.0
        """
        When the pool closes the connection if nothing has become of it.
        """

    # The pool and the exchange call.

    def established(self) -> Deferred[UpstreamConnection]:
        """
        Fires with this connection once the upstream is known to be who it should be: at once without TLS.

        It fails when the connection is lost before; to cancel it is to abort the connection.
        """
        handshake: Deferred[UpstreamConnection] = Deferred(self._unwanted)
        if is_encrypted(self.transport_in_use):
            self._handshake = handshake
        else:
            handshake.callback(self)
        return handshake

    def give_up(self, reason: Exception) -> None:
        """
        The handshake takes too long: it fails for that *reason*.
        """
        handshake, self._handshake = self._handshake, None
        self.abort()
        if handshake is not None:
            handshake.errback(reason)

    def begin(self, requester: Requester, method: bytes, *, reused: bool) -> None:
        """
        The next response on this connection is *requester*'s.
        """
        self.requester = requester
        self._reused = reused
        self._request_sent = self._answered = self._keep_alive = False
        self._reader.expect(method)

    def write(self, request: bytes) -> None:
        """
        Send the next bytes of the request.
        """
        write_soon(self.transport_in_use, request)

    def request_sent(self) -> None:
        """
        The request is complete.
        """
        self._request_sent = True

    def pause(self) -> None:
        """
        Read no more of the response for now.
        """
        if not self._paused and not self._lost:
            self._paused = True
            self.transport_in_use.pauseProducing()

    def resume(self) -> None:
        """
        Read again.
        """
        if self._paused and not self._lost:
            self._paused = False
            # Whoever reads after the end is told of it once more.
            if not self._heard_out:
                self.transport_in_use.resumeProducing()

    def become_tunnel(self, tunnel: Tunnel) -> None:
        """
        From now on all bytes are *tunnel*'s, and the exchange hears nothing more.
        """
        self.requester = None
        self.tunnel = tunnel

    def abort(self) -> None:
        """
        Drop everything now, in both directions; the exchange hears nothing more.
        """
        self.requester = self.tunnel = None
        self.transport_in_use.abortConnection()

    def close(self) -> None:
        """
        Close once what was written has been sent; the exchange hears nothing more.
        """
        self.requester = self.tunnel = None
        self._closing = True
        self._owner.closing(self)
        self.transport_in_use.unregisterProducer()
        self.transport_in_use.loseConnection()

    def close_direction(self) -> None:
        """
        Send nothing more once what was written has been sent, and read on; no more than that over TLS.
        """
        if can_half_close(self.transport_in_use):
            self.transport_in_use.loseWriteConnection()

    # The transport calls.

    def connectionMade(self) -> None:
        self.transport_in_use = self.transport
        send_at_once(self.transport_in_use)
        self.transport_in_use.registerProducer(_Flow(self), True)

    def handshakeCompleted(self) -> None:
        handshake, self._handshake = self._handshake, None
        if handshake is not None:
            handshake.callback(self)

    def dataReceived(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.from_upstream(data)
        elif self.requester is not None:
            self._answered = True
            self._deliver(self.requester, self._reader.feed(data))
        elif not self._closing:
            # An idle upstream has nothing to say: what it says would answer the next request.
            self._owner.lost(self)
            self.transport_in_use.abortConnection()

    def readConnectionLost(self) -> None:
        """
        The upstream sends nothing more: in HTTP that is the end, whatever it would still read.
        """
        self._heard_out = True
        if self.tunnel is not None:
            self.tunnel.upstream_done()
            return
        self._ended(connectionDone)
        if holds_unsent_bytes(self.transport_in_use):
            self.transport_in_use.abortConnection()
        else:
            self.transport_in_use.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        Our direction is closed: by us.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._lost:
            self._ended(reason)

    # Inside.

    def _unwanted(self, handshake: Deferred[UpstreamConnection]) -> None:
        self.abort()

    def _ended(self, reason: Failure) -> None:
        self._lost = True
        self._owner.lost(self)
        handshake, self._handshake = self._handshake, None
        if handshake is not None and not handshake.called:
            handshake.errback(reason)
        tunnel, self.tunnel = self.tunnel, None
        if tunnel is not None:
            tunnel.upstream_closed()
        requester = self.requester
        if requester is None:
            return
        if not self._answered:
            self.requester = None
            requester.response_failed("closed the connection without an answer", untouched=self._reused)
        elif not isinstance(reason.value, ConnectionDone):
            self._fail(requester, "broke off the connection in the middle of its answer")
        else:
            self._deliver(requester, self._reader.eof())
            if self.requester is requester:
                self._fail(requester, "closed the connection in the middle of its answer")

    def _deliver(self, requester: Requester, events: list[Any]) -> None:
        for event in events:
            if self.requester is not requester:
                if self.tunnel is None:
                    return
                if isinstance(event, Trailing):
                    self.tunnel.from_upstream(event.content)
            elif type(event) is bytes:
                requester.response_content(event)
            elif type(event) is ResponseHead:
                if event.status >= 200:
                    self._keep_alive = event.keep_alive and not event.close_delimited
                requester.response_began(event)
            elif event is EndOfMessage.END:
                self._finish(requester)
                return
            elif isinstance(event, BadResponse):
                self._fail(requester, event.reason)
                return
        if self.requester is requester:
            requester.response_read()

    def _finish(self, requester: Requester) -> None:
        self.requester = None
        if not self._lost:
            if self._is_clean():
                self.resume()
                self._owner.release(self)
            else:
                self.transport_in_use.abortConnection()
        requester.response_ended()

    def _is_clean(self) -> bool:
        return (
            self._keep_alive
            and self._request_sent
            and not self._reader.surplus
            and not holds_unsent_bytes(self.transport_in_use)
        )

    def _fail(self, requester: Requester, reason: str) -> None:
        self.requester = None
        if not self._lost:
            self.transport_in_use.abortConnection()
        requester.response_failed(reason, untouched=False)


@implementer(IPushProducer)
class _Flow:
    """
    Lets the transport's full buffer hold back the request.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection = connection

    def pauseProducing(self) -> None:
        connection = self._connection
        if connection.tunnel is not None:
            connection.tunnel.upstream_full()
        elif connection.requester is not None:
            connection.requester.pause_request()

    def resumeProducing(self) -> None:
        connection = self._connection
        if connection.tunnel is not None:
            connection.tunnel.upstream_ready()
        elif connection.requester is not None:
            connection.requester.resume_request()

    def stopProducing(self) -> None:
        """
        The connection is lost: `connectionLost` says so.
        """
