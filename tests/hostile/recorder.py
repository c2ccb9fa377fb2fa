"""
Applications that keep every byte they hear, and answer as they are told, or as an honest one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.hostile.application import Heard, NotCanonical, take
from tests.hostile.line import unsent
from tests.scenarios.traffic import SWITCHING

SERIAL = "x-serial"
"""
The field by which an answer is known to be the application's, and which of its answers it is.
"""
CANARY = "x-canary"
"""
The field that an honest application sends back as it came.
"""
SMUGGLED = "/smuggled"
"""
What the catalogue's hidden requests ask for.
"""


@dataclass(slots=True, kw_only=True)
class Request:
    """
    One request that an application got.
    """

    serial: int
    heard: Heard
    connection: Application = field(repr=False)
    is_of_the_living: bool = True
    """
    Whether the session that its identity assertion names was live at that moment; always so where nobody is told.
    """


Answering = Callable[["Application", Request], bytes | None]
"""
What is said to a request; None if nothing is, now.
"""


@implementer(IHalfCloseableProtocol)
class Application(Protocol):
    """
    One connection from the proxy.
    """

    transport: Any

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.raw = b""
        self.is_lost = False
        self.is_heard_out = False
        self.is_tunnel = False
        self.is_by_hand = False
        """
        Whether what comes is kept, and nothing else.
        """
        self.tunnelled = b""
        """
        What came after a WebSocket handshake.
        """
        self.requests: list[Request] = []
        self._rest = b""

        self.keeps = True
        """
        Whether what comes is kept, and not only counted.
        """
        self.counted = 0

    @property
    def unsent(self) -> int:
        """
        How many bytes wait here because the kernel does not take them.
        """
        return unsent(self.transport)

    def connectionMade(self) -> None:
        self.recorder.connections.append(self)
        self.recorder.moved()
        if self.recorder.on_accept:
            self.transport.write(self.recorder.on_accept)
        if self.recorder.reads_nothing:
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True
        self.recorder.moved()

    def readConnectionLost(self) -> None:
        self.is_heard_out = True
        self.recorder.moved()
        if not self.recorder.hears_out:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        Our own doing.
        """

    def dataReceived(self, data: bytes) -> None:
        self.recorder.moved()
        self.counted += len(data)
        if not self.keeps:
            return
        self.raw += data
        self.recorder.raw += data
        if self.is_tunnel:
            self.tunnelled += data
            self.recorder.on_tunnel(self, data)
            return
        if self.is_by_hand:
            return
        self._rest += data
        try:
            self._take_all()
        except NotCanonical as problem:
            self.recorder.problems.append(str(problem))
            self.transport.abortConnection()

    def say(self, data: bytes) -> None:
        """
        Write *data*.
        """
        self.transport.write(data)

    def _take_all(self) -> None:
        while True:
            if self.recorder.on_head is not None and b"\r\n\r\n" in self._rest:
                self.recorder.on_head(self)
                if self.is_by_hand:
                    return
            if _asks_for_tunnel(self._rest):
                head, _, self._rest = self._rest.partition(b"\r\n\r\n")
                self._serve(_loose(head))
                return
            taken = take(self._rest)
            if taken is None:
                return
            heard, self._rest = taken
            self._serve(heard)

    def _serve(self, heard: Heard) -> None:
        request = self.recorder.record(self, heard)
        self.requests.append(request)
        answer = self.recorder.answering(self, request)
        if answer is not None:
            self.transport.write(answer)
        if heard.all("upgrade") and answer is not None and answer.startswith(b"HTTP/1.1 101"):
            self.is_tunnel = True
            if self._rest:
                self.tunnelled, self._rest = self._rest, b""
                self.recorder.on_tunnel(self, self.tunnelled)


class Recorder(Factory):
    """
    One application, whatever the number of its connections.

    :param is_protected: Whether only people with a session may reach it.
    """

    noisy = False

    def __init__(self, name: str, moved: Callable[[], None], *, is_protected: bool) -> None:
        self.name = name
        self.is_protected = is_protected
        self.moved = moved
        self.raw = b""
        self.requests: list[Request] = []
        self.problems: list[str] = []
        """
        What no application should have to understand.
        """
        self.connections: list[Application] = []
        self.lives: Callable[[Heard], bool] = lambda heard: True
        """
        Whether the session that a request's identity assertion names is live.
        """
        self.reads_nothing = False
        self.behave()

    def buildProtocol(self, addr: object) -> Application:
        return Application(self)

    def behave(self) -> None:
        """
        Answer as an honest application does, from now on.
        """
        self.answering: Answering = honest
        self.on_accept = b""
        self.on_head: Callable[[Application], None] | None = None
        self.on_tunnel: Callable[[Application, bytes], None] = lambda application, data: None
        self.hears_out = False
        """
        Whether it goes on when the proxy has closed its direction.
        """
        if self.reads_nothing:
            self.reads_nothing = False
            for each in self.connections:
                if not each.is_lost:
                    each.transport.resumeProducing()

    def record(self, connection: Application, heard: Heard) -> Request:
        """
        Note a request.
        """
        request = Request(serial=len(self.requests), heard=heard, connection=connection)
        request.is_of_the_living = self.lives(heard)
        self.requests.append(request)
        return request

    @property
    def open_connections(self) -> int:
        """
        How many there are.
        """
        return sum(not each.is_lost for each in self.connections)

    def drop_connections(self) -> None:
        """
        Reset whatever is open.
        """
        for each in self.connections:
            if not each.is_lost:
                each.transport.abortConnection()

    def forget(self) -> None:
        """
        Have heard nothing.
        """
        self.raw = b""
        self.requests.clear()
        self.problems.clear()
        self.connections = [each for each in self.connections if not each.is_lost]
        for each in self.connections:
            each.raw = b""
            each.requests.clear()


def honest(application: Application, request: Request) -> bytes | None:
    """
    What an honest application says: what it was asked, by whom, and the request's canary.
    """
    heard = request.heard
    if heard.all("upgrade"):
        return SWITCHING
    url = urlsplit(heard.target)
    content = f"{heard.method} {heard.target}\n".encode("latin-1") + heard.content
    extra = [f"{CANARY}: {value}" for value in heard.all(CANARY)]
    if url.path == "/setcookie":
        extra.append(f"Set-Cookie: {parse_qs(url.query)['name'][0]}=planted; Path=/")
    if url.path == "/whoami":
        content = "".join(f"{email}\n" for email in heard.all("x-pomerium-claim-email")).encode("latin-1")
    head = [
        "HTTP/1.1 200 OK",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Content-Type: text/plain",
        f"Content-Length: {len(content)}",
        f"{SERIAL}: {application.recorder.name}-{request.serial}",
        *extra,
    ]
    return "\r\n".join((*head, "", "")).encode("latin-1") + (b"" if heard.method == "HEAD" else content)


def always(answer: bytes, *, closes: bool = False) -> Answering:
    """
    The same to every request.
    """

    def answering(application: Application, request: Request) -> bytes | None:
        application.transport.write(answer)
        if closes:
            application.transport.loseConnection()
        return None

    return answering


def _asks_for_tunnel(octets: bytes) -> bool:
    head, found, _ = octets.partition(b"\r\n\r\n")
    return bool(found) and re.search(rb"\r\nupgrade: *websocket(\r\n|$)", head, re.IGNORECASE) is not None


def _loose(head: bytes) -> Heard:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    fields = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
    return Heard(method, target, fields, b"")
