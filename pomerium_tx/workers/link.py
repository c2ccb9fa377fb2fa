"""
What parent and worker say to one another goes over this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from pomerium_tx.workers.pickling import dumps, loads

PIECE = 256 * 1024
"""
Bytes: what is longer goes in pieces, so that neither end has to hold it twice.
"""
_MORE, _LAST = b"+", b"."


class Sender(Protocol):
    """
    Where messages can be sent.
    """

    def __call__(self, message: object) -> int:
        """
        Send *message*, or nothing if the link is broken; the bytes that it takes.
        """


class Link(Int32StringReceiver):
    """
    A stream of messages, in both directions.

    :param received: Told each message, in order.
    :param lost: Told once that there will be no other.
    """

    MAX_LENGTH = PIECE + 1

    def __init__(self, received: Callable[[Any], object], lost: Callable[[], object]) -> None:
        self._received = received
        self._lost = lost
        self._pieces: list[bytes] = []
        self.is_broken = False

    def send(self, message: object) -> int:
        """
        Send *message*, or nothing if the link is broken; the bytes that it takes.
        """
        content = dumps(message)
        if not self.is_broken:
            last = max(0, len(content) - 1) // PIECE * PIECE
            for start in range(0, last + 1, PIECE):
                self.sendString((_LAST if start == last else _MORE) + content[start : start + PIECE])  # type: ignore[no-untyped-call] # Twisted's own
        return len(content)

    def close(self) -> None:
        """
        Say nothing more, once all that was said has gone out.
        """
        assert self.transport is not None
        self.transport.loseConnection()

    def stringReceived(self, string: bytes) -> None:
        if self.is_broken:
            return
        self._pieces.append(string[1:])
        if string[:1] == _LAST:
            content = b"".join(self._pieces)
            self._pieces.clear()
            self._received(loads(content))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_broken = True
        self._pieces.clear()
        self._lost()
