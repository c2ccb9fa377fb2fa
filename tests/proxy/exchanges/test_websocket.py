"""
RFC 6455 as a tunnel sees it.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.proxy.exchanges.websocket import FrameBoundaries, accept_value, close_frame, handshake_problem


def frame(opcode: int, payload: bytes, *, fin: bool = True, mask: bytes = b"") -> bytes:
    """
    A frame as the RFC's figure has it (the payload is not masked: only its length matters here).
    """
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        length = bytes((masked | size,))
    elif size < 65_536:
        length = bytes((masked | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((masked | 127,)) + size.to_bytes(8, "big")
    return bytes(((0x80 if fin else 0) | opcode,)) + length + mask + payload


def handshake(method: bytes = b"GET", version: bytes = b"13", key: bytes = b"dGhlIHNhbXBsZSBub25jZQ==") -> RequestHead:
    """
    An opening handshake.
    """
    fields = [
        (b"sec-websocket-version", b"Sec-WebSocket-Version", version),
        (b"sec-websocket-key", b"Sec-WebSocket-Key", key),
    ]
    return RequestHead(method, b"/", 1, fields, b"a", None, False, True, b"websocket", False, frozenset((b"upgrade",)))


class HandshakeTests(SynchronousTestCase):
    """
    The opening handshake.
    """

    def test_accept(self) -> None:
        """
        The RFC's own example (section 1.3).
        """
        self.assertEqual(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_good(self) -> None:
        """
        A handshake by the book has no problem.
        """
        self.assertIsNone(handshake_problem(handshake()))

    def test_refused(self) -> None:
        """
        Another method, version or key is refused before the application sees it.
        """
        for head, status in (
            (handshake(method=b"POST"), 400),
            (handshake(version=b"12"), 426),
            (handshake(version=b"13, 8"), 426),
            (handshake(key=b"short"), 400),
            (handshake(key=b""), 400),
            (handshake(key=b"dGhlIHNhbXBsZSBub25jZQ=="[:-4]), 400),
        ):
            with self.subTest(head=head):
                problem = handshake_problem(head)
                assert problem is not None
                self.assertEqual(problem[0], status)


class CloseFrameTests(SynchronousTestCase):
    """
    The Close frame.
    """

    def test_to_user_agent(self) -> None:
        """
        Towards a user agent: code 4401 and the reason, unmasked.
        """
        self.assertEqual(close_frame(4401, b"signed out", masked=False), b"\x88\x0c\x11\x31signed out")

    def test_to_upstream(self) -> None:
        """
        Towards a server: masked, and it unmasks to the code.
        """
        written = close_frame(1001, masked=True)
        self.assertEqual(written[:2], b"\x88\x82")
        mask, masked = written[2:6], written[6:]
        self.assertEqual(bytes(a ^ b for a, b in zip(masked, mask, strict=False)), (1001).to_bytes(2, "big"))


FRAMES = st.lists(
    st.builds(
        frame,
        st.sampled_from((0, 1, 2, 8, 9, 10)),
        st.sampled_from((0, 1, 125, 126, 127, 65_535, 65_536)).map(lambda size: b"x" * size),
        fin=st.booleans(),
        mask=st.sampled_from((b"", b"mask")),
    ),
    max_size=5,
)


class FrameBoundariesTests(SynchronousTestCase):
    """
    Knowing where frames end.
    """

    def test_beginning(self) -> None:
        """
        Before the first byte there is a boundary.
        """
        self.assertTrue(FrameBoundaries().at_boundary)

    def test_every_byte(self) -> None:
        """
        A boundary is exactly after the last byte of a frame, fragments included.
        """
        frames = [frame(1, b"Hel", fin=False), frame(9, b""), frame(0, b"lo"), frame(2, b"x" * 200, mask=b"mask")]
        ends = {sum(map(len, frames[: index + 1])) for index in range(len(frames))}
        followed = FrameBoundaries()
        for position, octet in enumerate(b"".join(frames), 1):
            followed.feed(bytes((octet,)))
            self.assertEqual(followed.at_boundary, position in ends, position)

    @given(FRAMES, st.lists(st.integers(1, 70_000), max_size=6), st.integers(0, 3))
    def test_any_split(self, frames: list[bytes], cuts: list[int], missing: int) -> None:
        """
        However the bytes are split, the whole ends at a boundary, and one byte less does not.
        """
        passed = b"".join(frames)
        if not passed:
            return
        whole = passed
        passed = passed[: len(passed) - min(missing, len(frames[-1]) - 1)]
        followed = FrameBoundaries()
        position = 0
        for cut in (*cuts, len(passed)):
            followed.feed(passed[position : position + cut])
            position += cut
        followed.feed(passed[position:])
        self.assertEqual(followed.at_boundary, passed == whole)

    def test_close_seen(self) -> None:
        """
        The header of a Close frame is noticed, also split, and nothing else is taken for one.
        """
        followed = FrameBoundaries()
        followed.feed(frame(1, b"\x88\x00\x88\x02"))
        self.assertFalse(followed.close_seen)
        followed.feed(b"\x88")
        self.assertFalse(followed.close_seen)
        followed.feed(b"\x80mask")
        self.assertTrue(followed.close_seen)
