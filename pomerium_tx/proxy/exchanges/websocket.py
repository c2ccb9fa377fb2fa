"""
What a tunnel must know of RFC 6455: the opening handshake, where frames end, and how a Close frame looks.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha1

from pomerium_tx.http11.heads import RequestHead, ResponseHead

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = 0x8

SIGNED_OUT = 4401
"""
The close code that a page sees when its session has ended.
"""
NOT_ADMITTED = 1008
"""
A policy violation: the session lives, and may not be here any more. Whoever signs in again is none the wiser.
"""
GOING_AWAY = 1001


def handshake_problem(head: RequestHead) -> tuple[int, str] | None:
    """
    The status and the reason with which the opening handshake in *head* is refused, or `None` (section 4.2.1).
    """
    if head.method != b"GET":
        return 400, "A WebSocket handshake must be a GET request."
    if head.get_all(b"sec-websocket-version") != [b"13"]:
        return 426, "Only version 13 of the WebSocket protocol is spoken here."
    keys = head.get_all(b"sec-websocket-key")
    try:
        if len(keys) == 1 and len(b64decode(keys[0], validate=True)) == 16:
            return None
    except NotBase64:
        pass
    return 400, "The Sec-WebSocket-Key of the handshake is malformed."


def accept_value(key: bytes) -> bytes:
    """
    The ``Sec-WebSocket-Accept`` that answers *key* (section 4.2.2).
    """
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def granted_protocol(asked: RequestHead, granted: ResponseHead) -> bytes | None:
    """
    The protocol that a 101 switches to, if that is what was asked for and the upstream proves it (section 4.1).
    """
    key = asked.get(b"sec-websocket-key")
    if asked.upgrade is None or granted.upgrade != asked.upgrade or key is None:
        return None
    proofs = granted.get_all(b"sec-websocket-accept")
    return asked.upgrade if proofs == [accept_value(key)] else None


def close_frame(code: int, reason: bytes = b"", *, masked: bool) -> bytes:
    """
    A Close frame (section 5.5.1), masked when it goes to a server.
    """
    payload = code.to_bytes(2, "big") + reason
    if not masked:
        return bytes((0x80 | _CLOSE, len(payload))) + payload
    mask = os.urandom(4)
    return (
        bytes((0x80 | _CLOSE, 0x80 | len(payload)))
        + mask
        + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    )


class FrameBoundaries:
    """
    Follows one direction of a WebSocket and knows whether it stands between two frames.

    Fragments of one message are frames of their own: between them a control frame may be sent.
    """

    __slots__ = ("_header", "_payload", "close_seen")

    def __init__(self) -> None:
        self._header = b""
        self._payload = 0
        self.close_seen = False
        """
        Whether the header of a Close frame has passed.
        """

    @property
    def at_boundary(self) -> bool:
        """
        Whether the last byte that passed was the last byte of a frame, or none has passed.
        """
        return not self._payload and not self._header

    def feed(self, passed: bytes) -> None:
        """
        *passed* has gone by.
        """
        position, end = 0, len(passed)
        while position < end:
            if self._payload:
                step = min(self._payload, end - position)
                self._payload -= step
                position += step
                continue
            # A header has at most 14 bytes.
            header = self._header + passed[position : position + 14 - len(self._header)]
            size = _header_size(header)
            if size is None or len(header) < size:
                self._header = header
                return
            position += size - len(self._header)
            self._header = b""
            self._payload = _payload_size(header)
            if header[0] & 0x0F == _CLOSE:
                self.close_seen = True


def _header_size(header: bytes) -> int | None:
    if len(header) < 2:
        return None
    length = header[1] & 0x7F
    extended = 2 if length == 126 else 8 if length == 127 else 0
    return 2 + extended + (4 if header[1] & 0x80 else 0)


def _payload_size(header: bytes) -> int:
    length = header[1] & 0x7F
    if length == 126:
        return int.from_bytes(header[2:4], "big")
    if length == 127:
        return int.from_bytes(header[2:10], "big")
    return length
