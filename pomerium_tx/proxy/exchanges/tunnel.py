"""
After 101: bytes pass in both directions, and where the WebSocket's frames end is known.

It is known so that a page can be told that its session has ended, or may not be here any more: a Close frame fits
between two frames only. Anywhere else the connection is aborted, and the page sees 1006.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.connection import UPSTREAM_FULL, Connection
from pomerium_tx.proxy.exchanges.websocket import GOING_AWAY, NOT_ADMITTED, SIGNED_OUT, FrameBoundaries, close_frame
from pomerium_tx.proxy.transports import can_half_close, owes_bytes
from pomerium_tx.proxy.upstreams.upstream import UpstreamConnection
from pomerium_tx.sessions.store import Cause

CLOSE_SECONDS = 1.0
"""
How long the user agent has to answer our Close frame.
"""
DRAIN_SECONDS = 10.0
"""
How long one side may go on when the other has closed its direction: a WebSocket has no use for half a connection.
"""


class TunnelEnded(Protocol):
    """
    Called once, when no byte passes any more.
    """

    def __call__(self) -> None: ...


class WebSocketTunnel:
    """
    A WebSocket passing through.
    """

    def __init__(
        self, downstream: Connection, upstream: UpstreamConnection, *, asked: Asked, ended: TunnelEnded
    ) -> None:
        self._downstream = downstream
        self._proxy = downstream.proxy
        self._asked = asked
        self._upstream: UpstreamConnection | None = upstream
        self._ended = ended
        self._to_user_agent = FrameBoundaries()
        self._to_upstream = FrameBoundaries()
        self._closing: IDelayedCall | None = None
        self._draining: IDelayedCall | None = None
        self._user_agent_done = self._upstream_done = False
        self.bytes_in = 0
        self.bytes_out = 0

    # What passes.

    def from_user_agent(self, passed: bytes) -> None:
        """
        Bytes from the user agent: passed on, or, after our Close frame, discarded.
        """
        self._to_upstream.feed(passed)
        if self._upstream is not None:
            self.bytes_in += len(passed)
            if self._proxy.streams_count:
                self._proxy.passed(self._asked)
            self._upstream.write(passed)
        elif self._closing is not None and self._to_upstream.close_seen:
            self._end_downstream()

    def from_upstream(self, passed: bytes) -> None:
        """
        Bytes from the upstream.
        """
        self._to_user_agent.feed(passed)
        self.bytes_out += len(passed)
        if self._proxy.streams_count:
            self._proxy.passed(self._asked)
        self._downstream.write(passed)

    # Who is full, and who not any more.

    def downstream_full(self) -> None:
        """
        Read no more from the upstream for now.
        """
        if self._upstream is not None:
            self._upstream.pause()

    def downstream_ready(self) -> None:
        """
        Read from the upstream again.
        """
        if self._upstream is not None:
            self._upstream.resume()

    def upstream_full(self) -> None:
        """
        Read no more from the user agent for now.
        """
        self._downstream.pause(UPSTREAM_FULL)

    def upstream_ready(self) -> None:
        """
        Read from the user agent again.
        """
        self._downstream.resume(UPSTREAM_FULL)

    # How it ends.

    def downstream_done(self) -> None:
        """
        The user agent sends nothing more: so is the upstream told, and what it still says arrives.
        """
        self._user_agent_done = True
        upstream = self._upstream
        if upstream is None:
            self._end_downstream()
        elif self._upstream_done:
            self._part()
        else:
            upstream.close_direction()
            self._draining = self._proxy.clock.callLater(DRAIN_SECONDS, self._part)

    def upstream_done(self) -> None:
        """
        The upstream sends nothing more: so is the user agent told, and what it still says arrives.
        """
        self._upstream_done = True
        transport = self._downstream.transport_in_use
        if self._user_agent_done or not can_half_close(transport):
            self._part()
        else:
            transport.loseWriteConnection()
            self._draining = self._proxy.clock.callLater(DRAIN_SECONDS, self._part)

    def downstream_lost(self) -> None:
        """
        The user agent has gone.
        """
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        upstream = self._let_go()
        if upstream is not None:
            upstream.close()

    def upstream_closed(self) -> None:
        """
        The upstream has gone: what it said arrives, then the connection ends.
        """
        self._let_go()
        self._downstream.close()

    def cut(self, cause: Cause | None) -> None:
        """
        The session has ended, or, without a *cause*, the route admits it no longer: no byte of either side passes.
        """
        self._close(*((NOT_ADMITTED, b"no longer admitted") if cause is None else (SIGNED_OUT, b"signed out")))

    def time_out(self) -> None:
        """
        Nothing has passed for too long: both sides are told so.
        """
        self._close(GOING_AWAY, b"idle timeout")

    def _close(self, code: int, reason: bytes) -> None:
        upstream = self._let_go()
        if upstream is None:
            return
        if self._to_upstream.at_boundary and not self._user_agent_done and not owes_bytes(upstream.transport_in_use):
            upstream.write(close_frame(GOING_AWAY, masked=True))
            upstream.close()
        else:
            upstream.abort()
        transport = self._downstream.transport_in_use
        if not self._to_user_agent.at_boundary or self._upstream_done or owes_bytes(transport):
            self._downstream.abort()
            return
        # A Close frame of the user agent that passed before does not answer ours.
        self._to_upstream.close_seen = False
        self._closing = self._proxy.clock.callLater(CLOSE_SECONDS, self._out_of_time)
        self._downstream.write(close_frame(code, reason, masked=False))
        self._downstream.resume(UPSTREAM_FULL)
        if self._user_agent_done:
            self._end_downstream()
        elif can_half_close(transport):
            transport.unregisterProducer()
            transport.loseWriteConnection()

    def _let_go(self) -> UpstreamConnection | None:
        """
        Pass nothing more; the upstream that was there.
        """
        if self._draining is not None:
            if self._draining.active():
                self._draining.cancel()
            self._draining = None
        upstream, self._upstream = self._upstream, None
        ended, self._ended = self._ended, _has_ended
        if upstream is not None:
            ended()
        return upstream

    def _part(self) -> None:
        """
        End both connections in order.
        """
        upstream = self._let_go()
        if upstream is not None:
            upstream.close()
            self._downstream.close()

    def _out_of_time(self) -> None:
        self._closing = None
        self._downstream.abort()

    def _end_downstream(self) -> None:
        # Our side is closed already, or is closed by this; who does not let it close is out of time soon.
        self._downstream.transport_in_use.loseConnection()


def _has_ended() -> None:
    """
    Whoever wanted to be told has been, and is not held on to: that would be garbage that refers to itself.
    """
