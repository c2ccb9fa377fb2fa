"""
What the data path must know of a Twisted transport beyond its interfaces.

Twisted has no public way to ask whether a transport still holds bytes, and the Close frame of a signed-out WebSocket
may only be written when it does not. The private names are used here and nowhere else, and a test pins them.
"""

from __future__ import annotations

import fcntl
import sys
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.protocols.tls import TLSMemoryBIOProtocol

from pomerium_tx.tls.client_certificate import Shown
from pomerium_tx.tls.transport import RECORD, EncryptedServer

_SIOCOUTQNSD = 0x894B
"""
Linux (tcp(7)): how many bytes of the send queue have not been sent.
"""
_CAN_BE_ASKED = sys.platform.startswith("linux")
_NO_BYTES = bytes(4)
ALL = 1 << 62
"""
More bytes than anybody writes.
"""


def holds_unsent_bytes(transport: Any) -> bool:
    """
    Whether *transport* has bytes that it has not handed to the kernel; true of a transport that cannot be asked.
    """
    if isinstance(transport, TLSMemoryBIOProtocol):
        aggregated = getattr(getattr(transport, "_aggregator", None), "_buffer", ())
        if transport._appSendBuffer or aggregated:
            return True
        return holds_unsent_bytes(transport.transport)
    if isinstance(transport, FileDescriptor):
        return len(transport.dataBuffer) > transport.offset or transport._tempDataLen > 0
    return bool(getattr(transport, "unsent", True))


def owes_bytes(transport: Any) -> bool:
    """
    Whether bytes that were written to *transport* have not been sent, here or in the kernel.

    A reader that pauses leaves them there, and would still get them after an orderly close.
    """
    return holds_unsent_bytes(transport) or _unsent_in_kernel(transport) > 0


def bytes_owed(transport: Any) -> int:
    """
    Of how many bytes, at most, of those that were written to *transport* last the same is true: what encryption adds
    is counted too, and what cannot be asked owes all.
    """
    if isinstance(transport, TLSMemoryBIOProtocol):
        return ALL if owes_bytes(transport) else 0
    if not isinstance(transport, FileDescriptor):
        return int(getattr(transport, "unsent", ALL))
    here = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    in_kernel = _unsent_in_kernel(transport)
    if in_kernel and isinstance(transport, EncryptedServer):
        # Of the record whose end is among them nothing can be read before that has come.
        in_kernel += RECORD
    return here + in_kernel


def _unsent_in_kernel(transport: Any) -> int:
    while isinstance(transport, TLSMemoryBIOProtocol):
        transport = transport.transport
    if not _CAN_BE_ASKED or not isinstance(transport, FileDescriptor):
        return 0
    try:
        unsent = fcntl.ioctl(transport.fileno(), _SIOCOUTQNSD, _NO_BYTES)  # type: ignore[no-untyped-call] # Twisted's own
    except (OSError, ValueError):
        # It is closed, or no socket.
        return 0
    return int.from_bytes(unsent, sys.byteorder)


def send_at_once(transport: Any) -> None:
    """
    Have the kernel wait for no further bytes, where *transport* has a kernel.
    """
    set_no_delay = getattr(transport, "setTcpNoDelay", None)
    if set_no_delay is not None:
        set_no_delay(True)


def shown_by(transport: Any) -> Shown | None:
    """
    What the user agent at the other end of *transport* has shown when it was asked for a certificate; None if it need
    not show any.
    """
    shown = getattr(transport, "shown", None)
    return None if shown is None else shown()


def is_encrypted(transport: Any) -> bool:
    """
    Whether *transport* is Twisted's TLS over another transport, and so of use only after a handshake.
    """
    return isinstance(transport, TLSMemoryBIOProtocol)


def close_at_once(transport: Any) -> None:
    """
    Close *transport* in order, but without waiting for the peer's part in it, which TLS would do.
    """
    transport.unregisterProducer()
    transport.loseConnection()
    if is_encrypted(transport):
        transport.transport.loseConnection()


def can_half_close(transport: Any) -> bool:
    """
    Whether our direction of *transport* can be closed alone: Twisted's TLS has one close for both, ours has not.
    """
    return not is_encrypted(transport) and hasattr(transport, "loseWriteConnection")
