"""
How the sample applications speak HTTP/1.1: a request is seen at its head, its content as it arrives.

``twisted.web`` would show an upload only when it is over, and cannot be upgraded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.reader import EndOfMessage, RequestEvent, RequestReader, Trailing
from pomerium_tx.http11.writer import LAST_CHUNK, REASONS, chunk, field_lines, head_of, status_line

log = Logger()

Fields = Iterable[tuple[bytes, bytes]]


class IStreamTransport(ITCPTransport, IConsumer, IPushProducer):
    """
    A TCP connection that can be paused and that pauses who writes.
    """


class ServedExchange:
    """
    A request to an application, and the response that the application gives to it.

    The application sets the three callbacks when it is given the exchange.
    """

    def __init__(self, head: RequestHead, server: ApplicationServer) -> None:
        self.head = head
        self.content_received: Callable[[bytes], None] = _ignore
        self.content_ended: Callable[[], None] = _nothing
        self.cut: Callable[[], None] = _nothing
        """
        The connection was lost before the response was finished.
        """
        self.is_finished = False
        self._server = server
        self._is_chunked = False
        self._is_producing = False

    @property
    def path(self) -> str:
        """
        The path that is asked for.
        """
        return self.head.target.partition(b"?")[0].decode("ascii", "replace")

    def respond(self, status: int, fields: Fields, content: bytes = b"") -> None:
        """
        The whole response at once.
        """
        length = (b"Content-Length", str(len(content)).encode("ascii"))
        self._write_head(status, [*fields, length])
        if self.head.method != b"HEAD":
            self._server.write(content)
        self._end()

    def begin(self, status: int, fields: Fields, producer: IPushProducer | None = None) -> None:
        """
        The beginning of a response whose content follows.

        :param producer: Is told to pause while the other side does not read.
        """
        # An HTTP/1.0 client reads until the end of the connection.
        self._is_chunked = self.head.minor >= 1
        framing = [(b"Transfer-Encoding", b"chunked")] if self._is_chunked else []
        self._write_head(status, [*fields, *framing])
        if producer is not None:
            self._is_producing = True
            self._server.register(producer)

    def write(self, content: bytes) -> None:
        """
        More of the content.
        """
        if content and not self.is_finished:
            self._server.write(chunk(content) if self._is_chunked else content)

    def finish(self) -> None:
        """
        The end of the content.
        """
        if self._is_chunked:
            self._server.write(LAST_CHUNK)
        self._end()

    def switch(self, fields: Fields, protocol: IProtocol) -> None:
        """
        The connection is *protocol*'s from here on.
        """
        self.is_finished = True
        self._server.write(head_of(status_line(101, REASONS[101]), field_lines(list(fields))))
        self._server.hand_over(protocol)

    def _write_head(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        closing = [] if self.head.keep_alive else [(b"Connection", b"close")]
        self._server.write(head_of(status_line(status, REASONS[status]), field_lines([*fields, *closing])))

    def _end(self) -> None:
        self.is_finished = True
        if self._is_producing:
            self._server.unregister()
        self._server.response_finished()


Application = Callable[[ServedExchange], None]


class ApplicationServer(Protocol):
    """
    One connection to an application: its requests are answered one after the other.

    An idle connection is left open: the proxy in front decides how long that makes sense.
    """

    transport: IStreamTransport

    def __init__(self, application: Application, connections: set[ApplicationServer]) -> None:
        self._application = application
        self._connections = connections
        self._reader = RequestReader(HeadLimits())
        self._events: deque[RequestEvent] = deque()
        self._exchange: ServedExchange | None = None
        self._is_reading_content = False
        self._is_busy = False
        self._is_paused = False
        self._is_closing = False
        self._upgraded: IProtocol | None = None

    def connectionMade(self) -> None:
        self._connections.add(self)
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
        elif not self._is_closing:
            self._events.extend(self._reader.feed(data))
            self._work()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._connections.discard(self)
        self._events.clear()
        if self._upgraded is not None:
            self._upgraded.connectionLost(reason)
        elif self._exchange is not None and not self._exchange.is_finished:
            self._exchange.is_finished = True
            self._exchange.cut()

    def write(self, data: bytes) -> None:
        """
        *data* is on its way to the other side.
        """
        self.transport.write(data)

    def register(self, producer: IPushProducer) -> None:
        """
        *producer* is paused while what was written has not left.
        """
        self.transport.registerProducer(producer, True)

    def unregister(self) -> None:
        """
        Nobody is to be paused any more.
        """
        self.transport.unregisterProducer()

    def hand_over(self, protocol: IProtocol) -> None:
        """
        What arrives from here on is *protocol*'s.
        """
        self._upgraded = protocol
        protocol.makeConnection(self.transport)

    def response_finished(self) -> None:
        """
        The response of the exchange is complete; the next request may have its turn.
        """
        assert self._exchange is not None
        if not self._exchange.head.keep_alive:
            self._close()
        else:
            self._work()

    def _work(self) -> None:
        # An application that answers in its own turn comes back here by response_finished.
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._events and not self._must_wait(self._events[0]):
                self._handle(self._events.popleft())
        finally:
            self._is_busy = False
        must_pause = bool(self._events)
        if must_pause != self._is_paused and not self._is_closing:
            self._is_paused = must_pause
            if must_pause:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _must_wait(self, event: RequestEvent) -> bool:
        starts_another = isinstance(event, (RequestHead, BadRequest)) and not self._is_reading_content
        return starts_another and self._exchange is not None and not self._exchange.is_finished

    def _handle(self, event: RequestEvent) -> None:
        exchange = self._exchange
        if isinstance(event, RequestHead):
            self._begin(event)
        elif isinstance(event, bytes):
            assert exchange is not None
            exchange.content_received(event)
        elif isinstance(event, EndOfMessage):
            assert exchange is not None
            self._is_reading_content = False
            exchange.content_ended()
        elif isinstance(event, Trailing):
            if self._upgraded is None:
                self._events.extend(self._reader.feed(event.content))
            else:
                self._upgraded.dataReceived(event.content)
        else:
            self._refuse(event)

    def _begin(self, head: RequestHead) -> None:
        exchange = self._exchange = ServedExchange(head, self)
        self._is_reading_content = True
        if head.expect_continue:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._application(exchange)

    def _refuse(self, refused: BadRequest) -> None:
        log.info("An application refused a request: {reason}", reason=refused.reason)
        if self._exchange is None or self._exchange.is_finished:
            self.write(
                head_of(status_line(refused.status, REASONS[refused.status]), field_lines([(b"Connection", b"close")]))
            )
        self._close()

    def _close(self) -> None:
        self._is_closing = True
        self._events.clear()
        self.transport.loseConnection()


class ApplicationFactory(ServerFactory):
    """
    Connections to one application.
    """

    noisy = False

    def __init__(self, application: Application) -> None:
        self.connections: set[ApplicationServer] = set()
        self._application = application

    def buildProtocol(self, addr: IAddress | None) -> ApplicationServer:
        return ApplicationServer(self._application, self.connections)

    def cut_all(self) -> None:
        """
        No connection is open any more.
        """
        for connection in list(self.connections):
            connection.transport.abortConnection()


def _ignore(content: bytes) -> None:
    """
    The content is of no interest.
    """


def _nothing() -> None:
    """
    Nothing is to be done.
    """
