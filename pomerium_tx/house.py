"""
Assembly: what lasts as long as the process, and the layout of the day.

A house needs no socket and no real time; `service` puts it behind listening addresses. `pomerium_tx.layout` is what a
configuration comes to, and what a reload replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pomerium_tx.access import log_access
from pomerium_tx.administration import admin_proxy
from pomerium_tx.applications import Connect
from pomerium_tx.authenticate.refresher import Refresher, plan_refresh_by_id_token
from pomerium_tx.collector import collector
from pomerium_tx.config.model import Config
from pomerium_tx.layout import Lasting, Layout
from pomerium_tx.logout.back_channel import BackChannelLogoutPage
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.expiry import Expiry
from pomerium_tx.logout.heard import Hear, LastHeard
from pomerium_tx.logout.late_tokens import LateTokens
from pomerium_tx.logout.outbox import Outbox
from pomerium_tx.logout.revocation import Revocations
from pomerium_tx.logout.session_events import SessionEvents
from pomerium_tx.logout.upstream_notice import UpstreamNotices
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.registered_uris import RegisteredUris
from pomerium_tx.operations import audit_log
from pomerium_tx.operations.admin import Administered
from pomerium_tx.operations.doctor import Examined
from pomerium_tx.operations.drill_report import DrillReport
from pomerium_tx.proxy.access_lines import AccessLines
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.factory import DownstreamFactory
from pomerium_tx.proxy.to_https import to_https
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.elsewhere import Elsewhere, nowhere
from pomerium_tx.sessions.leftovers import Leftovers
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, SessionStore, StoreUnavailable

log = Logger()


Drill = Callable[["House"], Coroutine[Deferred[Any], Any, DrillReport]]
"""
Holds a fire drill in a house.
"""


class Part(Enum):
    """
    What a house does of all that there is to do.
    """

    ALL = "all"
    PARENT = "parent"
    """
    What is done once, for workers that serve.
    """
    WORKER = "worker"
    """
    It serves, and leaves all that is done once to the parent.
    """


class House:
    """
    Every room, joined, around one registry.

    :param store: What keeps the sessions.
    :param now: Seconds that no step of the wall clock can move.
    :param http: What speaks to the OP.
    :param http_of: What speaks to the application of a route for ourselves.
    :param elsewhere: Asks what is open in other processes.
    :param tell_heard: Told what OPs ask for, where another process keeps it.
    :param drill: Holds a fire drill, where there is a network for it.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: SessionStore,
        clock: IReactorTime,
        now: Callable[[], float],
        http: HTTPClient,
        http_of: Callable[[Route], HTTPClient],
        connect: Connect,
        part: Part = Part.ALL,
        elsewhere: Elsewhere = nowhere,
        tell_heard: Hear | None = None,
        drill: Drill | None = None,
    ) -> None:
        self._part = part
        self.registry = SessionRegistry(store, clock, elsewhere=elsewhere)
        self.registry.subscribe_ended(self._forget)
        self.registry.subscribe_refreshed(self._refreshed)
        self._providers: dict[str, Provider] = {}
        # What is owed to one that a reload has removed is still to be paid.
        self._providers_ever: dict[str, Provider] = {}
        self.heard = LastHeard()
        """
        What OPs have asked for, by any process.
        """
        hear = self.heard.note if tell_heard is None else tell_heard
        self.ending = Ending(
            registry=self.registry,
            providers=self._providers,
            clock=clock,
            key=config.shared_secret.get_secret_value(),
            revocation_delay=config.revocation_delay.total_seconds(),
            # Of an end that a worker asked for, its parent writes the line: nothing that happens to it can cost that.
            audit=(lambda receipt: None) if part is Part.WORKER else audit_log.session_ended,
            heard=hear,
        )
        late_tokens = LateTokens(registry=self.registry, clock=clock)
        self._deadlines = Deadlines(clock, now)
        self._leftovers = Leftovers(lambda session_ids: self.layout.forget_requests(session_ids))
        self._deadlines.watch(self._leftovers)
        self._access_lines = AccessLines(clock, log_access)
        self._session_events = SessionEvents(registry=self.registry, clock=clock)
        self._lasting = Lasting(
            registry=self.registry,
            ending=self.ending,
            late_tokens=late_tokens,
            providers=self._providers,
            knows=lambda idp_id: self.layout.knows(idp_id),
            back_channel=BackChannelLogoutPage(
                registry=self.registry, providers=self._providers, ending=self.ending, clock=clock, refused=hear
            ),
            session_events=self._session_events,
            access_lines=self._access_lines,
            clock=clock,
            deadlines=self._deadlines,
            http=http,
            connect=connect,
        )
        self.layout: Layout = Layout(config, self._lasting)
        self.proxy = self.layout.proxy()
        self._settle_in()
        self.factory = DownstreamFactory(self.proxy)
        self.redirect_factory: Any = DownstreamFactory(
            to_https(self.registry, clock, self._deadlines, self._access_lines.add)
        )
        """
        What sends browsers to https on the listener for that, if there is one.
        """
        self.revocations = Outbox(
            Revocations(registry=self.registry, providers=self._providers_ever), registry=self.registry, clock=clock
        )
        self.notices = Outbox(
            UpstreamNotices(
                registry=self.registry,
                route_of=self._route_of,
                http_of=http_of,
                signer=lambda: self.layout.signers[0],
                clock=clock,
            ),
            registry=self.registry,
            clock=clock,
        )
        administered = Administered(
            registry=self.registry,
            ending=self.ending,
            providers=self._providers_ever,
            routes=lambda: self.layout.table.routes,
            clock=clock,
            revocation_attempts=self.revocations.attempts_of,
            notice_attempts=self.notices.attempts_of,
            examined=Examined(
                registry=self.registry,
                providers=self._providers,
                heard=self.heard,
                uris=lambda provider: RegisteredUris.at(self.layout.config.authenticate_service_url),
                drill=None if drill is None else lambda: drill(self),
                clock=clock,
            ),
        )
        self._admin_proxy = (
            None
            if part is Part.WORKER
            else admin_proxy(config, administered, self._deadlines, lambda answered: log_access(answered, "admin"))
        )
        self.admin_factory = None if self._admin_proxy is None else DownstreamFactory(self._admin_proxy)
        """
        What speaks on the administrator's listener, if there is one.
        """
        once = (
            Expiry(registry=self.registry, ending=self.ending, clock=clock),
            self.revocations,
            self.notices,
            Refresher(
                registry=self.registry,
                providers=self._providers,
                ending=self.ending,
                late_tokens=late_tokens,
                clock=clock,
            ),
        )
        self._jobs = (late_tokens,) if part is Part.WORKER else (*once, late_tokens)
        if part is Part.PARENT:
            self.registry.subscribe_begun(self._begun_in_a_worker)

    @property
    def config(self) -> Config:
        """
        The configuration in force.
        """
        return self.layout.config

    async def start(self) -> None:
        """
        Know all sessions, and begin the work that nobody waits for.

        :raises StoreUnavailable: If the store cannot say what it knows.
        """
        await self.registry.join()
        self._deadlines.start()
        for job in self._jobs:
            job.start()
        self._serve()

    def layout_of(self, config: Config) -> Layout:
        """
        What another configuration would come to here; it is not put in force.
        """
        return Layout(config, self._lasting, self.layout)

    def reload(self, config: Config) -> None:
        """
        Put another configuration in force, in one turn.

        What is open on routes that would not admit it any more is cut; sessions of an OP that is gone are due to end.

        :raises Exception: Whatever keeps the layout from being made; then nothing has changed.
        """
        layout = Layout(config, self._lasting, self.layout)
        proxy = layout.proxy()
        previous, self.layout = self.layout, layout
        self.proxy.become(proxy)
        self._settle_in()
        previous.retire(layout)
        self._serve()
        self.factory.recheck()
        # The layout that is gone refers to itself.
        collector.survey(self.registry.count)
        homeless = []
        for session in self.registry.sessions():
            # The parent ends those whose OP is gone, and has said so before it said this.
            if self.layout.knows(session.idp_id) or self._part is Part.WORKER:
                self._cut_what_is_not_admitted(session)
            else:
                homeless.append(session)
        if homeless:
            Deferred.fromCoroutine(self._end_homeless(homeless)).addErrback(
                lambda reason: log.failure("Sessions of an OP that is gone could not be ended", reason)
            )

    @property
    def open_connections(self) -> int:
        """
        How many connections there are, to whichever listener.
        """
        return sum(factory.open_connections for factory in self._factories)

    @property
    def _factories(self) -> list[DownstreamFactory]:
        factories = (self.factory, self.redirect_factory, self.admin_factory)
        return [factory for factory in factories if factory is not None]

    def drain(self) -> None:
        """
        Answer what is under way, and nothing new on the same connections.
        """
        self.proxy.draining = True
        if self._admin_proxy is not None:
            self._admin_proxy.draining = True
        self._session_events.close()
        for factory in self._factories:
            factory.close_idle()

    def stop(self) -> None:
        """
        End every connection and every delayed call.
        """
        self._session_events.close()
        for factory in self._factories:
            factory.abort_all()
        for job in self._jobs:
            job.stop()
        self._access_lines.stop()
        self.layout.retire()
        self._deadlines.stop()
        self.registry.leave()

    def audit(self, receipt_id: str) -> None:
        """
        Have the end that a worker asked for in the audit log, if it ended a session.
        """
        receipt = self.registry.receipt(receipt_id)
        if receipt is not None and receipt.sessions_ended:
            audit_log.session_ended(receipt)

    def _serve(self) -> None:
        # Whoever serves has connections of its own, and finds out for itself who can be reached.
        if self._part is not Part.PARENT:
            self.layout.start()

    def _begun_in_a_worker(self, session: Session) -> None:
        # What a worker notes of a session beside the log, here for those who look after all sessions.
        plan_refresh_by_id_token(self.registry, session.id, session.tokens, session.began)
        if not self.layout.knows(session.idp_id):
            self.registry.report_due(session.id, Cause.PROVIDER_REMOVED)

    def _settle_in(self) -> None:
        config = self.layout.config
        self._providers.clear()
        self._providers.update(self.layout.providers)
        self._providers_ever.update(self.layout.providers)
        self.heard.keep(provider.settings.issuer for provider in self._providers.values())
        self.ending.configure(
            revocation_delay=config.revocation_delay.total_seconds(),
            notify=[route.id for route in self.layout.table.routes if route.upstream_logout_uri],
            takes_tokens=self.layout.takes_tokens,
        )
        idle = config.session_idle_timeout
        self.registry.set_idle_timeout(None if idle is None else idle.total_seconds())

    async def _end_homeless(self, sessions: Sequence[Session]) -> None:
        try:
            # It cuts what it ends, and counts it.
            await self.ending.end([session.id for session in sessions], Cause.PROVIDER_REMOVED)
        except StoreUnavailable:
            for session in sessions:
                self.registry.report_due(session.id, Cause.PROVIDER_REMOVED)
        finally:
            for session in sessions:
                self._cut_what_is_not_admitted(session)

    def _route_of(self, route_id: str) -> Route | None:
        resource = self.layout.resources.get(route_id)
        return None if resource is None else resource.route

    def _cut_what_is_not_admitted(self, session: Session) -> None:
        for exchange in self.registry.exchanges(session.id):
            if not exchange.is_admitted():
                exchange.cut(None)

    def _refreshed(self, session: Session) -> None:
        # What it was before has tokens that are spent.
        self.layout.forget_tokens(session.id)
        self._cut_what_is_not_admitted(session)

    def _forget(self, receipt: Receipt, sessions: tuple[Session, ...]) -> None:
        for session in sessions:
            self.layout.forget(session.id)
        self._leftovers.add(sessions)


async def drained(reactor: Any, house: House, *, seconds: float, is_hurried: Callable[[], bool]) -> None:
    """
    No connection is open any more, or it is not to be waited for any longer.
    """
    waited: LoopingCall

    def look() -> None:
        if is_hurried() or reactor.seconds() >= until or not house.open_connections:
            waited.stop()

    until = reactor.seconds() + seconds
    waited = LoopingCall(look)
    waited.clock = reactor
    await waited.start(0.05)
