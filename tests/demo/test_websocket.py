"""
Tests for `pomerium_tx.demo.websocket`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.websocket import (
    LONGEST_MESSAGE,
    FrameReader,
    InvalidFrame,
    Message,
    Opcode,
    accept_value,
    close_frame,
    frame,
    handshake_refusal,
)
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader


def masked(first: int, payload: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """
    A client's frame.
    """
    plain = frame(Opcode.TEXT, payload)
    header = bytes([first, plain[1] | 0x80]) + plain[2 : len(plain) - len(payload)]
    return header + mask + bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))


TEXT, FINAL_TEXT, BINARY, CONTINUATION, FINAL_CONTINUATION = 0x01, 0x81, 0x82, 0x00, 0x80
CLOSE, PING, PONG = 0x88, 0x89, 0x8A


class HandshakeTests(SynchronousTestCase):
    """
    The opening handshake.
    """

    def head(self, **changes: bytes | None) -> RequestHead:
        """
        A good handshake, but for *changes*; None leaves a field out.
        """
        fields: dict[str, bytes | None] = {
            "Host": b"chat.localhost",
            "Connection": b"Upgrade",
            "Upgrade": b"websocket",
            "Sec-WebSocket-Version": b"13",
            "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
        }
        fields |= {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [b"%s: %s\r\n" % (name.encode(), value) for name, value in fields.items() if value is not None]
        head = RequestReader(HeadLimits()).feed(b"GET /ws HTTP/1.1\r\n%s\r\n" % b"".join(lines))[0]
        assert isinstance(head, RequestHead), head
        return head

    def test_accept(self) -> None:
        """
        The answer to the example of section 1.3 is that of section 1.3.
        """
        self.assertEqual(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_good(self) -> None:
        """
        A good handshake is not refused.
        """
        self.assertIsNone(handshake_refusal(self.head()))

    def test_refused(self) -> None:
        """
        What is no handshake gets the status that says so.
        """
        table: list[tuple[int, dict[str, bytes | None]]] = [
            (426, {"Upgrade": None}),
            (426, {"Sec_WebSocket_Version": b"8"}),
            (426, {"Sec_WebSocket_Version": None}),
            (400, {"Sec_WebSocket_Key": None}),
            (400, {"Sec_WebSocket_Key": b"c2hvcnQ="}),
            (400, {"Sec_WebSocket_Key": b"!!!"}),
        ]
        for status, changes in table:
            with self.subTest(changes=changes):
                refusal = handshake_refusal(self.head(**changes))
                assert refusal is not None
                self.assertEqual(refusal[0], status)


class FrameReaderTests(SynchronousTestCase):
    """
    What a client sends.
    """

    def test_messages(self) -> None:
        """
        Text, binary, control frames between fragments: all arrive, however they are cut.
        """
        wire = b"".join(
            [
                masked(FINAL_TEXT, b"one"),
                masked(TEXT, "t\u00fcr".encode()[:2]),
                masked(PING, b"?"),
                masked(CONTINUATION, "t\u00fcr".encode()[2:]),
                masked(FINAL_CONTINUATION, b""),
                masked(BINARY, bytes(range(256)) * 200),
                masked(CLOSE, b"\x03\xe8bye"),
                b"what comes after is not read",
            ]
        )
        expected = [
            Message(opcode=Opcode.TEXT, payload=b"one"),
            Message(opcode=Opcode.PING, payload=b"?"),
            Message(opcode=Opcode.TEXT, payload="t\u00fcr".encode()),
            Message(opcode=Opcode.BINARY, payload=bytes(range(256)) * 200),
            Message(opcode=Opcode.CLOSE, payload=b"\x03\xe8bye"),
        ]
        self.assertEqual(FrameReader().feed(wire), expected)
        reader, messages = FrameReader(), []
        for octet in wire:
            messages += reader.feed(bytes([octet]))
        self.assertEqual(messages, expected)

    def test_refused(self) -> None:
        """
        What is not the protocol is refused with the code that the protocol has for it.
        """
        table = [
            (1002, frame(Opcode.TEXT, b"not masked")),
            (1002, masked(0xC1, b"reserved bit")),
            (1002, masked(0x83, b"reserved opcode")),
            (1002, masked(FINAL_CONTINUATION, b"nothing to continue")),
            (1002, masked(TEXT, b"a") + masked(FINAL_TEXT, b"b")),
            (1002, masked(0x09, b"fragmented ping")),
            (1002, masked(PING, b"x" * 126)),
            (1002, masked(CLOSE, b"\x03")),
            (1002, masked(CLOSE, b"\x03\xed")),
            (1002, masked(CLOSE, b"\x00\x00")),
            (1007, masked(CLOSE, b"\x03\xe8\xff")),
            (1007, masked(FINAL_TEXT, b"\xff")),
            (1009, masked(FINAL_TEXT, b"x" * (LONGEST_MESSAGE + 1))),
            (1009, masked(TEXT, b"x" * LONGEST_MESSAGE) + masked(FINAL_CONTINUATION, b"x")),
            (1009, b"\x81\xff\x7f" + b"\xff" * 7),
        ]
        for code, wire in table:
            with self.subTest(code=code, wire=wire[:12]):
                self.assertEqual(self.assertRaises(InvalidFrame, FrameReader().feed, wire).code, code)

    def test_close_codes(self) -> None:
        """
        Ours and every application's code may be sent.
        """
        for code in (1000, 1001, 3000, 4401, 4999):
            [message] = FrameReader().feed(masked(CLOSE, code.to_bytes(2, "big")))
            self.assertIs(message.opcode, Opcode.CLOSE)

    def test_anything(self) -> None:
        """
        No bytes cause anything but messages or a refusal.
        """

        @given(st.binary(max_size=200))
        def check(wire: bytes) -> None:
            try:
                FrameReader().feed(wire)
            except InvalidFrame:
                pass

        check()


class FrameTests(SynchronousTestCase):
    """
    What is sent to a client.
    """

    def test_lengths(self) -> None:
        """
        The length takes one, three or nine bytes.
        """
        table = [(125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65536, b"\x81\x7f" + (65536).to_bytes(8, "big"))]
        for length, header in table:
            with self.subTest(length=length):
                self.assertEqual(frame(Opcode.TEXT, b"x" * length), header + b"x" * length)

    def test_close(self) -> None:
        """
        A Close frame has code and reason.
        """
        self.assertEqual(close_frame(4401, "signed out"), b"\x88\x0c\x11\x31signed out")
