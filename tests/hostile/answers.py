"""
What came back on a connection, taken apart by a reader that is not ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import h11


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A final answer.
    """

    status: int
    fields: dict[str, str]
    content: bytes
    lines: tuple[tuple[str, str], ...] = ()
    """
    The fields as they came, with those that came more than once.
    """


_HEADERS = [("Host", "x"), ("Connection", "upgrade"), ("Upgrade", "x")]
"""
With these the reader also understands an answer that switches protocols.
"""


def answers(octets: bytes, methods: list[str], *, closed: bool) -> tuple[Answer, ...]:
    """
    The complete final answers in *octets*, as h11 reads them.

    :param methods: What was asked, in order; where it ends, GET.
    :raises h11.RemoteProtocolError: If that is not HTTP.
    """
    found: list[Answer] = []
    rest = octets
    while rest:
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=method, target="/", headers=_HEADERS))
        reader.send(h11.EndOfMessage())
        reader.receive_data(rest)
        if closed:
            reader.receive_data(b"")
        answer = _next(reader)
        if answer is None:
            break
        found.append(answer)
        rest = b"" if answer.status == 101 else reader.trailing_data[0]
    return tuple(found)


def _next(reader: h11.Connection) -> Answer | None:
    head: h11.Response | None = None
    content = b""
    while True:
        event = reader.next_event()
        if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
            return _answer(event, reader.trailing_data[0])
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return _answer(head, content)
        elif event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return None


def _answer(head: h11.Response | h11.InformationalResponse, content: bytes) -> Answer:
    lines = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items())
    return Answer(head.status_code, {name.lower(): value for name, value in lines}, content, lines)
