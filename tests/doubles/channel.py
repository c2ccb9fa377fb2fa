"""
A channel over memory: asks a tree of pages one request, through the real twisted.web Site and Request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from pomerium_tx.web.resource import LocalRequest, Page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.web.resource import IResource


@dataclass
class MemoryChannel:
    """
    What a `LocalRequest` needs of the connection that it came on.
    """

    site: Site
    factory: None = None
    status: int | None = None
    fields: list[tuple[str, str]] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)
    producer: Any = None
    is_done: bool = False
    is_closed: bool = False
    """
    Whether the connection ends with the answer.
    """

    @property
    def transport(self) -> MemoryChannel:
        """
        The channel is its own transport.
        """
        return self

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 50000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.2", 443)

    def isSecure(self) -> bool:
        return True

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        assert self.status is None, "A head was written twice."
        self.status = int(code)
        self.fields = [
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, values in headers.getAllRawHeaders()
            for value in values
        ]

    def write(self, content: bytes) -> None:
        self.written.append(content)

    def writeSequence(self, contents: Iterable[bytes]) -> None:
        self.written.extend(contents)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def requestDone(self, request: LocalRequest) -> None:
        self.is_done = True

    def loseConnection(self) -> None:
        self.is_done = self.is_closed = True


class _Everywhere(Resource):
    """
    One page at every path.
    """

    isLeaf = True

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def render(self, request: Request) -> int:
        return self._page.render(request)


@dataclass
class Asked:
    """
    A request that was asked, and what has been answered so far.
    """

    request: LocalRequest
    channel: MemoryChannel

    @property
    def is_done(self) -> bool:
        """
        Whether the answer is complete.
        """
        return self.channel.is_done

    @property
    def status(self) -> int:
        """
        The status, which there must be.
        """
        assert self.channel.status is not None, "Nothing has been answered."
        return self.channel.status

    @property
    def body(self) -> bytes:
        """
        The content so far.
        """
        return b"".join(self.channel.written)

    @property
    def text(self) -> str:
        """
        The content so far, as text.
        """
        return self.body.decode("utf-8")

    def headers(self, name: str) -> list[str]:
        """
        The values of one field of the answer.
        """
        return [value for key, value in self.channel.fields if key == name.lower()]

    def header(self, name: str) -> str | None:
        """
        The only value of one field of the answer.
        """
        values = self.headers(name)
        assert len(values) < 2, f"{name} was answered {len(values)} times."
        return values[0] if values else None

    def disconnect(self) -> None:
        """
        The user agent goes away.
        """
        self.request.connectionLost(Failure(ConnectionDone()))


def ask(
    root: IResource,
    target: str,
    *,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    form: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    content: bytes = b"",
    origin: str = "https://app.example.com",
    client_address: str = "192.0.2.1",
    peer_address: str = "192.0.2.1",
    request_id: str = "request-1",
    version: bytes = b"HTTP/1.1",
) -> Asked:
    """
    Ask a tree, or one page wherever its place will be, for a target.

    :param form: Fields to send as a urlencoded form, instead of *content*.
    """
    raw = Headers()
    if form is not None:
        content = urlencode(list(form.items() if isinstance(form, Mapping) else form)).encode()
        raw.addRawHeader("Content-Type", "application/x-www-form-urlencoded")
    for name, value in headers:
        raw.addRawHeader(name, value)
    channel = MemoryChannel(Site(_Everywhere(root) if isinstance(root, Page) else root, reactor=Clock()))
    request = LocalRequest(channel)
    request.origin, request.client_address, request.request_id = origin, client_address, request_id
    request.peer_address = peer_address
    request.requestHeaders = raw
    request.gotLength(len(content))
    request.handleContentChunk(content)
    request.requestReceived(method.encode(), target.encode("latin-1"), version)
    return Asked(request, channel)
