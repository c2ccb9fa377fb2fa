"""
One health check on the wire: a connection of its own, a question, and the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pomerium_tx.http11.heads import HeadLimits, ResponseHead
from pomerium_tx.http11.writer import field_lines, head_of, request_line
from pomerium_tx.proxy.upstreams.pool import in_words, no_handshake
from pomerium_tx.proxy.upstreams.upstream import UpstreamConnection
from pomerium_tx.routing.balancing import HttpCheck, TcpCheck

USER_AGENT = b"pomerium_tx health check"
_MOST_HEARD = 65_536
"""
How much is read of an answer in which what is expected does not come.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What a check has come to.
    """

    is_well: bool
    reason: str = ""
    """
    Why not: the rest of a sentence that the upstream begins.
    """
    is_final: bool = False
    """
    Whether no further check is needed to know that the upstream is not well.
    """


class Probe:
    """
    A check under way.

    :param host: The ``Host`` of a request.
    :param done: Called once, unless the check is cancelled.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        what: HttpCheck | TcpCheck,
        *,
        host: bytes,
        limits: HeadLimits,
        clock: IReactorTime,
        timeout: float,
        done: Callable[[Outcome], None],
    ) -> None:
        self._what = what
        self._host = host
        self._done: Callable[[Outcome], None] | None = done
        self._heard = b""
        self._awaited = list(what.receive) if isinstance(what, TcpCheck) else []
        self._connection: UpstreamConnection | None = None
        self._timer: IDelayedCall = clock.callLater(timeout, self._too_late)
        # A connection that is made at once may have been the end of it before this returns.
        self._connecting: Deferred[None] | None = None
        connecting = endpoint.connect(_Connections(limits)).addCallback(self._connected)
        ended = connecting.addCallbacks(self._established, self._failed)
        if self._done is not None:
            self._connecting = ended

    def cancel(self) -> None:
        """
        It is not wanted any more.
        """
        self._done = None
        if self._timer.active():
            self._timer.cancel()
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def _connected(self, connection: IProtocol) -> Deferred[UpstreamConnection]:
        assert isinstance(connection, UpstreamConnection)
        self._connection = connection
        return connection.established().addErrback(no_handshake)

    def _established(self, connection: UpstreamConnection) -> None:
        what = self._what
        if isinstance(what, HttpCheck):
            fields = [(b"Host", what.host or self._host), (b"User-Agent", USER_AGENT), (b"Connection", b"close")]
            connection.begin(self, b"GET", reused=False)
            connection.write(head_of(request_line(b"GET", what.path), field_lines(fields)))
            connection.request_sent()
            return
        connection.become_tunnel(self)
        if what.send:
            connection.write(what.send)
        self._look()

    def _failed(self, reason: Failure) -> None:
        if not isinstance(reason.value, (CancelledError, ConnectingCancelledError)):
            self._end(Outcome(is_well=False, reason=in_words(reason)))

    def _too_late(self) -> None:
        self._end(Outcome(is_well=False, reason="did not answer in time"))

    def _end(self, outcome: Outcome) -> None:
        done = self._done
        if done is not None:
            self.cancel()
            done(outcome)

    # What a response is told to.

    def response_began(self, head: ResponseHead) -> None:
        what = self._what
        assert isinstance(what, HttpCheck)
        if head.status < 200 and head.status != 101:
            return
        reason = f"answered {head.status}"
        if any(head.status in expected for expected in what.expected):
            self._end(Outcome(is_well=True))
        elif any(head.status in retriable for retriable in what.retriable):
            self._end(Outcome(is_well=False, reason=reason))
        else:
            self._end(Outcome(is_well=False, reason=reason, is_final=True))

    def response_content(self, content: bytes) -> None:
        """
        Not of interest.
        """

    def response_read(self) -> None:
        """
        Not of interest.
        """

    def response_ended(self) -> None:
        """
        Its head has said all.
        """

    def response_failed(self, reason: str, *, untouched: bool) -> None:
        self._end(Outcome(is_well=False, reason=reason))

    def pause_request(self) -> None:
        """
        Nothing more is sent.
        """

    def resume_request(self) -> None:
        """
        Nothing more is sent.
        """

    # What other bytes are told to.

    def from_upstream(self, passed: bytes) -> None:
        self._heard += passed
        self._look()
        if len(self._heard) > _MOST_HEARD:
            self._end(Outcome(is_well=False, reason="did not answer what was expected"))

    def upstream_done(self) -> None:
        self.upstream_closed()

    def upstream_closed(self) -> None:
        self._end(Outcome(is_well=False, reason="closed the connection"))

    def upstream_full(self) -> None:
        """
        Nothing more is sent.
        """

    def upstream_ready(self) -> None:
        """
        Nothing more is sent.
        """

    def _look(self) -> None:
        while self._awaited and (place := self._heard.find(self._awaited[0])) >= 0:
            self._heard = self._heard[place + len(self._awaited.pop(0)) :]
        if not self._awaited:
            self._end(Outcome(is_well=True))


class _Connections(Factory):
    """
    Makes the one connection of a check, which no pool gets.
    """

    noisy = False

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits

    def buildProtocol(self, addr: IAddress | None) -> UpstreamConnection:
        return UpstreamConnection(self, self._limits)

    def release(self, connection: UpstreamConnection) -> None:
        """
        It serves nobody else.
        """

    def closing(self, connection: UpstreamConnection) -> None:
        """
        It is aborted, never closed.
        """

    def lost(self, connection: UpstreamConnection) -> None:
        """
        Whoever waits for an answer is told by the connection.
        """
