"""
The server's side of the WebSocket protocol, RFC 6455: handshake and frames, without I/O.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from pomerium_tx.http11.heads import RequestHead

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONGEST_MESSAGE = 65536
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


class Opcode(IntEnum):
    """
    What a frame is (section 5.2).
    """

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class InvalidFrame(Exception):
    """
    What the peer sent is not the protocol; *code* says so in a Close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A whole message, put together from its fragments, or a control frame.
    """

    opcode: Opcode
    payload: bytes = field(repr=False)


def handshake_refusal(head: RequestHead) -> tuple[int, list[tuple[bytes, bytes]]] | None:
    """
    Status and fields of the answer to a handshake that is not one (section 4.2.1).
    """
    if head.upgrade != b"websocket":
        return 426, [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
    if head.get(b"sec-websocket-version") != b"13":
        return 426, [(b"Sec-WebSocket-Version", b"13")]
    try:
        key = base64.b64decode(head.get(b"sec-websocket-key") or b"", validate=True)
    except binascii.Error:
        key = b""
    return None if len(key) == 16 else (400, [])


def accept_value(key: bytes) -> bytes:
    """
    The ``Sec-WebSocket-Accept`` for a ``Sec-WebSocket-Key`` (section 4.2.2).
    """
    # Section 1.3 prescribes SHA-1; nothing is secret here.
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """
    One unmasked, unfragmented frame.
    """
    length = len(payload)
    if length < 126:
        size = bytes([length])
    elif length < 65536:
        size = b"\x7e" + length.to_bytes(2, "big")
    else:
        size = b"\x7f" + length.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + size + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """
    A Close frame that says why.
    """
    return frame(Opcode.CLOSE, code.to_bytes(2, "big") + reason.encode("utf-8"))


class FrameReader:
    """
    Makes messages of what a client sends, in whatever pieces it arrives.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._fragments: bytearray | None = None
        self._opcode = Opcode.TEXT
        self._closed = False

    def feed(self, content: bytes) -> list[Message]:
        """
        The messages that *content* completes; nothing is read after a Close.

        :raises InvalidFrame: If the client does not keep to the protocol.
        """
        self._buffer += content
        messages = []
        while not self._closed:
            taken = self._take_frame()
            if taken is None:
                break
            message = self._message(*taken)
            if message is not None:
                self._closed = message.opcode is Opcode.CLOSE
                messages.append(message)
        return messages

    def _take_frame(self) -> tuple[bool, Opcode, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        is_final, opcode = bool(buffer[0] & 0x80), _opcode(buffer[0])
        if not buffer[1] & 0x80:
            raise InvalidFrame(1002, "a frame is not masked")
        length, start = buffer[1] & 0x7F, 2
        if opcode >= Opcode.CLOSE and (length > 125 or not is_final):
            raise InvalidFrame(1002, "a control frame is too long or fragmented")
        if length >= 126:
            width = 2 if length == 126 else 8
            start += width
            if len(buffer) < start:
                return None
            length = int.from_bytes(buffer[2:start], "big")
        if length + len(self._fragments or b"") > LONGEST_MESSAGE:
            raise InvalidFrame(1009, "the message is too long")
        end = start + 4 + length
        if len(buffer) < end:
            return None
        payload = _unmasked(bytes(buffer[start + 4 : end]), bytes(buffer[start : start + 4]))
        del buffer[:end]
        return is_final, opcode, payload

    def _message(self, is_final: bool, opcode: Opcode, payload: bytes) -> Message | None:
        if opcode >= Opcode.CLOSE:
            if opcode is Opcode.CLOSE:
                _check_close(payload)
            return Message(opcode=opcode, payload=payload)
        if (opcode is Opcode.CONTINUATION) == (self._fragments is None):
            raise InvalidFrame(1002, "a fragment is out of place")
        if self._fragments is None:
            self._opcode, self._fragments = opcode, bytearray()
        self._fragments += payload
        if not is_final:
            return None
        whole, self._fragments = bytes(self._fragments), None
        if self._opcode is Opcode.TEXT:
            _check_utf8(whole)
        return Message(opcode=self._opcode, payload=whole)


def _opcode(first: int) -> Opcode:
    if first & 0x70:
        raise InvalidFrame(1002, "a reserved bit is set")
    try:
        return Opcode(first & 0x0F)
    except ValueError:
        raise InvalidFrame(1002, "the opcode is reserved") from None


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    if not payload:
        return b""
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def _check_close(payload: bytes) -> None:
    if not payload:
        return
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
        raise InvalidFrame(1002, "the close code is not one that may be sent")
    _check_utf8(payload[2:])


def _check_utf8(payload: bytes) -> None:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidFrame(1007, "the text is not UTF-8") from None
