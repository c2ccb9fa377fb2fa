"""
The same bytes as other servers read them.
"""

from __future__ import annotations

from dataclasses import dataclass

import h11
from twisted.internet.testing import StringTransport
from twisted.web.http import HTTPChannel, Request

from tests.hostile.application import take


@dataclass(frozen=True, slots=True)
class Read:
    """
    One request, as somebody has understood it.
    """

    method: str
    target: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    """
    By lower-case name, in alphabetical order; the values of each in theirs.
    """
    content: bytes


def read_of(method: str, target: str, pairs: list[tuple[str, str]], content: bytes) -> Read:
    """
    What was read, in a form that can be compared.
    """
    by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        by_name.setdefault(name.lower(), []).append(value)
    return Read(method, target, tuple(sorted((name, tuple(values)) for name, values in by_name.items())), content)


def by_the_letter(octets: bytes) -> list[Read]:
    """
    As the application of these tests reads, which takes nothing but the one form that we write.
    """
    found, rest = [], octets
    while rest:
        taken = take(rest)
        assert taken is not None, "not complete"
        heard, rest = taken
        found.append(read_of(heard.method, heard.target, list(heard.fields), heard.content))
    return found


def by_h11(octets: bytes) -> list[Read]:
    """
    As h11 reads.
    """
    found, rest = [], octets
    while rest:
        reader = h11.Connection(h11.SERVER)
        reader.receive_data(rest)
        head = reader.next_event()
        assert isinstance(head, h11.Request), head
        content = b""
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data), event
            content += bytes(event.data)
        assert not list(event.headers), "there are trailers"
        pairs = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in head.headers]
        found.append(read_of(head.method.decode(), head.target.decode("latin-1"), pairs, content))
        rest = reader.trailing_data[0]
    return found


def by_twisted(octets: bytes) -> list[Read]:
    """
    As Twisted's server reads.
    """
    found: list[Read] = []

    class Reading(Request):
        """
        Keeps what it is.
        """

        def process(self) -> None:
            fields = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, values in self.requestHeaders.getAllRawHeaders()
                for value in values
            ]
            assert self.content is not None
            method, uri = self.method.decode("latin-1"), self.uri.decode("latin-1")
            found.append(read_of(method, uri, fields, self.content.read()))
            self.finish()

    channel = HTTPChannel()
    channel.requestFactory = Reading
    channel.timeOut = None
    channel.makeConnection(StringTransport())
    channel.dataReceived(octets)
    return found
