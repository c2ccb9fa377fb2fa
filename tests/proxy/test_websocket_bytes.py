"""
A WebSocket passes byte for byte, whatever its frames are, and whether they are good or not.
"""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pomerium_tx.proxy.exchanges.websocket import accept_value
from tests.doubles.peers import Peer, PeerFactory, UserAgent, request
from tests.proxy.exchanges.test_tunnel import CLOSE_1008, GRANTED, HANDSHAKE, KEY
from tests.proxy.harness import UPSTREAM, ProxyTestCase

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
LENGTHS = (0, 1, 124, 125, 126, 127, 128, 255, 256, 65_535, 65_536, 70_000)
CLOSE_CODES = (0, 999, 1000, 1001, 1005, 1006, 1009, 1015, 2999, 3000, 4401, 5000, 65_535)
BAD_TEXTS = (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80", b"\xff\xfe", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82")


def frame(first: int, payload: bytes, mask: bytes | None = None, *, length_bytes: int | None = None) -> bytes:
    """
    A frame (RFC 6455 section 5.2), as it may or may not be.

    :param length_bytes: How many bytes the length takes, if not the fewest.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65_536 else 8
    second = (0x80 if mask is not None else 0) | {0: size, 2: 126, 8: 127}[length_bytes]
    head = bytes((first, second)) + (size.to_bytes(length_bytes, "big") if length_bytes else b"")
    if mask is None:
        return head + payload
    return head + mask + bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload[:300])) + payload[300:]


FRAMES = st.builds(
    frame,
    st.integers(0, 255),
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from(LENGTHS).map(lambda length: b"x" * length),
        st.sampled_from(CLOSE_CODES).map(lambda code: code.to_bytes(2, "big") + b"bye"),
        st.sampled_from(BAD_TEXTS),
    ),
    st.one_of(st.none(), st.binary(min_size=4, max_size=4)),
)
SAID = st.lists(st.tuples(st.booleans(), FRAMES), max_size=12)


class WebSocketBytesTests(ProxyTestCase):
    """
    Both directions, compared with what was said.
    """

    def open(self) -> tuple[UserAgent, Peer]:
        """
        Both ends of a new WebSocket.
        """
        self.upstreams = PeerFactory()
        self.network.listen(*UPSTREAM, self.upstreams)
        agent = self.connect()
        agent.ask(request("GET", "/ws", "app.example.com", *HANDSHAKE))
        upstream = self.upstreams.last
        upstream.take()
        upstream.say(GRANTED % accept_value(KEY.encode()))
        self.settle()
        agent.take()
        return agent, upstream

    def assert_same(self, said: list[tuple[bool, bytes]], cut: random.Random | None = None) -> None:
        """
        What either end says arrives at the other, in whatever pieces it goes.
        """
        agent, upstream = self.open()
        from_agent, from_upstream = b"", b""
        for by_agent, octets in said:
            pieces = [octets]
            if cut is not None and octets:
                places = sorted(cut.randrange(len(octets)) for _ in range(3))
                pieces = [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)], strict=True)]
            for piece in pieces:
                (agent if by_agent else upstream).say(piece)
                self.settle()
            from_agent, from_upstream = from_agent + by_agent * octets, from_upstream + (not by_agent) * octets
        # Not assertEqual, which takes its time to show where megabytes differ.
        self.assertTrue(upstream.take() == from_agent, "what the user agent said")
        self.assertTrue(agent.take() == from_upstream, "what the application said")
        self.assertIsNone(agent.lost)
        self.assertIsNone(upstream.lost)
        agent.transport.abortConnection()
        self.settle()
        self.assertEqual(self.registry.exchanges(self.session.id), ())

    def test_every_kind(self) -> None:
        """
        Every opcode with every combination of FIN and reserved bits, masked or not, and lengths around every limit.
        """
        said = []
        for first in range(256):
            for mask in (None, b"\1\2\3\4"):
                said += [(True, frame(first, b"hello", mask)), (False, frame(first, b"hello", mask))]
        self.assert_same(said)
        for length in LENGTHS:
            self.assert_same([(by, frame(FIN | BINARY, b"x" * length, b"abcd")) for by in (True, False)])
        for length_bytes in (2, 8):
            self.assert_same([(by, frame(FIN | TEXT, b"few", length_bytes=length_bytes)) for by in (True, False)])

    def test_messages(self) -> None:
        """
        Fragments with control frames between them, permessage-deflate, bad UTF-8, and every kind of Close.
        """
        deflated = bytes.fromhex("f248cdc9c90700")
        sequence = [
            frame(TEXT, b"he"),
            frame(FIN | PING, b"now"),
            frame(CONTINUATION, b"l"),
            frame(FIN | PONG, b""),
            frame(FIN | CONTINUATION, b"lo"),
            frame(FIN | RSV1 | TEXT, deflated),
            frame(RSV1 | TEXT, deflated[:3]),
            frame(FIN | CONTINUATION, deflated[3:]),
            frame(FIN | RSV2 | RSV3 | BINARY, b"?"),
            *(frame(FIN | TEXT, text) for text in BAD_TEXTS),
            *(frame(FIN | CLOSE, code.to_bytes(2, "big") + b"x" * 123) for code in CLOSE_CODES),
            frame(FIN | CLOSE, b""),
            frame(FIN | CLOSE, b"\3"),
            frame(CLOSE, b""),
            frame(FIN | PING, b"x" * 126),
        ]
        for by_agent in (True, False):
            self.assert_same([(by_agent, each) for each in sequence])
            self.assert_same([(by_agent, each) for each in sequence], random.Random(6455))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(said=SAID, seed=st.integers(0, 1 << 16))
    def test_anything(self, said: list[tuple[bool, bytes]], seed: int) -> None:
        """
        Any frames, in any pieces, by turns.
        """
        self.assert_same(said, random.Random(seed))

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(said=st.lists(st.binary(max_size=60), max_size=10))
    def test_no_frames(self, said: list[bytes]) -> None:
        """
        Even what is no WebSocket at all.
        """
        self.assert_same([(index % 2 == 0, octets) for index, octets in enumerate(said)])

    def test_told_between_frames_only(self) -> None:
        """
        After any sequence of whole frames the end of the session is told; after a part of one it is not.
        """
        octets = frame(FIN | BINARY, b"x" * 130) + frame(TEXT, b"y")
        ends = (134, 137)
        for cut in range(len(octets) + 1):
            with self.subTest(cut=cut):
                agent, upstream = self.open()
                upstream.say(octets[:cut])
                self.settle()
                agent.take()
                told = cut in (0, *ends)
                for exchange in self.registry.exchanges(self.session.id):
                    exchange.cut(None)
                self.settle()
                self.assertEqual(agent.take(), CLOSE_1008 if told else b"")
