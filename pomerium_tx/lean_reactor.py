"""
Twisted's epoll reactor with three things less for every small message.

*No log context.* Twisted gives every event the prefix of lines in the format of `twisted.python.log`, which nobody
writes here; that takes as long as it takes to read a small request [measured: 1.6 us of each event's 5].

*No poll before a write.* Twisted has the poller say that a socket is writable before it writes to it, which costs two
changes of the poller's set and an event. Here what was written in one turn is sent, all of it together, at the
beginning of the next one; only what the kernel does not take waits for the poller. Sent together, messages also wake
those who wait for them less often: a system call that wakes somebody costs twice as much [measured: 28 us of system
time for a request before, 17 us after]. Delayed calls come first, so that what was aborted is closed before anybody
reads of it.

*No room for a large message.* Twisted takes 64 KiB from the heap for every read, and gives back what is not used. What
is kept meanwhile, of a session or of a head, then lies where the next 64 KiB would have been, and the heap grows by
nearly as much [measured: 40 KiB for each sign-in and sign-out, until in the end small things have filled the gaps].

The private names are those of `twisted.internet.abstract.FileDescriptor`; a test pins them.
"""

from __future__ import annotations

import errno
import select
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST, installReactor
from twisted.internet.tcp import Client, Connection, Server
from twisted.logger import Logger

log = Logger()

_READABLE = select.EPOLLIN
_PLAIN = frozenset((Client, Server))
"""
The connections that hand the socket what is written as it is, and give what they read as it came.
"""
PLACE = 16_384
_place = memoryview(bytearray(PLACE))
"""
Where all connections read to, each of which takes its own from there before another reads; and its bytes.
"""


