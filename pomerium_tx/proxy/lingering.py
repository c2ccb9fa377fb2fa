"""
How a connection from a user agent ends in order.

RFC 9112 section 9.6. Whoever closes while bytes are still coming makes the kernel send a reset, which may overtake the
answer. So our direction is closed first, and what comes is read and discarded for a while: as long as it keeps coming,
but for a bounded time, and for a bounded number of bytes; what is more stays where it is, in the kernels.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.proxy.deadlines import NEVER
from pomerium_tx.proxy.transports import can_half_close, owes_bytes

QUIET_SECONDS = 2.0
"""
Without a byte, after which nothing more is expected.
"""
LONGEST_SECONDS = 30.0
MOST_BYTES = 1 << 20


class Lingering:
    """
    The end of one connection.

    :param heard_out: Whether the user agent has closed its direction, so that nothing can come.
    """

    __slots__ = ("_came", "_last", "_since", "_transport")

    def __init__(self, transport: Any, now: float, *, heard_out: bool) -> None:
        self._transport = transport
        self._since = self._last = now
        self._came = 0
        if can_half_close(transport) and not heard_out:
            transport.loseWriteConnection()
        else:
            transport.loseConnection()

    def discard(self, size: int, now: float) -> None:
        """
        *size* bytes have come, which nobody reads.
        """
        self._last = now
        self._came += size
        if self._came > MOST_BYTES:
            self._transport.pauseProducing()

    def check(self, now: float, patience: float) -> float:
        """
        End the connection if it is time to; answer when to look again.

        :param patience: Seconds that the user agent has to take the answer.
        """
        transport = self._transport
        if owes_bytes(transport):
            if now < self._since + patience:
                return now + QUIET_SECONDS
            transport.abortConnection()
        elif self._came <= MOST_BYTES and now < min(self._last + QUIET_SECONDS, self._since + LONGEST_SECONDS):
            return now + QUIET_SECONDS
        elif can_half_close(transport):
            transport.loseConnection()
        else:
            # TLS waits for the peer's close_notify, which may never come.
            transport.abortConnection()
        return NEVER
