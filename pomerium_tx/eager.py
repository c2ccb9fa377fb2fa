"""
Writing without waiting for the reactor.

Twisted's TCP transport keeps what is written until the poller says that the socket is writable, which costs two changes
of the poller's set and one event for each answer. Nearly always the kernel takes it at once.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection

from pomerium_tx.lean_reactor import LeanEPollReactor, remember_loss

BULK = 16_384
"""
Bytes that are sent at once, since a transport that holds much more has its producer paused.
"""


def write_soon(transport: Any, data: bytes) -> None:
    """
    What ``transport.write`` does, but before the reactor waits for anything.
    """
    # What wraps a connection passes itself off as one: only the connection's own type is proof.
    if isinstance(transport, Connection) and len(data) < BULK:
        reactor: Any = transport.reactor
        if isinstance(reactor, LeanEPollReactor):
            reactor.write(transport, data)
            return
    write_now(transport, data)


def write_now(transport: Any, data: bytes) -> None:
    """
    What ``transport.write`` does; but where nothing waits before *data*, the kernel is offered it at once.

    What the kernel does not take, and what becomes of a broken connection, is left to the reactor, as always.
    """
    # The private names are those of a transport that waits for, or refuses, what is written; a test pins them. After
    # abortConnection() nothing may leave, although the transport is still connected until the next turn.
    if (
        isinstance(transport, Connection)
        and transport.connected
        and not transport.dataBuffer
        and not transport._tempDataLen
        and not transport._aborting
        and not transport._writeDisconnected
        and not transport.TLS
        # A pull producer is asked for more only by the reactor.
        and (transport.producer is None or transport.streamingProducer)
    ):
        # A transport that encrypts does it there.
        sent = transport.writeSomeData(data)
        if sent == len(data):
            return
        if not isinstance(sent, int):
            remember_loss(transport)
            sent = 0
        data = data[sent:]
    transport.write(data)