class LeanEPollReactor(EPollReactor):
    """
    An epoll reactor that calls what is ready, and sends what was written.
    """

    def __init__(self) -> None:
        self._unsent: dict[Connection, None] = {}
        # Whose last read has filled the place: they are read as Twisted does it, in fewer and larger pieces.
        self._streams: set[Connection] = set()
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's own

    def addWriter(self, writer: Any) -> None:
        """
        Have *writer* write: when it is polled, or in the next turn if it has something to write.
        """
        if isinstance(writer, Connection) and writer._aborting:
            # It is still connected until the next turn, and what was written to it is still there.
            return
        if not isinstance(writer, Connection) or not writer._tempDataLen or not writer.connected:
            # One that is being connected, or closed, waits for the poller.
            super().addWriter(writer)  # type: ignore[no-untyped-call] # Twisted's own
        elif writer.fileno() not in self._writes:
            self._unsent[writer] = None

    def write(self, transport: Connection, data: bytes) -> None:
        """
        What ``transport.write(data)`` does, in fewer steps where there is nothing to it.
        """
        unsent = transport._tempDataLen + len(data)
        if (
            transport.connected
            and not transport._aborting
            and not transport._writeDisconnected
            and not transport.dataBuffer
            and unsent <= transport.bufferSize
            and not transport.TLS
        ):
            transport._tempDataBuffer.append(data)
            transport._tempDataLen = unsent
            self._unsent[transport] = None
        else:
            transport.write(data)  # type: ignore[no-untyped-call] # Twisted's own

    def removeWriter(self, writer: Any) -> None:
        """
        Have *writer* write no more.
        """
        self._unsent.pop(writer, None)
        super().removeWriter(writer)  # type: ignore[no-untyped-call] # Twisted's own

    def removeReader(self, reader: Any) -> None:
        """
        Have *reader* read no more.
        """
        self._streams.discard(reader)
        super().removeReader(reader)  # type: ignore[no-untyped-call] # Twisted's own

    def removeAll(self) -> list[Any]:
        """
        Forget everybody; those who were known.
        """
        unsent, self._unsent = self._unsent, {}
        known: list[Any] = super().removeAll()  # type: ignore[no-untyped-call] # Twisted's own
        return [*known, *(writer for writer in unsent if writer not in known)]

    def getWriters(self) -> list[Any]:
        """
        Those who have something to write.
        """
        writers: list[Any] = super().getWriters()  # type: ignore[no-untyped-call] # Twisted's own
        return [*writers, *self._unsent]

    def doPoll(self, timeout: float | None) -> None:
        """
        Send what was written, wait for events for at most *timeout* seconds, and have them handled.
        """
        if self._unsent:
            self._send()
            if self._unsent:
                timeout = 0
        poller: Any = self._poller
        selectables: dict[int, Any] = self._selectables
        try:
            ready = poller.poll(-1 if timeout is None else timeout, len(selectables))
        except OSError as problem:
            if problem.errno == errno.EINTR:
                return
            raise
        handle: Any = self._doReadOrWrite
        for descriptor, event in ready:
            selectable = selectables.get(descriptor)
            if selectable is None:
                continue
            if event != _READABLE or not isinstance(selectable, Connection):
                # It lets nothing out that a selectable raises.
                handle(selectable, descriptor, event)
                continue
            why: BaseException | None
            try:
                # Whoever has a way of its own, as one that was aborted, reads in that way.
                if type(selectable) in _PLAIN and "doRead" not in selectable.__dict__:
                    why = self._read(selectable)
                else:
                    why = selectable.doRead()
            except BaseException as problem:  # noqa: BLE001 - as Twisted has it: whoever raises is closed, nobody else
                log.failure("What a connection has read could not be handled")
                why = problem
            if why:
                self._end(selectable, why, was_reading=True)

    doIteration = doPoll

    def _send(self) -> None:
        # Whoever writes while these are sent is sent in the next turn: nobody can keep the others waiting.
        unsent, self._unsent = self._unsent, {}
        for writer in unsent:
            if not writer.connected or writer._aborting:
                continue
            why: BaseException | int | None
            try:
                why = self._written(writer)
            except BaseException as problem:  # noqa: BLE001 - as Twisted has it: whoever raises is closed, nobody else
                log.failure("A connection could not be written to")
                why = problem
            if why:
                self._end(writer, why, was_reading=False)

    def _read(self, reader: Connection) -> BaseException | None:
        """
        What ``reader.doRead()`` does; why the connection is lost, if it is.
        """
        is_stream = reader in self._streams
        try:
            if is_stream:
                data = reader.socket.recv(reader.bufferSize)
            else:
                data = _place[: reader.socket.recv_into(_place)].tobytes()
        except OSError as problem:
            return None if problem.errno == errno.EWOULDBLOCK else CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        # It is one from now on, or no longer.
        if is_stream is (len(data) < PLACE):
            (self._streams.discard if is_stream else self._streams.add)(reader)
        reader.protocol.dataReceived(data)
        return None

    def _end(self, lost: Connection, why: BaseException | int, *, was_reading: bool) -> None:
        # Who is told of it may raise, and must not keep the others from being served.
        with log.failuresHandled("The end of a connection could not be told"):
            self._disconnectSelectable(lost, why, was_reading)  # type: ignore[no-untyped-call] # Twisted's own

    def _written(self, writer: Connection) -> BaseException | int | None:
        """
        What ``writer.doWrite()`` does, in fewer steps where nothing is to follow; why the connection is lost, if it is.
        """
        if (
            writer.dataBuffer
            or writer.disconnecting
            or writer._writeDisconnecting
            or (writer.producer is not None and (writer.producerPaused or not writer.streamingProducer))
        ):
            lost: BaseException | int | None = writer.doWrite()  # type: ignore[no-untyped-call] # Twisted's own
            if not lost:
                self._await_room(writer)
            return lost
        parts = writer._tempDataBuffer
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if type(writer) in _PLAIN and len(data) <= writer.SEND_LIMIT:
            # As writeSomeData does, which first cuts the data to size, and repeats what Python itself repeats.
            try:
                sent = writer.socket.send(data)
            except OSError as problem:
                sent = 0 if problem.errno in (errno.EWOULDBLOCK, errno.ENOBUFS) else -1
        else:
            written = writer.writeSomeData(data)
            sent = written if isinstance(written, int) else -1
        if sent < 0:
            remember_loss(writer)
        elif sent:
            # Nothing at all goes where the kernel is full, or TLS has not begun.
            writer._tempDataBuffer = []
            writer._tempDataLen = 0
            if sent == len(data):
                return None
            writer.dataBuffer = data
            writer.offset = sent
        self._await_room(writer)
        return None

    def _await_room(self, writer: Connection) -> None:
        """
        Have the poller say when *writer* can send more, if it has more, and is not sent in the next turn anyway.
        """
        if writer not in self._unsent and writer.connected and (writer._tempDataLen or writer.dataBuffer):
            super().addWriter(writer)  # type: ignore[no-untyped-call] # Twisted's own


def remember_loss(transport: Connection) -> None:
    """
    Let *transport* be lost uncleanly once what had arrived is read.

    The kernel tells an error once, and it was us whom it told: whoever reads now would see an orderly end.
    """
    read = transport.doRead

    def read_the_rest() -> ConnectionLost | ConnectionDone | None:
        why = read()
        return CONNECTION_LOST if why is CONNECTION_DONE else why

    # As Twisted's own abortConnection does.
    transport.doRead = read_the_rest  # type: ignore[method-assign]


def install() -> None:
    """
    Make it the reactor of this process.

    :raises ReactorAlreadyInstalledError: If there is one.
    """
    installReactor(LeanEPollReactor())  # type: ignore[no-untyped-call] # Twisted's own
