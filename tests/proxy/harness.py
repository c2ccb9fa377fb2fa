"""
The data path between a user agent and an upstream in memory, with the decision in the test's hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.writer import field_lines
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.proxy.connection import Answered, Proxy, Times
from pomerium_tx.proxy.deadlines import Deadlines
from pomerium_tx.proxy.exchanges.refusals import Refusals
from pomerium_tx.proxy.factory import DownstreamFactory
from pomerium_tx.proxy.heads.forwarding import Forwarding
from pomerium_tx.proxy.resource import ReverseProxyResource
from pomerium_tx.proxy.upstreams.pool import Pool
from pomerium_tx.routing.route import Route, Upstream
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import Ending, SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.doubles.network import Network
from tests.doubles.peers import PeerFactory, UserAgent
from tests.doubles.sessions import a_session

PROXY = ("proxy.test", 80)
UPSTREAM = ("upstream.test", 8080)
ORIGIN = "http://app.example.com"


def a_route(**changes: object) -> Route:
    """
    A route to the upstream.
    """
    values: dict[str, object] = {
        "id": "route-1",
        "from_scheme": "http",
        "from_host": "app.example.com",
        "prefix": b"/",
        "upstreams": (Upstream(scheme="http", host=UPSTREAM[0], port=UPSTREAM[1]),),
        "policy": from_legacy(public=True, any_authenticated=False, users=(), domains=()),
        "timeout": 30.0,
        "idle_timeout": 300.0,
    }
    return Route(**(values | changes))  # type: ignore[arg-type] # the test's own business


class ProxyTestCase(SynchronousTestCase):
    """
    A proxy with one route; requests of `self.session` proceed while it lives, others are sent to sign in.
    """

    route = a_route()
    site = Site(Resource())

    def setUp(self) -> None:
        self.network = Network(Clock())
        clock = self.network.clock
        self.registry = SessionRegistry(MemoryStore(), clock)
        self.successResultOf(self.registry.join())
        self.session = a_session(began=clock.seconds(), expires=clock.seconds() + 50_000)
        self.successResultOf(self.registry.begin(self.session, state_issued=clock.seconds()))
        self.access: list[Answered] = []
        self.dropped: list[bytes] = []
        self.used: list[tuple[Session, Route, str, str]] = []
        self.upstreams = PeerFactory()
        self.network.listen(*UPSTREAM, self.upstreams)
        self.deadlines = Deadlines(clock, clock.seconds)
        self.deadlines.start()
        limits = HeadLimits()
        self.pool = Pool(self.network.endpoint(*UPSTREAM), limits=limits, deadlines=self.deadlines)
        self.use(self.route)
        self.proxy = Proxy(
            check=self.check,
            decide=lambda head, canonical, client: self.check(head, canonical, client, ""),
            unauthenticated=lambda head, verdict: replace(
                verdict, action=Action.UNAUTHORIZED, status=401, reason="Unauthenticated", session=None
            ),
            registry=self.registry,
            used=lambda session, route, origin, peer: self.used.append((session, route, origin, peer)),
            identity=lambda verdict, canonical: field_lines(self.identity),
            resources=lambda route: self.resource,
            site_of=lambda canonical: self.site,
            refusals=Refusals(
                begin_sign_in=lambda url, cookies, route: (
                    f"http://authenticate.example.com/?{url}",
                    "_pomerium_login=x",
                ),
                response_fields=lambda route: (),
            ),
            access_log=self.access.append,
            clock=clock,
            deadlines=self.deadlines,
            limits=limits,
            times=Times(),
        )
        self.factory = DownstreamFactory(self.proxy)
        self.network.listen(*PROXY, self.factory)
        self.agent = self.connect()

    identity: Sequence[tuple[bytes, bytes]] = ()

    def use(self, route: Route) -> None:
        """
        Forward by the settings of *route*.
        """
        if not route.upstreams:
            return
        self.resource = ReverseProxyResource(
            route=route,
            upstream=route.upstreams[0],
            pool=self.pool,
            forwarding=Forwarding(
                route,
                cookie_name=b"_pomerium",
                claim_fields=(),
                response_fields=[(n.encode(), v.encode()) for n, v in route.set_response_headers],
                dropped_cookie=self.dropped.append,
            ),
        )

    def connect(self) -> UserAgent:
        """
        Another user agent.
        """
        return UserAgent.connect(self.network, *PROXY)

    def check(self, head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
        """
        Who says ``Who: alice`` is the session; own paths are ours; everybody else must sign in.
        """
        verdict = Verdict(
            action=Action.PROCEED, status=200, reason="", allow=True, reasons=(), route=self.resource.route
        )
        verdict.origin = ORIGIN
        session = self.registry.find(self.session.id) if head.get(b"who") == b"alice" else None
        if canonical.path.startswith(b"/.pomerium"):
            return replace(verdict, action=Action.OWN_PATH)
        if session is None and not canonical.path.startswith(b"/public"):
            return replace(verdict, action=Action.SIGN_IN, status=302, reason="Found")
        return replace(verdict, session=session, live=() if session is None else (session,))

    def settle(self) -> None:
        """
        Let everything arrive.
        """
        self.network.settle()

    def end_session(self, session: Session | None = None) -> Receipt:
        """
        End the session; the receipt.
        """
        ended = session or self.session
        ending = Ending(session_ids=(ended.id,), cause=Cause.USER_ROUTE, at=self.network.clock.seconds())
        receipt: Receipt = self.successResultOf(self.registry.end(ending))
        return receipt
