"""
The whole proxy on real sockets with an OP and applications, and a clock that only moves when it is told to.

Everything is in this process, so that a case is judged by what it leaves behind: in the registry, in the log, at the
applications, in descriptors. Nothing waits for time: a dozen turns of the reactor in which no byte moved are the end.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.web.client import Agent, HTTPConnectionPool

from pomerium_tx.config.loader import load
from pomerium_tx.config.model import Config
from pomerium_tx.demo.interaction import SESSION_COOKIE
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import UnloggedSite, provider_resource
from pomerium_tx.demo.registration import ALICE
from pomerium_tx.house import House
from pomerium_tx.oidc.fetch import HTTPClient, http_client
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.session import new_session_id
from tests.doubles.stores import UnreliableStore
from tests.hostile.application import Heard
from tests.hostile.line import Line, PatientLine
from tests.hostile.names import (
    APP,
    BASE,
    BEGINNING,
    CLIENT_SECRET,
    OP,
    PROTECTED,
    QUIET_TURNS,
    RECORDERS,
    VARIANTS,
    configuration,
)
from tests.hostile.op import new_provider
from tests.hostile.recorder import Recorder
from tests.hostile.visitor import Visitor
from tests.hostile.wiring import Endpoint, ToTheWorld, Watched


class World:
    """
    The service, from the sockets of user agents to those of applications and of the OP.

    :param folder: Where the configuration is written.
    :param changes: What differs from `configuration`.
    """

    def __init__(self, reactor: Any, folder: Path, **changes: object) -> None:
        self.reactor = reactor
        self.folder = folder.resolve()
        self.clock = Clock()
        self.clock.advance(BEGINNING)
        self.ports: dict[str, int] = {}
        """
        Where names of hosts are, on loopback; anything else has no address.
        """
        self.dialled: list[str] = []
        """
        Every host to which the proxy has tried to connect.
        """
        self.lines: list[Line] = []
        self.events: list[LogEvent] = []
        self.secrets: set[str] = set()
        """
        What must show neither in the log nor in an answer.
        """
        self.more_origins: frozenset[str] = frozenset()
        """
        Those of further hosts, which a configuration that differs has.
        """
        self.longest_turn = 0.0
        """
        Seconds of work in the longest turn of the reactor since `settle` was first called for a case.
        """
        self.recorders = {name: Recorder(name, self.moved, is_protected=name in PROTECTED) for name in RECORDERS}
        for recorder in self.recorders.values():
            recorder.lives = self._names_a_live_session
        self._moves = 0
        self._ports: list[Any] = []
        self._changes = changes
        self._handles: dict[tuple[str, str], str] = {}
        self._ended: str | None = None
        self._beside: dict[str, World] = {}
        self._agent_pool = HTTPConnectionPool(reactor, persistent=False)  # type: ignore[no-untyped-call] # Twisted's
        self.store = UnreliableStore()
        self.provider = self._new_provider()
        self.house: House

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """
        Listen everywhere.
        """
        globalLogPublisher.addObserver(self.events.append)
        for name, recorder in self.recorders.items():
            self.ports[f"{name}.internal"] = self._listen(recorder)
        site = UnloggedSite(provider_resource(self.provider), timeout=None)
        self.ports[OP] = self._listen(Watched(site, self.moved))
        self.house = self.build_house()
        await self.house.start()
        self.port = self._listen(self.house.factory)
        self.ports["loop.internal"] = self.port
        self.secrets |= {CLIENT_SECRET, self.settings["shared_secret"], self.settings["cookie_secret"]}

    async def beside(self, name: str) -> World:
        """
        Another world, one of `VARIANTS`.
        """
        if name not in self._beside:
            folder = self.folder / name
            folder.mkdir()
            self._beside[name] = World(self.reactor, folder, **VARIANTS[name])
            await self._beside[name].start()
        return self._beside[name]

    async def hang_up(self) -> None:
        """
        Nobody asks any more, and no connection is kept.
        """
        for line in self.lines:
            if not line.is_closed:
                line.reset()
        self.lines.clear()
        await self.advance(60, step=30)
        for recorder in self.recorders.values():
            recorder.forget()

    async def stop(self) -> None:
        """
        Nothing is left.
        """
        for world in self._beside.values():
            await world.stop()
        for line in self.lines:
            if not line.is_closed:
                line.reset()
        self.house.factory.abort_all()
        self.house.stop()
        for recorder in self.recorders.values():
            recorder.drop_connections()
        for port in self._ports:
            await port.stopListening()
        await self._agent_pool.closeCachedConnections()  # type: ignore[no-untyped-call] # Twisted's
        await self.settle()
        globalLogPublisher.removeObserver(self.events.append)

    def read(self, **changes: object) -> Config:
        """
        This world's configuration, with changes.
        """
        path = self.folder / f"config-{len(list(self.folder.glob('config-*')))}.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(configuration(**{**self._changes, **changes})))
        return load(path, {}).config

    @property
    def settings(self) -> Mapping[str, Any]:
        """
        What the configuration says.
        """
        return configuration(**self._changes)

    def build_house(self) -> House:
        """
        A house on the store of this world; nobody listens yet.
        """
        return House(
            self.read(),
            store=self.store,
            clock=self.clock,
            now=self.clock.seconds,
            http=self.http(),
            http_of=lambda route: self.http(),
            connect=self._upstream,
        )

    def http(self) -> HTTPClient:
        """
        What the proxy speaks to the OP with.
        """
        return http_client(Agent.usingEndpointFactory(self.reactor, ToTheWorld(self), self._agent_pool))

    def _listen(self, factory: Any) -> int:
        port = self.reactor.listenTCP(0, factory, backlog=1024, interface="127.0.0.1")
        self._ports.append(port)
        return int(port.getHost().port)

    def _upstream(self, route: Route, upstream: Upstream) -> IStreamClientEndpoint:
        return Endpoint(self, upstream.host)

    def _new_provider(self) -> DevelopmentProvider:
        return new_provider(self.clock, self.secrets)

    # -- time ----------------------------------------------------------------------------------------------------------

    def moved(self) -> None:
        """
        Something has happened on a socket.
        """
        self._moves += 1

    async def settle(self, until: Callable[[], bool] | None = None) -> None:
        """
        Let everything arrive; with *until*, at least that.

        :param until: What must come, where more than bytes on loopback is waited for.
        """
        quiet = 0
        # Of work, so that what else a machine has to do does not count; turns never wait.
        patience = time.thread_time() + 60
        while quiet < QUIET_TURNS or (until is not None and not until()):
            before = self._moves
            await self._turn()
            quiet = quiet + 1 if self._moves == before else 0
            assert time.thread_time() < patience, "something never comes to its end"

    async def advance(self, seconds: float, step: float = 1.0) -> None:
        """
        Let the service's time pass.
        """
        await self.settle()
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            await self.settle()
            seconds -= step

    async def stand_still(self, counted: Callable[[], int]) -> None:
        """
        Let the kernel take all that it takes from somebody who counts what it has not taken.
        """
        same, last = 0, counted()
        while same < 8 * QUIET_TURNS:
            await self._turn()
            now = counted()
            same, last = (same + 1 if now == last else 0), now

    async def settle_once(self) -> None:
        """
        Let one turn of the reactor pass.
        """
        await self._turn()

    async def _turn(self) -> None:
        passed: Deferred[None] = Deferred()
        self.reactor.callLater(0, passed.callback, None)
        began = time.thread_time()
        await passed
        self.longest_turn = max(self.longest_turn, time.thread_time() - began)

    # -- peers ---------------------------------------------------------------------------------------------------------

    def serves(self, netloc: str) -> bool:
        """
        Whether a host is one of this world's.
        """
        return netloc == OP or netloc in {f"{name}.{BASE}" for name in ("app", "pub", "other", "loop", "authenticate")}

    async def connect(self, *, host: str = APP, patient: bool = False, address: str = "127.0.0.1") -> Line:
        """
        A connection to the proxy, or to the OP, from an address of loopback.
        """
        line = PatientLine(self.moved) if patient else Line(self.moved)
        port = self.ports[OP] if host == OP else self.port
        from_there = None if address == "127.0.0.1" else (address, 0)
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", port, bindAddress=from_there)
        await connectProtocol(endpoint, line)
        line.is_of_the_op = host == OP
        self.lines.append(line)
        return line

    async def say(self, says: bytes, *, host: str = APP) -> Line:
        """
        What has come of *says* on a connection of its own.
        """
        line = await self.connect(host=host)
        line.say(says)
        await self.settle()
        return line

    def visitor(self, person: str | None = None) -> Visitor:
        """
        A fresh browser; whoever is named is signed in at the OP in it.
        """
        visitor = Visitor(self)
        if person is not None:
            visitor.cookies[OP, SESSION_COOKIE] = self.provider.sign_in(person).handle
        return visitor

    async def sign_in(self, person: str = "alice", url: str = f"https://{APP}/") -> Visitor:
        """
        A browser whose person has come to *url*.
        """
        visitor = self.visitor(person)
        page = await visitor.get(url)
        assert page.url == url, (page.status, page.url, page.text[:200])
        self.secrets |= {value for (_, name), value in visitor.cookies.items() if name == "_pomerium"}
        return visitor

    async def handle(self, person: str = "alice", host: str = APP) -> str:
        """
        The cookie value of a live session of that person on a protected host.
        """
        kept = self._handles.get((person, host))
        if kept is None or self.session_of(kept) is None:
            kept = self._handles[person, host] = (await self.sign_in(person, f"https://{host}/")).handle(host)
        return kept

    async def ended_handle(self) -> str:
        """
        One whose session has come to its end by time; nobody else is signed in then.
        """
        if self._ended is None:
            handle = (await self.sign_in("alice")).handle(APP)
            lifetime = self.house.config.cookie_expire.total_seconds()
            await self.advance(lifetime + 60, step=lifetime)
            assert self.session_of(handle) is None
            self._ended = handle
        return self._ended

    async def handle_of_nobody(self) -> str:
        """
        One that we could have made, of a session that never was.
        """
        handles = Handles(self.house.config.shared_secret.get_secret_value(), "_pomerium")
        live = _payload(await self.handle())
        return handles.mint(
            new_session_id(),
            user_id=ALICE.sub,
            issuer=live["iss"],
            audience=live["aud"],
            idp_id=live["idp_id"],
            now=self.clock.seconds(),
        )

    async def csrf_cookie(self) -> str:
        """
        The value of another cookie of ours than that of a session.
        """
        visitor = self.visitor()
        await visitor.get(f"https://{APP}/")
        return next(value for (_, name), value in visitor.cookies.items() if name.startswith("_pomerium_"))

    def handles(self) -> Iterator[str]:
        """
        Every handle of a session that was handed out for a case.
        """
        yield from self._handles.values()
        if self._ended is not None:
            yield self._ended

    def session_of(self, handle: str) -> Any:
        """
        The live session that a handle names; None if there is none.
        """
        claims = _payload(handle)
        return self.house.registry.find(str(claims.get("jti")))

    def _names_a_live_session(self, heard: Heard) -> bool:
        return all(
            _payload(value).get("sid") == "" or self.house.registry.find(str(_payload(value).get("sid"))) is not None
            for value in heard.all("x-pomerium-jwt-assertion")
        )

    # -- what is left --------------------------------------------------------------------------------------------------

    def descriptors(self) -> int:
        """
        Open descriptors that are nobody's idle connection.
        """
        gc.collect(0)
        kept = sum(recorder.open_connections for recorder in self.recorders.values())
        return len(os.listdir("/proc/self/fd")) - 2 * kept


def _payload(token: str) -> Mapping[str, Any]:
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}
