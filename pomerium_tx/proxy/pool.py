"""
The connections to one upstream: those in use, those idle, and those being made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import IAddress, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pomerium_tx.http11.heads import HeadLimits
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.upstream import Requester, UpstreamConnection

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


class _NoHandshake(Exception):
    """
    The upstream was reached, but is not who it should be, or does not speak TLS as we do.
    """


class _ConnectionFactory(Factory):
    noisy = False

    def __init__(self, build: Callable[[], UpstreamConnection]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> UpstreamConnection:
        return self._build()


class Pool:
    """
    Connections to one upstream with one set of TLS settings.

    The most recently used idle connection is taken first, so that the others grow old and are closed.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, *, limits: HeadLimits, deadlines: Deadlines) -> None:
        self._endpoint = endpoint
        self._deadlines = deadlines
        self._idle: deque[UpstreamConnection] = deque()
        self._in_use: set[UpstreamConnection] = set()
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
        :returns: What to cancel when the connection is wanted no more; `None` when it has been given.
        """
        if self._idle and not fresh:
            self._give(self._idle.pop(), dialler, method, reused=True)
            return None

        def connected(connection: IProtocol) -> Deferred[UpstreamConnection]:
            assert isinstance(connection, UpstreamConnection)
            connection.idle_until = self._deadlines.now() + HANDSHAKE_SECONDS
            self._in_handshake.add(connection)
            # Before it is over nobody may be told anything, nor would the person know why it failed.
            return connection.established().addErrback(_no_handshake)

        def established(connection: UpstreamConnection) -> None:
            self._in_handshake.discard(connection)
            self._give(connection, dialler, method, reused=False)

        def failed(reason: Failure) -> None:
            # Whoever cancels knows.
            if not isinstance(reason.value, CancelledError):
                dialler.upstream_unreachable(_in_words(reason))

        return self._endpoint.connect(self._factory).addCallback(connected).addCallbacks(established, failed)

    def release(self, connection: UpstreamConnection) -> None:
        self._in_use.discard(connection)
        if len(self._idle) < MOST_IDLE and not self._is_retired:
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
        while self._idle:
            self._idle.popleft().close()

    def close(self) -> None:
        """
        Close every connection, also those in use.
        """
        self._deadlines.forget(self)
        for connection in (*self._idle, *self._in_use, *self._in_handshake, *self._closing):
            connection.abort()

    def _give(self, connection: UpstreamConnection, dialler: Dialler, method: bytes, *, reused: bool) -> None:
        self._in_use.add(connection)
        connection.begin(dialler, method, reused=reused)
        dialler.upstream_ready(connection)


def _no_handshake(reason: Failure) -> Failure:
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


def _in_words(reason: Failure) -> str:
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
