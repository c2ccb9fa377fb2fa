"""
A worker, as it sees itself: a house that serves, and a link to the parent on which all it knows depends.

Whose link is broken does not hear of ends, and must not answer for sessions: it resets every connection and leaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from pomerium_tx import logs
from pomerium_tx.config.forms.values import Address
from pomerium_tx.config.model import Config
from pomerium_tx.house import House, Part, drained
from pomerium_tx.outside import Outside
from pomerium_tx.proxy.listener import Listener, port_of
from pomerium_tx.request_lines import lines
from pomerium_tx.resolver import LocalhostResolver
from pomerium_tx.sessions.elsewhere import Seen, seen
from pomerium_tx.workers.link import Link
from pomerium_tx.workers.messages import (
    Appended,
    Asked,
    Begin,
    Changes,
    Configure,
    Configured,
    Drain,
    Followed,
    Hurry,
    NewChange,
    NotAppended,
    NotFollowed,
    Open,
    Ready,
    WhatIsOpen,
)
from pomerium_tx.workers.remote_store import RemoteStore
from pomerium_tx.workers.shares import FairPort, Shares

log = Logger()

TELL_SECONDS = 0.1
"""
How late the others may know that connections were closed here; that some were accepted they know at once.
"""
RESET_SECONDS = 0.1
"""
Connections are reset in the turns after the one in which that is asked for.
"""


class Worker:
    """
    What `Child` is the other end of.

    :param number: Which of the workers it is.
    :param shares: How many connections each of them has.
    :param descriptors: Of the sockets to accept on.
    :param leave: Ends the process, with an exit status.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        number: int,
        shares: Shares,
        descriptors: Sequence[int],
        leave: Callable[[int], object],
    ) -> None:
        self._reactor = reactor
        self._number = number
        self._shares = shares
        self._fair_ports: list[FairPort] = []
        self._telling = LoopingCall(self._tell)
        self._telling.clock = reactor
        self._leave = leave
        self._house: House | None = None
        self._outside: Outside | None = None
        self._listeners: list[Listener] = []
        self._descriptors = descriptors
        self._numbers = count(1)
        self._asked: dict[int, Deferred[Seen]] = {}
        self._is_hurried = False
        self._is_leaving = False
        self.link = Link(self._received, self._link_lost)
        """
        The link to the parent, not yet connected.
        """
        self._store = RemoteStore(self.link.send, out_of_step=self._out_of_step)

    def _received(self, message: Any) -> None:
        if isinstance(message, NewChange | Appended | NotAppended | Changes | Followed | NotFollowed):
            self._store.received(message)
        elif isinstance(message, Begin):
            Deferred.fromCoroutine(self._begin(message.config)).addErrback(self._failed)
        elif isinstance(message, Configure):
            self._configure(message)
        elif isinstance(message, WhatIsOpen):
            answer = {} if self._house is None else seen(message.session_ids, self._house.registry.exchanges)
            self.link.send(Open(number=message.number, exchanges=answer))
        elif isinstance(message, Open):
            asked = self._asked.pop(message.number, None)
            if asked is not None:
                asked.callback(message.exchanges)
        elif isinstance(message, Drain):
            Deferred.fromCoroutine(self._drain(message.seconds)).addErrback(self._failed)
        elif isinstance(message, Hurry):
            self._is_hurried = True
        else:
            raise AssertionError(f"A parent says what parents do not say: {type(message).__name__}")

    async def _begin(self, config: Config) -> None:
        reactor = self._reactor
        lines.start(reactor, logs.in_use())
        reactor.installNameResolver(LocalhostResolver(reactor.nameResolver))
        self._outside = outside = Outside(reactor, config)
        self._house = house = House(
            config,
            store=self._store,
            clock=reactor,
            now=time.monotonic,
            http=outside.http,
            http_of=outside.http_of,
            connect=outside.endpoint,
            part=Part.WORKER,
            elsewhere=self._elsewhere,
            tell_heard=lambda heard: self.link.send(Asked(heard=heard)),
        )
        await house.start()
        redirecting = Listener(config.address, key="http_redirect_addr")
        listener = Listener(config.address, key="address")
        for descriptor in self._descriptors:
            (redirecting if _is_of(descriptor, config.http_redirect_addr) else listener).inherit([descriptor])
        self._listeners = [listener, redirecting]
        listener.accept(reactor, outside.wrapped(house.factory))
        redirecting.accept(reactor, house.redirect_factory)
        self._fair_ports = [FairPort(port, reactor, self._is_ahead) for port in listener.ports]
        self._telling.start(TELL_SECONDS)
        self.link.send(Ready())

    def _is_ahead(self) -> bool:
        self._tell()
        return self._shares.is_ahead(self._number)

    def _tell(self) -> None:
        if self._house is not None:
            self._shares.put(self._number, self._house.open_connections)

    def _accept_no_more(self) -> None:
        if self._telling.running:
            self._telling.stop()
        for port in self._fair_ports:
            port.stop()
        self._shares.put(self._number, None)

    def _configure(self, message: Configure) -> None:
        if self._outside is None or self._house is None:
            return
        try:
            self._outside.configure(message.config)
            self._house.reload(message.config)
        except Exception:  # noqa: BLE001 - whatever it is, nobody may be served by the old configuration any more
            log.failure("The configuration cannot be put in force")
            self._abort()
            return
        self.link.send(Configured(number=message.number))

    async def _elsewhere(self, session_ids: Collection[str]) -> Seen:
        if self.link.is_broken:
            return {}
        number = next(self._numbers)
        asked = self._asked[number] = Deferred()
        self.link.send(WhatIsOpen(number=number, session_ids=tuple(session_ids)))
        return await asked

    async def _drain(self, seconds: float) -> None:
        house, outside = self._house, self._outside
        assert house is not None and outside is not None
        self._accept_no_more()
        for listener in self._listeners:
            await listener.stop()
        house.drain()
        await drained(self._reactor, house, seconds=seconds, is_hurried=lambda: self._is_hurried)
        self._is_leaving = True
        house.stop()
        lines.stop()
        await outside.close()
        # What has been said before still arrives.
        self.link.close()

    def _failed(self, reason: Failure) -> None:
        if not self._is_leaving:
            log.failure("This worker cannot serve", reason)
        self._abort()

    def _out_of_step(self) -> None:
        log.critical("This worker does not know what the others know, and leaves")
        self._abort()

    def _link_lost(self) -> None:
        if self._is_leaving:
            self._leave(0)
            return
        self._abort()

    def _abort(self) -> None:
        """
        Serve nothing any more, at once, and leave.
        """
        if self._is_leaving:
            return
        self._is_leaving = True
        self._reactor.callLater(RESET_SECONDS, self._leave, 1)
        # First of all: the parent must wait for the end of this process, and not only hear that it follows no longer.
        self._store.lost()
        asked, self._asked = list(self._asked.values()), {}
        for one in asked:
            one.callback({})
        self._accept_no_more()
        for listener in self._listeners:
            Deferred.fromCoroutine(listener.stop()).addErrback(lambda reason: None)
        # Where the parent is gone the log is out of reach as well: that may not keep anything open.
        with log.failuresHandled("What a worker had open could not be closed in order"):
            if self._house is not None:
                self._house.stop()
        with log.failuresHandled("The last lines of a worker could not be written"):
            lines.stop()


def _is_of(descriptor: int, address: Address | None) -> bool:
    # No other address has the same port: the configuration may not.
    return address is not None and port_of(descriptor) == address.port
