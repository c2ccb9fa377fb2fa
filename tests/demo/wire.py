"""
A sample application on a transport in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from pomerium_tx.demo.serving import Application, ApplicationFactory
from pomerium_tx.http11.heads import HeadLimits, ResponseHead
from pomerium_tx.http11.reader import EndOfMessage, ResponseReader


class Transport(StringTransport):
    """
    A transport that knows about Nagle and about being cut.
    """

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Nothing waits here anyway.
        """


class Wire:
    """
    A client's connection to an application.
    """

    def __init__(self, application: Application) -> None:
        self.transport = Transport()
        self.factory = ApplicationFactory(application)
        self.protocol = self.factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)

    def send(self, wire: bytes) -> bytes:
        """
        What is answered to *wire* at once.
        """
        self.protocol.dataReceived(wire)
        return self.received()

    def received(self) -> bytes:
        """
        What has been sent since the last look.
        """
        value: bytes = self.transport.value()
        self.transport.clear()
        return value

    def lose(self) -> None:
        """
        The connection is cut.
        """
        self.protocol.connectionLost(Failure(ConnectionLost()))

    def ask(self, method: bytes, target: bytes, *fields: bytes) -> tuple[ResponseHead, bytes]:
        """
        Head and content of the answer to a request.
        """
        lines = b"".join(field + b"\r\n" for field in (b"Host: app.localhost", *fields))
        [answer] = responses(self.send(b"%s %s HTTP/1.1\r\n%s\r\n" % (method, target, lines)), method)
        return answer


def responses(wire: bytes, method: bytes) -> Iterator[tuple[ResponseHead, bytes]]:
    """
    The response in *wire*, which answers *method*.
    """
    reader = ResponseReader(HeadLimits())
    reader.expect(method)
    head, content = None, b""
    for event in [*reader.feed(wire), *reader.eof()]:
        if isinstance(event, ResponseHead):
            head, content = event, b""
        elif isinstance(event, bytes):
            content += event
        elif isinstance(event, EndOfMessage):
            assert head is not None
            yield head, content
        else:
            raise AssertionError(event)
