"""
However bytes are cut on their way, the same goes through: both sides, at every boundary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pomerium_tx.proxy.exchanges.websocket import accept_value
from tests.doubles.peers import PeerFactory, UserAgent
from tests.hostile.answers import answers
from tests.hostile.application import take
from tests.proxy.exchanges.test_tunnel import KEY
from tests.proxy.harness import UPSTREAM, ProxyTestCase

HOST = b"Host: app.example.com\r\nWho: alice\r\n"
PASSING = {"x-request-id", "date"}


@dataclass(frozen=True, slots=True)
class Conversation:
    """
    What is said on both sides.
    """

    asked: bytes
    said: bytes
    is_raw: bool = False
    """
    Whether what follows the heads is compared as it is.
    """
    closes: bool = False
    """
    Whether the application closes the connection after it.
    """


CONVERSATIONS = [
    Conversation(
        b"GET /a?b HTTP/1.1\r\n" + HOST + b"Connection: x\r\nX: 1\r\nCookie: a=b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nhello",
    ),
    Conversation(
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
    ),
    Conversation(
        b"PUT / HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        closes=True,
    ),
    Conversation(
        b"\r\nHEAD / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ),
    Conversation(
        b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    Conversation(
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nHost: evil\r\n\r\n",
        b"",
    ),
    Conversation(
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nGET /none HTTP/1.1\r\nHost: app.example.com\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
    ),
    Conversation(
        b"GET / HTTP/1.1\r\n"
        + HOST
        + b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + KEY.encode()
        + b"\r\n\r\n\x81\x85abcd\x09\x04\x0f\x0d\x0e",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: "
        + accept_value(KEY.encode())
        + b"\r\n\r\n\x81\x05hello\x88\x00",
        is_raw=True,
    ),
]


class ByteBoundaryTests(ProxyTestCase):
    """
    Conversations that are cut somewhere.
    """

    def pass_through(self, conversation: Conversation, asked: list[bytes], said: list[bytes]) -> object:
        """
        What the application heard and what the user agent got.
        """
        self.upstreams = PeerFactory()
        self.network.listen(*UPSTREAM, self.upstreams)
        agent = self.connect()
        for piece in asked:
            agent.say(piece)
            self.settle()
        if self.upstreams.peers:
            for piece in said:
                self.upstreams.last.say(piece)
                self.settle()
            if conversation.closes:
                self.upstreams.last.transport.loseConnection()
                self.settle()
        heard, got = self.upstreams.heard, agent.take()
        ended = agent.lost is not None
        self._end(agent)
        if conversation.is_raw:
            return [_without_passing(heard), _without_passing(got)]
        requests, rest = [], heard
        while taken := take(rest):
            message, rest = taken
            kept = [field for field in message.fields if field[0].lower() not in PASSING]
            requests.append((message.method, message.target, kept, message.content))
        method = "HEAD" if b"HEAD" in conversation.asked else "GET"
        answered = [
            (
                answer.status,
                {k: v for k, v in answer.fields.items() if k not in PASSING},
                answer.content if answer.status == 200 else b"",
            )
            for answer in answers(got, [method], closed=ended)
            if answer.status != 302
        ]
        self.assertTrue(answered)
        return requests, answered, ended

    def _end(self, agent: UserAgent) -> None:
        agent.transport.abortConnection()
        for peer in self.upstreams.peers:
            peer.transport.abortConnection()
        self.settle()
        self.assertEqual(self.registry.exchanges(self.session.id), ())

    def test_every_boundary(self) -> None:
        """
        Two pieces, wherever the cut is, or single bytes, on either side: the same as all at once.
        """
        for conversation in CONVERSATIONS:
            asked, said = conversation.asked, conversation.said
            whole = self.pass_through(conversation, [asked], [said])
            for pieces in _cuts(asked):
                with self.subTest(asked=pieces[0] if len(pieces) == 2 else "bytes"):
                    self.assertEqual(self.pass_through(conversation, pieces, [said]), whole)
            for pieces in _cuts(said):
                with self.subTest(asked=asked, said=pieces[0] if len(pieces) == 2 else "bytes"):
                    self.assertEqual(self.pass_through(conversation, [asked], pieces), whole)
            with self.subTest(asked=asked, cut="both in bytes"):
                self.assertEqual(self.pass_through(conversation, _bytes(asked), _bytes(said)), whole)


def _cuts(octets: bytes) -> Iterator[list[bytes]]:
    for position in range(1, len(octets)):
        yield [octets[:position], octets[position:]]
    yield _bytes(octets)


def _bytes(octets: bytes) -> list[bytes]:
    return [octets[position : position + 1] for position in range(len(octets))]


def _without_passing(octets: bytes) -> bytes:
    head, end, rest = octets.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line.partition(b":")[0].decode().lower() not in PASSING]
    return b"\r\n".join(lines) + end + rest
