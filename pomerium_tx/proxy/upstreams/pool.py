"""
The connections to one upstream: those in use, those idle, and those being made.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.interfaces import IAddress, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.upstreams.places import Descriptors, PlaceLimits, Places, Waiter
from pomerium_tx.proxy.upstreams.upstream import Requester, UpstreamConnection

IDLE_SECONDS = 55.0
"""
An idle upstream connection is closed by us before most servers close it at 60 s.
"""
MOST_IDLE = 128
CLOSE_SECONDS = 2.0
"""
How long an upstream may take to let a connection close: over TLS its own close_notify is waited for.
"""
HANDSHAKE_SECONDS = 10.0
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


class Dialler(Requester, Protocol):
    """
    An exchange that waits for a connection.
    """

    def upstream_ready(self, connection: UpstreamConnection) -> None:
        """
        *connection* is this exchange's; called before `Pool.acquire` returns when one was idle.
        """

    def upstream_unreachable(self, reason: str) -> None:
        """
        No connection could be made.
        """

    def upstream_busy(self, reason: str) -> None:
        """
        There are as many connections as there may be, and none is to be had; called before `Pool.acquire` returns when
        too many others wait already.
        """


class _NoHandshake(Exception):
    """
    The upstream was reached, but is not who it should be, or does not speak TLS as we do.
    """


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter(Waiter):
    dialler: Dialler
    method: bytes


class _ConnectionFactory(Factory):
    noisy = False

    def __init__(self, build: Callable[[], UpstreamConnection]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> UpstreamConnection:
        return self._build()


class Pool:
    """
    Connections to one upstream with one set of TLS settings.

    The most recently used idle connection is taken first, so that the others grow old and are closed. Where there are
    as many connections as there may be, requests are served in the order in which they came.

    :param places: How many connections there may be; None: the usual number, not shared with another pool.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        *,
        limits: HeadLimits,
        deadlines: Deadlines,
        places: Places | None = None,
    ) -> None:
        self.limits = limits
        self.places = (
            Places("an upstream", PlaceLimits(), deadlines, Descriptors(MOST_IDLE * 8)) if places is None else places
        )
        self._endpoint = endpoint
        self._deadlines = deadlines
        self._idle: deque[UpstreamConnection] = deque()
        self._in_use: set[UpstreamConnection] = set()
        # Each has a place, until it is lost.
        self._open: set[UpstreamConnection] = set()
        self._closing: dict[UpstreamConnection, float] = {}
        self._in_handshake: set[UpstreamConnection] = set()
        self._is_retired = False
        self._factory = _ConnectionFactory(lambda: UpstreamConnection(self, limits))
        deadlines.watch(self)

    def __repr__(self) -> str:
        return f"<Pool idle={len(self._idle)} in_use={len(self._in_use)}>"

    def acquire(self, dialler: Dialler, method: bytes, *, fresh: bool = False) -> Deferred[None] | None:
        """
        Give *dialler* a connection, now or later.

        :param fresh: Only a new connection will do.
        :returns: What to cancel when the connection is wanted no more; `None` when it has been given, or will not be.
        """
        if self._idle and not fresh:
            self._give(self._idle.pop(), dialler, method, reused=True)
            return None
        if self.places.take():
            return self._connect(dialler, method)
        return self._wait(dialler, method, fresh=fresh)

    def _connect(self, dialler: Dialler, method: bytes) -> Deferred[None]:
        """
        Make a connection, for which a place has been taken.
        """

        def connected(connection: IProtocol) -> Deferred[UpstreamConnection]:
            assert isinstance(connection, UpstreamConnection)
            self._open.add(connection)
            if not self._is_retired:
                self.places.join(self)
            connection.idle_until = self._deadlines.now() + HANDSHAKE_SECONDS
            self._in_handshake.add(connection)
            # Before it is over nobody may be told anything, nor would the person know why it failed.
            return connection.established().addErrback(no_handshake)

        def established(connection: UpstreamConnection) -> None:
            self._in_handshake.discard(connection)
            self._give(connection, dialler, method, reused=False)

        def not_connected(reason: Failure) -> Failure:
            if getattr(reason.value, "osError", None) in _NO_DESCRIPTORS:
                self.places.no_descriptor()
            self.places.give_back()
            return reason

        def failed(reason: Failure) -> None:
            # Whoever cancels knows. Endpoints have their own word for it.
            if not isinstance(reason.value, (CancelledError, ConnectingCancelledError)):
                dialler.upstream_unreachable(in_words(reason))

        connecting = self._endpoint.connect(self._factory).addErrback(not_connected)
        return connecting.addCallback(connected).addCallbacks(established, failed)

    def _wait(self, dialler: Dialler, method: bytes, *, fresh: bool) -> Deferred[None] | None:
        """
        Wait for a place, or for a connection that comes back.
        """
        connecting: Deferred[None] | None = None

        def serve() -> None:
            nonlocal connecting
            connecting = self._connect(dialler, method)

        def cancelled(waiting: Deferred[None]) -> None:
            if not self.places.give_up(waiter) and connecting is not None:
                connecting.cancel()
            waiting.callback(None)

        waiter = _Waiter(
            pool=self,
            is_choosy=fresh,
            serve=serve,
            turn_away=dialler.upstream_busy,
            dialler=dialler,
            method=method,
        )
        return Deferred(cancelled) if self.places.wait(waiter) else None

    def release(self, connection: UpstreamConnection) -> None:
        self._in_use.discard(connection)
        waiter = self.places.first
        if waiter is not None:
            if waiter.pool is self and not waiter.is_choosy:
                assert isinstance(waiter, _Waiter)
                self.places.give_up(waiter)
                self._give(connection, waiter.dialler, waiter.method, reused=True)
            else:
                # Its place is free in the next turn.
                connection.abort()
        elif len(self._idle) < MOST_IDLE and not self._is_retired:
            connection.idle_until = self._deadlines.now() + IDLE_SECONDS
            self._idle.append(connection)
        else:
            connection.close()

    def lost(self, connection: UpstreamConnection) -> None:
        self._in_use.discard(connection)
        self._in_handshake.discard(connection)
        self._closing.pop(connection, None)
        try:
            self._idle.remove(connection)
        except ValueError:
            pass
        if connection in self._open:
            self._open.remove(connection)
            self.places.give_back()

    def closing(self, connection: UpstreamConnection) -> None:
        self._in_use.discard(connection)
        self._closing[connection] = self._deadlines.now() + CLOSE_SECONDS

    def check_deadlines(self, now: float) -> None:
        """
        Close what has been idle for too long, and abort what does not close.
        """
        while self._idle and self._idle[0].idle_until < now:
            self._idle.popleft().close()
        for connection in [closing for closing, until in self._closing.items() if until < now]:
            connection.abort()
        for connection in [each for each in self._in_handshake if each.idle_until < now]:
            connection.give_up(_NoHandshake("it took too long"))

    def retire(self) -> None:
        """
        Keep no connection once it is not in use any more: nobody will ask for one again.
        """
        self._is_retired = True
        self.places.leave(self)
        while self._idle:
            self._idle.popleft().close()

    def close(self) -> None:
        """
        Close every connection, also those in use.
        """
        self._deadlines.forget(self)
        self.places.leave(self)
        for connection in list(self._open):
            connection.abort()

    @property
    def idle_until(self) -> float | None:
        return self._idle[0].idle_until if self._idle else None

    def drop_idle(self) -> None:
        self._idle.popleft().abort()

    def _give(self, connection: UpstreamConnection, dialler: Dialler, method: bytes, *, reused: bool) -> None:
        self._in_use.add(connection)
        connection.begin(dialler, method, reused=reused)
        dialler.upstream_ready(connection)


def no_handshake(reason: Failure) -> Failure:
    """
    Why there is no TLS with an upstream, for `in_words`.
    """
    match reason.value:
        case CancelledError() | _NoHandshake():
            return reason
        case VerificationError():
            why = "its certificate is for another name"
        case other:
            # OpenSSL's error has a list of what went wrong, each with library, function and words.
            said = getattr(other, "args", ())
            errors = said[0] if said and isinstance(said[0], list) else []
            why = ", ".join(str(error[-1]) for error in errors) or type(other).__name__
    return Failure(_NoHandshake(why))  # type: ignore[no-untyped-call] # Twisted's own


def in_words(reason: Failure) -> str:
    """
    Why an upstream could not be reached: the rest of a sentence that it begins.
    """
    match reason.value:
        case ConnectionRefusedError():
            return "refused the connection"
        case TimeoutError():
            return "did not accept the connection in time"
        case DNSLookupError():
            return "has a name that cannot be resolved"
        case _NoHandshake():
            return f"cannot be trusted with TLS: {reason.value}"
        case ConnectError():
            return "could not be connected to"
        case other:
            return f"could not be connected to ({type(other).__name__})"
