"""
All the connections from user agents, whichever listener accepted them.
"""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx.proxy.admission import Admission
from pomerium_tx.proxy.connection import Proxy
from pomerium_tx.proxy.downstream import Downstream
from pomerium_tx.proxy.exchanges.exchange import ProxiedExchange
from pomerium_tx.proxy.transports import close_at_once, owes_bytes, shown_by

_MAPPED = "::ffff:"
"""
How a socket for both families shows an IPv4 address (RFC 4291 section 2.5.5.2).
"""


_AFTER_THE_END = 1.0
"""
Seconds after the last in which a certificate is valid.
"""


@implementer(IHandshakeListener)
class AdmittedDownstream(Downstream):
    """
    A connection that counts, that may have to give way to another, and whose user agent may have to show a certificate.
    """

    _recognised_until: IDelayedCall | None = None

    def __init__(self, proxy: Proxy, *, peer: str, admission: Admission[AdmittedDownstream]) -> None:
        super().__init__(proxy, peer=peer)
        self._admission = admission
        self._connected_at = 0.0

    def connectionMade(self) -> None:
        self._connected_at = self.proxy.deadlines.now()
        self._admission.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._admission.discard(self)
        if self._recognised_until is not None:
            self._recognised_until.cancel()
            self._recognised_until = None
        super().connectionLost(reason)

    def handshakeCompleted(self) -> None:
        """
        TLS is there: what has the user agent shown?
        """
        self.recognise()

    def recognise(self) -> None:
        """
        Judge what the user agent has shown, as it is to be judged now.
        """
        shown, client = shown_by(self.transport_in_use), self._client
        if shown is None and client.certificate is None and not client.lacks_certificate:
            return
        if self._recognised_until is not None:
            self._recognised_until.cancel()
            self._recognised_until = None
        if shown is not None and not shown.is_welcome:
            self.abort()
            return
        self._client = client.showing(shown)
        for exchange in self._under_way():
            exchange.recognise(shown)
        if shown is not None and shown.certificate is not None and shown.certificate.judged_until is not None:
            clock = self.proxy.clock
            left = max(shown.certificate.judged_until - clock.seconds(), 0.0) + _AFTER_THE_END
            self._recognised_until = clock.callLater(left, self._recognise_again)

    def _recognise_again(self) -> None:
        self._recognised_until = None
        self.recognise()
        for exchange in self._under_way():
            if not exchange.is_admitted():
                exchange.cut(None)

    def _under_way(self) -> list[ProxiedExchange]:
        """
        What is being answered, and answers that are complete and not sent.
        """
        return [each for each in (self._exchange, *self.unsent.owed()) if isinstance(each, ProxiedExchange)]

    @property
    def idle_since(self) -> float | None:
        """
        Since when no request is under way and no byte of one has come.
        """
        if self._exchange is not None or self._closing:
            return None
        if not self._incoming.is_empty or self._incoming.mid_head:
            return None
        idle_since = self._patience.idle_since
        return self._connected_at if idle_since is None else idle_since

    def close_if_idle(self) -> None:
        """
        Close unless an answer is under way.
        """
        if self._exchange is None:
            self.close()

    def recheck(self) -> None:
        """
        Read by the limits that are in force now, and cut what is being answered to nobody, if its request would not be
        let through any more.
        """
        self._incoming.obey(self.proxy.limits)
        self.recognise()
        exchange = self._exchange
        if isinstance(exchange, ProxiedExchange) and exchange.is_nobodys and not exchange.is_admitted():
            exchange.cut(None)

    def give_way(self) -> bool:
        """
        Close at once, unless something was written that the peer has not taken; whether it closes.
        """
        if owes_bytes(self.transport_in_use):
            return False
        self._closing = True
        close_at_once(self.transport_in_use)
        return True


class DownstreamFactory(Factory):
    """
    Makes a `Downstream` of every connection that may be, and ends them all in the end.
    """

    noisy = False

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._admission: Admission[AdmittedDownstream] = Admission(lambda: proxy.connection_limits, proxy.deadlines)

    def buildProtocol(self, addr: IAddress | None) -> AdmittedDownstream | None:
        """
        What speaks on the connection from *addr*; None if there are too many: then the transport is closed unread.
        """
        peer = str(getattr(addr, "host", "unknown")).removeprefix(_MAPPED)
        if not self._admission.is_welcome(peer):
            return None
        return AdmittedDownstream(self._proxy, peer=peer, admission=self._admission)

    @property
    def open_connections(self) -> int:
        """
        How many connections there are.
        """
        return len(self._admission)

    def close_idle(self) -> None:
        """
        Close the connections on which nothing is being answered; the others close after their answer while draining.
        """
        for downstream in self._admission.open:
            downstream.close_if_idle()

    def recheck(self) -> None:
        """
        Judge all certificates that were shown by the configuration that is in force now, and cut every exchange of
        nobody's whose request would not be let through any more; those of sessions are known to the registry.
        """
        for downstream in self._admission.open:
            downstream.recheck()

    def abort_all(self) -> None:
        """
        End every connection at once.
        """
        for downstream in self._admission.open:
            downstream.abort()
