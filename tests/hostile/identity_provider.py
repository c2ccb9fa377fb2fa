"""
The socket of an OP: whatever it would say right can be said wrong there, cut, stretched, or not at all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from zope.interface import implementer

from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource

ENDPOINTS = {
    "/.well-known/openid-configuration": "discovery",
    "/jwks": "jwks",
    "/token": "token",
    "/userinfo": "userinfo",
    "/revoke": "revocation",
}


@dataclass(frozen=True, slots=True)
class Said:
    """
    What is said on a connection, and what becomes of the connection then.
    """

    pieces: Iterable[bytes] = ()
    end: str = "close"
    """
    ``close``, ``reset``, or ``hang``: nothing more comes for as long as the other side waits.
    """


Behaviour = Callable[[bytes], Said]
"""
What is said instead of the right response.
"""


class Sockets(Factory):
    """
    Everything that connects to an OP.

    :param moved: Called with every byte and every end.
    """

    noisy = False

    def __init__(self, provider: DevelopmentProvider, moved: Callable[[], None]) -> None:
        self.moved = moved
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: Counter[str] = Counter()
        """
        How often each endpoint was asked.
        """
        self.sent = 0
        """
        Octets that were written in the place of right responses.
        """
        self.open: set[_Conversation] = set()
        self.held: dict[str, list[Callable[[], None]]] = {}
        """
        Endpoints whose responses stay on their way, and what lets each of them arrive.
        """
        self._resource = UnloggedSite(provider_resource(provider)).resource
        self._authority = provider.issuer.partition("//")[2]

    def buildProtocol(self, addr: object) -> _Conversation:
        return _Conversation(self)

    @contextmanager
    def behaving(self, endpoint: str, behaviour: Behaviour) -> Iterator[None]:
        """
        An endpoint that says something else.
        """
        self.behaviours[endpoint] = behaviour
        self.sent = 0
        try:
            yield
        finally:
            self.behaviours.pop(endpoint, None)
            self.drop()

    @contextmanager
    def holding(self, endpoint: str) -> Iterator[None]:
        """
        An endpoint whose responses arrive at the end of this.
        """
        self.held[endpoint] = []
        try:
            yield
        finally:
            for arrive in self.held.pop(endpoint):
                arrive()

    def drop(self) -> None:
        """
        Reset whatever is open.
        """
        for each in list(self.open):
            each.transport.abortConnection()

    def said_to(self, head: str, content: bytes) -> tuple[str, Said]:
        """
        The endpoint that is asked, and what it says.
        """
        line, *rows = head.split("\r\n")
        method, target, _ = line.split(" ")
        fields = {name.title(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
        endpoint = ENDPOINTS.get(target.partition("?")[0], "")
        self.asked[endpoint] += 1
        right = self._right(method, target, fields, content)
        behaviour = self.behaviours.get(endpoint)
        return endpoint, Said((right,)) if behaviour is None else behaviour(right)

    def _right(self, method: str, target: str, fields: Mapping[str, str], content: bytes) -> bytes:
        dropped = ("Host", "Content-Length", "Connection", "Accept-Encoding")
        kept = {name: [value] for name, value in fields.items() if name not in dropped}
        found: list[Any] = []
        stub = StubTreq(self._resource)
        url = f"https://{self._authority}{target}"
        asked: Deferred[Any] = stub.request(
            method,
            url,
            headers=Headers(kept),
            data=content or None,
            allow_redirects=False,
            browser_like_redirects=False,
        )
        stub.flush()
        asked.addCallback(found.append)
        body = found[0].content()
        stub.flush()
        body.addCallback(found.append)
        response, text = found
        lines = [f"HTTP/1.1 {response.code} OK"]
        for name, values in response.headers.getAllRawHeaders():
            if name.lower() not in (b"content-length", b"connection", b"transfer-encoding"):
                lines += [f"{name.decode()}: {value.decode('latin-1')}" for value in values]
        lines += [f"Content-Length: {len(text)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1") + bytes(text)


class _Conversation(Protocol):
    """
    One connection, on which one request is answered.
    """

    transport: Any

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._received = b""
        self._is_answered = False

    def connectionMade(self) -> None:
        self._sockets.open.add(self)
        self._sockets.moved()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._sockets.open.discard(self)
        self._sockets.moved()

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        self._sockets.moved()
        head, found, content = self._received.partition(b"\r\n\r\n")
        if self._is_answered or not found or len(content) < _length(head):
            return
        self._is_answered = True
        endpoint, said = self._sockets.said_to(head.decode("latin-1"), content)
        if endpoint in self._sockets.held:
            self._sockets.held[endpoint].append(lambda: self._say(said))
        else:
            self._say(said)

    def _say(self, said: Said) -> None:
        self.transport.registerProducer(_Pieces(self, self._sockets, said), False)


@implementer(IPullProducer)
class _Pieces:
    """
    Says piece by piece, as fast as it is read.
    """

    def __init__(self, conversation: _Conversation, sockets: Sockets, said: Said) -> None:
        self._transport = conversation.transport
        self._sockets = sockets
        self._pieces = iter(said.pieces)
        self._end = said.end

    def resumeProducing(self) -> None:
        piece = next(self._pieces, None)
        self._sockets.moved()
        if piece is not None:
            self._sockets.sent += len(piece)
            self._transport.write(piece)
            return
        self._transport.unregisterProducer()
        if self._end == "close":
            self._transport.loseConnection()
        elif self._end == "reset":
            self._transport.abortConnection()

    def stopProducing(self) -> None:
        """
        Nobody reads it any more.
        """
        self._pieces = iter(())


def _length(head: bytes) -> int:
    for row in head.split(b"\r\n"):
        name, _, value = row.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def document_of(right: bytes) -> dict[str, Any]:
    """
    The JSON of a right response.
    """
    found: dict[str, Any] = json.loads(right.partition(b"\r\n\r\n")[2])
    return found


def response(body: bytes, content_type: str = "application/json", *more: str, length: int | None = None) -> bytes:
    """
    A response with that body, written by hand.
    """
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", *more]
    lines += [f"Content-Length: {len(body) if length is None else length}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
