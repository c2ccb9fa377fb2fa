"""
TLS on the socket itself.

Twisted's TLS is a protocol between TCP and the application: bytes pass two buffers of OpenSSL's and that of the
transport, each read ends with an exception that says that there is no more, and the buffers stay as large as they once
were. Here OpenSSL reads and writes the socket of an accepted connection. It reads one record at a time and keeps
nothing, so what nobody has asked for waits in the kernel; what is to be encrypted waits in the buffers of
`twisted.internet.abstract.FileDescriptor`, so what that promises of flow, order and closing holds here too.

RFC 8446 section 6.1: each direction is closed by its own close_notify. So a connection can be half-closed, and one that
is aborted says none: its peer knows that the end is not the end.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from OpenSSL import SSL

# pyOpenSSL has no names of its own for what is used here without it: a test pins them.
from OpenSSL._util import ffi, lib
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    ISSLTransport,
    ITransport,
)
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx.tls.client_authorities import ClientAuthorities
from pomerium_tx.tls.client_certificate import Shown
from pomerium_tx.tls.downstream import DownstreamContexts

log = Logger()

RECORD = 16_384
"""
Bytes that a record has at most (RFC 8446 section 5.1): who asks for as many leaves nothing of it behind.
"""
READ = 65_536
"""
Bytes that are read in one turn of the reactor where they come in long records.
"""
LONG = 4096
"""
Bytes of a record behind which the next one may have come already: most heads are shorter, most content is not, and to
look in vain costs as much as a short record.
"""
UNHEARD = 65_536
"""
Bytes that are taken from a peer to whom a refusal is on its way.
"""
_PLACE = ffi.new("char[]", RECORD)
_OCTETS = ffi.buffer(_PLACE)
"""
Where OpenSSL puts what it reads, for all connections, since each takes its own before another reads. pyOpenSSL makes
such a place for every read, which with its other steps takes as long as OpenSSL itself does for a small record; and so
does a write of its [measured: 2.2 us of 14 for both].
"""


@implementer(ISSLTransport)
class EncryptedServer(Server):
    """
    An accepted connection that speaks TLS.

    It is made of one that was accepted already, by `begin`.
    """

    reactor: Any
    _tls: SSL.Connection
    _ssl: Any
    """
    What of the same is OpenSSL's; only while the handshake is over and the connection is not lost.
    """
    _contexts: DownstreamContexts
    _is_established = False
    _refusal: BaseException | None = None
    """
    Why the peer, who is told so, is not spoken with.
    """
    _unheard = UNHEARD

    @classmethod
    def begin(cls, accepted: Server, protocol: IProtocol, contexts: DownstreamContexts) -> None:
        """
        Let *accepted* be one of these, and *protocol* speak on it.
        """
        # Twisted's startTLS did so once. A new object would be made, and known to the poller, for every connection only
        # to replace one that has just been made.
        accepted.__class__ = cls
        assert isinstance(accepted, cls)
        accepted.protocol = protocol
        accepted._contexts = contexts
        protocol.makeConnection(accepted)

    def getPeerCertificate(self) -> Any:
        """
        What the peer has shown.
        """
        return self._tls.get_peer_certificate() if self._is_established else None

    def shown(self) -> Shown | None:
        """
        What the peer has shown when it was asked for a certificate, as that is judged now; None if it need not show
        any.
        """
        authorities = self._contexts.authorities
        if authorities is None or not self._is_established:
            return None
        return authorities.shown_on(self._tls, self.reactor.seconds())

    # The reactor calls.

    def doRead(self) -> BaseException | None:  # type: ignore[override] # OpenSSL's errors, too
        if not self._is_established:
            why = self._shake_hands()
            if not self._is_established:
                return why
        count = lib.SSL_read(self._ssl, _PLACE, RECORD)
        if 0 < count < LONG:
            self.protocol.dataReceived(_OCTETS[:count])
            return None
        pieces = []
        size = 0
        while count > 0:
            pieces.append(_OCTETS[:count])
            size += count
            if count < LONG or size >= READ:
                break
            count = lib.SSL_read(self._ssl, _PLACE, RECORD)
        ended = self._why_nothing_came(count) if count <= 0 else None
        if pieces:
            self.protocol.dataReceived(b"".join(pieces))
        # Whoever aborted just now must not be seen to end in order.
        return None if self._aborting else ended

    def doWrite(self) -> BaseException | None:  # type: ignore[override] # as in FileDescriptor
        if not self._is_established:
            self.stopWriting()  # type: ignore[no-untyped-call] # Twisted's own
            why = self._shake_hands()
            if not self._is_established:
                return why
        result: BaseException | None = super().doWrite()  # type: ignore[no-untyped-call] # Twisted's own
        return result

    def writeSomeData(self, data: bytes) -> int | BaseException:  # type: ignore[override] # as in FileDescriptor
        if not self._is_established:
            return 0
        sent, size = 0, len(data)
        rest: Any = data if type(data) is bytes else ffi.from_buffer(data)
        while sent < size:
            # A record at a time, since OpenSSL takes no more. What could not be sent must be given again, and at least
            # as much: it is, because it stays first in the buffer.
            count = lib.SSL_write(self._ssl, rest, min(size - sent, RECORD))
            if count <= 0:
                return sent if self._is_only_full(count) else CONNECTION_LOST
            sent += count
            if sent < size:
                rest = ffi.from_buffer(memoryview(data)[sent:])
        return sent

    def connectionLost(self, reason: Failure) -> None:
        # The kernel gives the number of a closed socket to the next one, which is not OpenSSL's to write to.
        self.__dict__.pop("_tls", None)
        self.__dict__.pop("_ssl", None)
        self._is_established = False
        super().connectionLost(reason)

    # Whoever speaks calls.

    def startWriting(self) -> None:
        # Before the handshake is over, the reactor would say over and over that the socket is writable.
        if self._is_established:
            super().startWriting()  # type: ignore[no-untyped-call] # Twisted's own

    def loseConnection(self) -> None:
        if self._can_say_goodbye():
            super().loseConnection()  # type: ignore[no-untyped-call] # Twisted's own

    def loseWriteConnection(self) -> None:
        if self._can_say_goodbye():
            super().loseWriteConnection()  # type: ignore[no-untyped-call] # Twisted's own

    # Inside.

    def _why_nothing_came(self, result: int) -> BaseException | None:
        """
        Why OpenSSL has read nothing; None if there is only nothing yet.
        """
        try:
            self._tls._raise_ssl_error(self._ssl, result)
        except SSL.WantReadError:
            return None
        except SSL.ZeroReturnError:
            return CONNECTION_DONE
        except SSL.Error as problem:
            return _loss(problem)
        return CONNECTION_LOST

    def _is_only_full(self, result: int) -> bool:
        """
        Whether OpenSSL has written nothing because the kernel takes no more now.
        """
        try:
            self._tls._raise_ssl_error(self._ssl, result)
        except SSL.WantWriteError:
            return True
        except SSL.Error as problem:
            _loss(problem)
        return False

    def _can_say_goodbye(self) -> bool:
        """
        Whether there is a peer to part from in order; one that has not shaken hands is left at once.
        """
        if self.connected and not self._is_established:
            self.abortConnection()  # type: ignore[no-untyped-call] # Twisted's own
        return bool(self.connected) and self._is_established

    def _shake_hands(self) -> BaseException | None:
        if self._refusal is not None:
            return self._hear_out(self._refusal)
        if "_tls" not in self.__dict__:
            # OpenSSL takes 16 KiB for a connection: not for one that only waits.
            self._tls = self._contexts.connection(self.socket, self.reactor.seconds())
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.WantWriteError:
            super().startWriting()  # type: ignore[no-untyped-call] # Twisted's own
        except SSL.Error as problem:
            why = "" if self._contexts.authorities is None else ClientAuthorities.why_refused(self._tls, problem)
            if not why:
                return _loss(problem)
            self._refuse(why, problem)
        else:
            self._is_established = True
            self._ssl = self._tls._ssl
            if self._tempDataLen:
                self.startWriting()
            if self._contexts.authorities is not None and IHandshakeListener.providedBy(self.protocol):
                self.protocol.handshakeCompleted()
        return None

    def _refuse(self, why: str, problem: SSL.Error) -> None:
        """
        Have the peer hear why it is not spoken with: OpenSSL has written that already.
        """
        # Whoever is not spoken with leaves no line in any other log.
        log.info(
            "A connection from {ip} was refused for its certificate: {problem}",
            ip=self.getPeer().host,  # type: ignore[no-untyped-call] # Twisted's own
            server_name=(self._tls.get_servername() or b"").decode("ascii", "replace"),
            problem=why,
        )
        self._refusal = _loss(problem)
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _hear_out(self, refusal: BaseException) -> BaseException | None:
        """
        In TLS 1.3 the peer thinks that the handshake is over, and has asked something already. If that were left in the
        kernel, closing would be a reset, which takes away what the peer has not read yet.
        """
        try:
            heard = len(self.socket.recv(READ))
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        self._unheard -= heard
        return None if heard and self._unheard > 0 else refusal

    def _postLoseConnection(self) -> BaseException | None:
        return CONNECTION_DONE if self._has_said_goodbye() else None

    def _closeWriteConnection(self) -> None:
        if self._has_said_goodbye():
            super()._closeWriteConnection()
        else:
            self._writeDisconnected = False

    def _has_said_goodbye(self) -> bool:
        try:
            self._tls.shutdown()
        except SSL.WantWriteError:
            self.startWriting()
            return False
        except SSL.Error as problem:
            # Nobody is there to hear it.
            _loss(problem)
        return True


class EncryptedFactory(TLSMemoryBIOFactory):
    """
    What *factory* makes, inside TLS.
    """

    def __init__(self, contexts: DownstreamContexts, factory: IProtocolFactory, clock: Any) -> None:
        super().__init__(contexts, False, factory, clock)
        self.contexts = contexts

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override] # or None
        """
        None where *factory* makes nothing of a connection, which Twisted's own does not foresee: it is closed unread.
        """
        inside = self.wrappedFactory.buildProtocol(addr)
        return None if inside is None else _OnTheSocket(self, inside)  # type: ignore[no-untyped-call] # Twisted's own


class _OnTheSocket(TLSMemoryBIOProtocol):
    """
    Leaves a connection of TCP to `EncryptedServer`; over any other transport it does Twisted's TLS.
    """

    factory: EncryptedFactory

    def shown(self) -> Shown | None:
        """
        As that of `EncryptedServer`.
        """
        authorities = self.factory.contexts.authorities
        if authorities is None or self._tlsConnection is None:
            return None
        return authorities.shown_on(self._tlsConnection, self.factory._clock.seconds())

    def makeConnection(self, transport: ITransport) -> None:
        if type(transport) is Server:
            EncryptedServer.begin(transport, self.wrappedProtocol, self.factory.contexts)
        else:
            super().makeConnection(transport)  # type: ignore[no-untyped-call] # Twisted's own


def _loss(problem: SSL.Error) -> BaseException:
    """
    Why a connection is lost: what OpenSSL found wrong, or that TCP ended before TLS did.
    """
    # OpenSSL keeps one queue of errors for all connections, in which pyOpenSSL leaves those of TCP; before version 4
    # the next connection that has nothing to read would seem broken.
    lib.ERR_clear_error()
    is_end_of_tcp = isinstance(problem, SSL.SysCallError) or not problem.args or not problem.args[0]
    return CONNECTION_LOST if is_end_of_tcp else problem
