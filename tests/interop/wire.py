"""
HTTP by hand: requests without a browser's good manners, and connections whose end can be told apart.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Response:
    """
    What came back.
    """

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def location(self) -> str:
        """
        Where it sends to.
        """
        return self.headers.get("Location") or ""


def fetch(
    url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, content: bytes | None = None
) -> Response:
    """
    The answer to one request, sent to this machine whatever the name in *url*; redirects are not followed.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=content, headers={"Host": parts.netloc, **(headers or {})})
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class End(Enum):
    """
    How a connection came to its end.
    """

    CLEAN = "the peer closed in good order"
    RESET = "the peer broke it off"
    OPEN = "it did not end"


class Wire:
    """
    A connection on which a test writes what it likes.
    """

    def __init__(self, origin: str) -> None:
        self.host = urlsplit(origin).netloc
        self.received = b""
        self._socket = socket.create_connection(("127.0.0.1", urlsplit(origin).port or 80), timeout=10)

    def send(self, sent: bytes) -> None:
        """
        *sent* is on its way.
        """
        self._socket.sendall(sent)

    def request(self, target: str, *, cookie: str, method: str = "GET", fields: str = "") -> None:
        """
        The head of a request is on its way.
        """
        self.send(
            f"{method} {target} HTTP/1.1\r\nHost: {self.host}\r\nCookie: {cookie}\r\n{fields}\r\n".encode("latin-1")
        )

    def read_until(self, awaited: bytes) -> None:
        """
        *awaited* is part of what was received.
        """
        while awaited not in self.received:
            more = self._socket.recv(65536)
            if not more:
                raise AssertionError(f"the connection ended before {awaited!r} came: {self.received[-500:]!r}")
            self.received += more

    def read_to_the_end(self, patience: float = 5.0) -> End:
        """
        How the connection ends; what comes before is received.
        """
        self._socket.settimeout(patience)
        try:
            while True:
                more = self._socket.recv(65536)
                if not more:
                    return End.CLEAN
                self.received += more
        except ConnectionError:
            return End.RESET
        except TimeoutError:
            return End.OPEN

    def close(self) -> None:
        """
        It is of no more use.
        """
        self._socket.close()
