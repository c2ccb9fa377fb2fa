"""
HTTP by hand: requests without a browser's good manners, and connections whose end can be told apart.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

PATIENCE = 10.0


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


def _secured(connected: socket.socket, host: str) -> ssl.SSLSocket:
    """
    TLS with whoever is at the other end, under that name.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connected, server_hostname=host)


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    port: int | None = None,
) -> Response:
    """
    The answer to one request, sent to this machine whatever the name in *url*; redirects are not followed.

    :param port: Where on this machine, if not at the port that *url* names.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", port or parts.port or 80, timeout=PATIENCE)
    try:
        if parts.scheme == "https":
            connection.connect()
            connection.sock = _secured(connection.sock, parts.hostname or "")
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
        self._socket = socket.create_connection(("127.0.0.1", urlsplit(origin).port or 80), timeout=PATIENCE)

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
        until = time.monotonic() + PATIENCE
        while awaited not in self.received:
            more = self._socket.recv(65536) if time.monotonic() < until else b""
            if not more:
                raise AssertionError(f"{awaited!r} did not come, but {self.received[-500:]!r}")
            self.received += more

    def read_to_the_end(self, patience: float = 5.0) -> End:
        """
        How the connection ends; what comes before is received.
        """
        until = time.monotonic() + patience
        try:
            while (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                more = self._socket.recv(65536)
                if not more:
                    return End.CLEAN
                self.received += more
        except ConnectionError:
            return End.RESET
        except TimeoutError:
            pass
        return End.OPEN

    def close(self) -> None:
        """
        It is of no more use.
        """
        self._socket.close()
