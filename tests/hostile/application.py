"""
An application that answers as Http11Probe wants it to, and believes nothing that is not canonical.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from twisted.internet.protocol import Factory, Protocol

MARK = "x-application"
"""
The field by which an answer is known to be the application's.
"""

_HEAD = re.compile(
    rb"(?P<method>[A-Z]+(?:-[A-Z]+)?) (?P<target>/[!-~]*|\*) HTTP/1\.1\r\n"
    rb"(?P<fields>(?:[A-Za-z0-9!#$%&'*+.^`|~-]+: (?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)+)\r\n"
)
_ONCE = ("host", "via", "x-forwarded-for", "x-forwarded-proto", "x-request-id")
_NEVER = ("te", "trailer", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade", "http2-settings")


@dataclass(frozen=True, slots=True)
class Heard:
    """
    One complete request.
    """

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    content: bytes

    def all(self, name: str) -> list[str]:
        """
        The values of a field.
        """
        return [value for key, value in self.fields if key.lower() == name]


class NotCanonical(AssertionError):
    """
    The proxy sent what no application should have to understand.
    """


def take(octets: bytes) -> tuple[Heard, bytes] | None:
    """
    The first request of *octets*, and the rest; None if it is not complete.

    :raises NotCanonical: If it is not in the one form that the proxy writes.
    """
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        return None
    match = _HEAD.fullmatch(octets, 0, end + 4)
    if match is None:
        raise NotCanonical(f"a head in another form: {octets[: end + 4]!r}")
    lines = match["fields"].decode("latin-1").split("\r\n")[:-1]
    fields = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
    heard = Heard(match["method"].decode(), match["target"].decode(), fields, b"")
    for name in _ONCE:
        if len(heard.all(name)) != 1:
            raise NotCanonical(f"{name} is there {len(heard.all(name))} times: {octets[: end + 4]!r}")
    for name in _NEVER:
        if heard.all(name):
            raise NotCanonical(f"{name} was passed on: {octets[: end + 4]!r}")
    lengths, codings = heard.all("content-length"), heard.all("transfer-encoding")
    rest = octets[end + 4 :]
    if len(lengths) + len(codings) > 1 or codings not in ([], ["chunked"]):
        raise NotCanonical(f"framed more than once: {octets[: end + 4]!r}")
    if codings:
        taken = _chunked(rest)
        if taken is None:
            return None
        content, rest = taken
    else:
        size = 0
        if lengths:
            if not re.fullmatch("0|[1-9][0-9]*", lengths[0]):
                raise NotCanonical(f"a length in another form: {lengths[0]!r}")
            size = int(lengths[0])
        if len(rest) < size:
            return None
        content, rest = rest[:size], rest[size:]
    return Heard(heard.method, heard.target, fields, content), rest


def _chunked(octets: bytes) -> tuple[bytes, bytes] | None:
    content = b""
    while True:
        line, found, octets = octets.partition(b"\r\n")
        if not found:
            return None
        if not re.fullmatch(rb"0|[1-9a-f][0-9a-f]*", line):
            raise NotCanonical(f"a chunk in another form: {line!r}")
        size = int(line, 16)
        if len(octets) < size + 2:
            return None
        if octets[size : size + 2] != b"\r\n":
            raise NotCanonical("a chunk that does not end where it said")
        content, octets = content + octets[:size], octets[size + 2 :]
        if size == 0:
            return content, octets


def answer(heard: Heard) -> bytes:
    """
    The answer to a request: ``/echo`` tells the fields, everything else the content.
    """
    if heard.target.startswith("/echo"):
        content = "".join(f"{name}: {value}\n" for name, value in heard.fields).encode("latin-1")
    elif heard.target.startswith("/cookie"):
        content = "\n".join(heard.all("cookie")).encode("latin-1")
    else:
        content = heard.content or b"OK"
    lines = [
        "HTTP/1.1 200 OK",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Content-Type: text/plain",
        f"Content-Length: {len(content)}",
        f"{MARK}: yes",
    ]
    if heard.method == "OPTIONS":
        lines.append("Allow: GET, HEAD, POST, OPTIONS")
    head = "\r\n".join((*lines, "", "")).encode()
    return head if heard.method == "HEAD" else head + content


class Application(Protocol):
    """
    One connection from the proxy.
    """

    transport: Any

    def __init__(self, applications: Applications) -> None:
        self._applications = applications
        self._rest = b""

    def dataReceived(self, data: bytes) -> None:
        self._applications.raw += data
        self._rest += data
        try:
            while taken := take(self._rest):
                heard, self._rest = taken
                self._applications.heard.append(heard)
                self.transport.write(answer(heard))
        except NotCanonical as problem:
            self._applications.problems.append(problem)
            self.transport.abortConnection()


class Applications(Factory):
    """
    Everything that one route's application heard.
    """

    noisy = False

    def __init__(self) -> None:
        self.raw = b""
        self.heard: list[Heard] = []
        self.problems: list[NotCanonical] = []

    def buildProtocol(self, addr: object) -> Application:
        return Application(self)
