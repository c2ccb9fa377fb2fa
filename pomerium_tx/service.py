"""
The daemon: a house behind listening addresses, started and stopped in order.

Start: bind every address, join the store, accept. Stop: accept no more, let what is under way finish for a while, close
the pools, leave the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from pomerium_tx import logs
from pomerium_tx.config.loader import Loaded
from pomerium_tx.house import House
from pomerium_tx.oidc.fetch import http_client
from pomerium_tx.proxy.listener import Listener, NotBound
from pomerium_tx.resolver import LocalhostResolver
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.tls.downstream import DownstreamContexts
from pomerium_tx.tls.upstream import client_options

log = Logger()

DRAIN_SECONDS = 10.0
"""
How long what is under way may take to finish once the service stops.
"""
CONNECT_SECONDS = 10.0


@implementer(IService)
class PomeriumService(Service):
    """
    A house behind listening addresses.

    :param listeners: Where to listen.
    :param factory: What speaks on them: the house's, inside TLS where that is configured.
    :param close: Closes the connections to the OP.
    """

    def __init__(
        self,
        reactor: Any,
        house: House,
        *,
        listeners: Sequence[Listener],
        factory: ServerFactory[Any],
        close: Callable[[], Deferred[None]],
        drain_seconds: float,
    ) -> None:
        self.setName("pomerium")  # type: ignore[no-untyped-call] # Twisted's own
        self.house = house
        self.has_failed = False
        """
        Whether something went wrong after the start; then the process ends with a status of its own.
        """
        self._reactor = reactor
        self._listeners = listeners
        self._factory = factory
        self._close = close
        self._drain_seconds = drain_seconds
        self._bound = False
        self._is_hurried = False
        self._starting: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """
        Bind every address at once, unless they are bound already.

        :raises NotBound: If one of them is not to be had, with a line for each that is not; none is bound then.
        """
        if self._bound:
            return
        problems = []
        for listener in self._listeners:
            try:
                listener.bind()
            except NotBound as problem:
                problems.append(str(problem))
        if problems:
            for listener in self._listeners:
                listener.close()
            raise NotBound("\n".join(problems))
        self._bound = True

    def startService(self) -> None:
        """
        Join the store, then accept.
        """
        super().startService()  # type: ignore[no-untyped-call] # Twisted's own
        self.privilegedStartService()
        self._starting = Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """
        Accept no more, drain, and close everything.
        """
        super().stopService()  # type: ignore[no-untyped-call] # Twisted's own
        return Deferred.fromCoroutine(self._stop())

    def hurry(self) -> None:
        """
        Whoever stops the service waits no more for what is under way.
        """
        self._is_hurried = True

    async def _start(self) -> None:
        await self.house.start()
        for listener in self._listeners:
            listener.accept(self._reactor, self._factory)
            log.info("Listening on port {port}", port=listener.port)

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        for listener in self._listeners:
            await listener.stop()
            listener.close()
        self.house.drain()
        waited: LoopingCall

        def look() -> None:
            is_over = self._is_hurried or self._reactor.seconds() >= until
            if is_over or not self.house.factory.open_connections:
                waited.stop()

        until = self._reactor.seconds() + self._drain_seconds
        waited = LoopingCall(look)
        waited.clock = self._reactor
        await waited.start(0.05)
        self.house.stop()
        await self._close()
        log.info("Stopped")

    def _failed(self, reason: Failure) -> None:
        if isinstance(reason.value, CancelledError):
            return
        log.failure("The service cannot start", reason)
        self.has_failed = True
        self._reactor.callLater(0, self._reactor.stop)


def build_service(loaded: Loaded, reactor: Any, *, drain_seconds: float = DRAIN_SECONDS) -> PomeriumService:
    """
    The service that a configuration describes.

    :param reactor: Must provide ``IReactorTCP``, ``IReactorSocket``, ``IReactorTime`` and a pluggable name resolver.
    """
    config = loaded.config
    logs.threshold.set(config.log_level)
    for warning in loaded.warnings:
        log.warn("{problem}", problem=str(warning))
    reactor.installNameResolver(LocalhostResolver(reactor.nameResolver))
    pool = HTTPConnectionPool(reactor)  # type: ignore[no-untyped-call] # Twisted's own
    policy = _ProviderTls(config.certificate_authority)
    agent = Agent(reactor, policy, connectTimeout=CONNECT_SECONDS, pool=pool)  # type: ignore[no-untyped-call] # Twisted's own
    house = House(
        config,
        store=MemoryStore(),
        clock=reactor,
        now=time.monotonic,
        http=http_client(agent),
        connect=lambda route: _endpoint(reactor, route, config.certificate_authority),
    )
    factory: Any = house.factory
    if not config.insecure_server:
        pairs = [(certificate, key.get_secret_value()) for certificate, key in config.key_pairs]
        factory = TLSMemoryBIOFactory(DownstreamContexts(pairs), False, house.factory)
    listeners = [Listener(config.address, key="address")]
    if config.authenticate_listener is not None:
        key = "authenticate_service_url" if config.authenticate_address is None else "authenticate_address"
        listeners.append(Listener(config.authenticate_listener, key=key))
    return PomeriumService(
        reactor,
        house,
        listeners=listeners,
        factory=factory,
        close=pool.closeCachedConnections,
        drain_seconds=drain_seconds,
    )


@implementer(IPolicyForHTTPS)
class _ProviderTls:
    """
    Verifies the OP's certificate.
    """

    def __init__(self, ca_pem: bytes | None) -> None:
        self._ca_pem = ca_pem

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        return client_options(hostname.decode("ascii"), ca_pem=self._ca_pem, skip_verify=False, client_certificate=None)


def _endpoint(reactor: Any, route: Route, ca_pem: bytes | None) -> IStreamClientEndpoint:
    upstream, tls = route.upstreams[0], route.tls
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, upstream.host, upstream.port, timeout=CONNECT_SECONDS)
    if upstream.scheme == "https":
        options = client_options(
            tls.server_name or upstream.host,
            ca_pem=tls.ca_pem or ca_pem,
            skip_verify=tls.skip_verify,
            client_certificate=tls.client_certificate,
        )
        endpoint = wrapClientTLS(options, endpoint)
    return endpoint
