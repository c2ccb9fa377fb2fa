"""
The daemon: a house behind listening addresses, started and stopped in order.

Start: bind every address, join the store, accept. Stop: accept no more, let what is under way finish for a while, close
the pools, leave the store. With ``workers`` it is they that accept, and that are waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pomerium_tx import logs
from pomerium_tx.config.loader import Loaded
from pomerium_tx.config.model import Config
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.config.reload import merged
from pomerium_tx.drill import drill
from pomerium_tx.house import House, Part, drained
from pomerium_tx.operations.unix_listener import SocketNotBound, UnixListener
from pomerium_tx.outside import Outside
from pomerium_tx.proxy.listener import Listener, NotBound
from pomerium_tx.request_lines import lines
from pomerium_tx.resolver import LocalhostResolver
from pomerium_tx.sessions.elsewhere import Elsewhere, nowhere
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.store import SessionStore
from pomerium_tx.workers.shared_store import SharedStore
from pomerium_tx.workers.supervisor import Supervisor

log = Logger()

DRAIN_SECONDS = 10.0
"""
How long what is under way may take to finish once the service stops.
"""


@implementer(IService)
class PomeriumService(Service):
    """
    A house behind listening addresses.

    :param listeners: Where to listen.
    :param redirecting: Where to send whoever asks to https.
    :param workers: What keeps the processes that accept there instead of this one.
    """

    def __init__(
        self,
        reactor: Any,
        house: House,
        outside: Outside,
        *,
        listeners: Sequence[Listener],
        redirecting: Listener | None = None,
        admin: Listener | UnixListener | None = None,
        workers: Supervisor | None = None,
        drain_seconds: float,
    ) -> None:
        self.setName("pomerium")  # type: ignore[no-untyped-call] # Twisted's own
        self.house = house
        self.has_failed = False
        """
        Whether something went wrong after the start; then the process ends with a status of its own.
        """
        self._reactor = reactor
        self._outside = outside
        self._listeners = listeners
        self._redirecting = redirecting
        self._admin = admin
        self._workers = workers
        self._drain_seconds = drain_seconds
        self._bound = False
        self._is_started = False
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
        for listener in self._all_listeners():
            try:
                listener.bind()
            except (NotBound, SocketNotBound) as problem:
                problems.append(str(problem))
        if problems:
            for listener in self._all_listeners():
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

    def reload(self, load: Callable[[], Loaded]) -> bool:
        """
        Read the configuration again and put it in force, all of it at once; whether that was done.

        One that is bad, or cannot be put in force, changes nothing: it is told of in the log.
        """
        try:
            loaded = load()
        except InvalidConfig as invalid:
            for problem in invalid.problems:
                log.error("{problem}", problem=str(problem))
            log.error("The configuration stays as it was: the new one is not valid")
            return False
        running = self.house.config
        config, waiting = merged(running, loaded.config)
        try:
            self._outside.configure(config)
            self.house.reload(config)
        except Exception:  # noqa: BLE001 - whatever it is, the service goes on as it was
            log.failure("The configuration stays as it was: the new one cannot be put in force")
            self._outside.configure(running)
            return False
        for warning in loaded.warnings:
            log.warn("{problem}", problem=str(warning))
        for key in waiting:
            log.warn("{key}: the new value waits for a restart", key=key)
        Deferred.fromCoroutine(self._reloaded(config)).addErrback(
            lambda reason: log.failure("The workers could not be told of the configuration", reason)
        )
        return True

    async def _reloaded(self, config: Config) -> None:
        if self._workers is not None:
            await self._workers.configure(config)
        log.info("The configuration was read again: {count} routes", count=len(config.routes))

    async def _start(self) -> None:
        lines.start(self._reactor, logs.in_use())
        await self.house.start()
        if self._workers is None:
            factory = self._outside.wrapped(self.house.factory)
            for listener in self._listeners:
                listener.accept(self._reactor, factory)
            if self._redirecting is not None:
                self._redirecting.accept(self._reactor, self.house.redirect_factory)
        else:
            # The end of a process is heard of once the reactor runs.
            await deferLater(self._reactor, 0.0)
            await self._workers.start(self.house.config, ended=self.house.audit, failed=self._failed)
        for listener in self._listeners:
            log.info("Listening on port {port}", port=listener.port)
        if self._admin is not None:
            admin_factory: Any = self.house.admin_factory
            self._admin.accept(self._reactor, admin_factory)
        self._is_started = True

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        for listener in self._all_listeners():
            await listener.stop()
            listener.close()
        self.house.drain()
        until = self._reactor.seconds() + self._drain_seconds
        if self._workers is not None:
            await self._workers.stop(self._drain_seconds, lambda: self._is_hurried)
        seconds = until - self._reactor.seconds()
        await drained(self._reactor, self.house, seconds=seconds, is_hurried=lambda: self._is_hurried)
        self.house.stop()
        # What was cut just now is reset in the next turn, which the reactor would not have any more.
        await deferLater(self._reactor, 0.0)
        await self._outside.close()
        lines.stop()
        log.info("Stopped")

    def _all_listeners(self) -> list[Listener | UnixListener]:
        others = (self._redirecting, self._admin)
        return [*self._listeners, *(listener for listener in others if listener is not None)]

    def _failed(self, reason: Failure) -> None:
        if isinstance(reason.value, CancelledError):
            return
        log.failure("The service cannot go on" if self._is_started else "The service cannot start", reason)
        self.has_failed = True
        self._reactor.callLater(0, self._reactor.stop)


def build_service(loaded: Loaded, reactor: Any, *, drain_seconds: float = DRAIN_SECONDS) -> PomeriumService:
    """
    The service that a configuration describes.

    :param reactor: Must provide ``IReactorTCP``, ``IReactorSocket``, ``IReactorProcess``, ``IReactorTime`` and a
        pluggable name resolver.
    """
    config = loaded.config
    for warning in loaded.warnings:
        log.warn("{problem}", problem=str(warning))
    reactor.installNameResolver(LocalhostResolver(reactor.nameResolver))
    outside = Outside(reactor, config)
    listeners = [Listener(config.address, key="address")]
    if config.authenticate_listener is not None:
        key = "authenticate_service_url" if config.authenticate_address is None else "authenticate_address"
        listeners.append(Listener(config.authenticate_listener, key=key))
    redirecting = None
    if config.http_redirect_addr is not None:
        redirecting = Listener(config.http_redirect_addr, key="http_redirect_addr")
    store: SessionStore = MemoryStore()
    workers, part = None, Part.ALL
    elsewhere: Elsewhere = nowhere
    if config.workers > 1:
        store = shared = SharedStore(MemoryStore(), clock=reactor, now=time.monotonic)
        workers = Supervisor(
            reactor,
            shared,
            count=config.workers,
            heard=lambda heard: house.heard.note(heard),
            descriptors=lambda: _descriptors(*listeners, *([] if redirecting is None else [redirecting])),
        )
        part, elsewhere = Part.PARENT, workers.exchanges
    house = House(
        config,
        store=store,
        clock=reactor,
        now=time.monotonic,
        http=outside.http,
        http_of=outside.http_of,
        connect=outside.endpoint,
        part=part,
        elsewhere=elsewhere,
        drill=lambda house: drill(reactor, house),
    )
    return PomeriumService(
        reactor,
        house,
        outside,
        listeners=listeners,
        redirecting=redirecting,
        admin=_admin_listener(config),
        workers=workers,
        drain_seconds=drain_seconds,
    )


def _descriptors(*listeners: Listener) -> list[int]:
    return [descriptor for listener in listeners for descriptor in listener.descriptors]


def _admin_listener(config: Config) -> Listener | UnixListener | None:
    address, key = config.admin_address, "admin_address"
    if address is None:
        return None
    if address.path is None:
        return Listener(address, key=key)
    return UnixListener(address.path, key=key, is_required=key in config.model_fields_set)
