"""
Tests of `pomerium_tx.house`: that the rooms are joined. What they do together is in `tests.scenarios`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.loader import load
from pomerium_tx.house import House, Part
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, SessionStore, StoreUnavailable
from tests.doubles.exchanges import MemoryExchange
from tests.doubles.network import Network
from tests.doubles.peers import PeerFactory, UserAgent, pairs_of, request
from tests.doubles.sessions import a_session
from tests.doubles.stores import UnreliableStore
from tests.policy.clients import CLIENT
from tests.scenarios.browser import read
from tests.scenarios.world import APP, AUTHENTICATE, CONFIG
from tests.tls.authorities import key_pem


def asked(host: str, target: str = "/") -> tuple[RequestHead, Canonical]:
    """
    A request for *host*.
    """
    head = RequestReader(HeadLimits()).feed(request("GET", target, host))[0]
    assert isinstance(head, RequestHead)
    return head, canonicalise(head)


class HouseTestCase(SynchronousTestCase):
    """
    A house in memory.
    """

    part = Part.ALL

    def make(self, store: SessionStore | None = None, **changes: object) -> House:
        """
        A house on the scenarios' configuration.
        """
        self.network = Network(Clock())
        self.clock = self.network.clock
        self.clock.advance(1_700_000_000)
        path = Path(self.mktemp())
        values: dict[str, Any] = {**CONFIG, **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        self.house = House(
            load(path, {}).config,
            part=self.part,
            store=store or MemoryStore(),
            clock=self.clock,
            now=self.clock.seconds,
            http=cast(HTTPClient, None),  # nobody asks the OP
            http_of=lambda route: cast(HTTPClient, None),  # nor tells an application
            connect=lambda route, upstream: self.network.endpoint(upstream.host, upstream.port),
        )
        self.network.listen("proxy", 443, self.house.factory)
        return self.house

    def start(self, **changes: object) -> House:
        """
        A house that has started.
        """
        house = self.make(**changes)  # type: ignore[arg-type] # never a store
        self.successResultOf(house.start())
        self.addCleanup(house.stop)
        return house

    def begin(self, **changes: object) -> Session:
        """
        A session of the configured OP.
        """
        now = self.clock.seconds()
        values: dict[str, Any] = {"began": now, "idp_id": self.house.layout.default_idp_id}
        session = a_session(**(values | changes))
        self.successResultOf(self.house.registry.begin(session, state_issued=now))
        return session

    def ask(self, host: str, target: str = "/", *fields: str) -> Any:
        """
        What is answered at *host*.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        return read(agent.ask(request("GET", target, host, *fields)))


class LifeTests(HouseTestCase):
    """
    Starting and stopping.
    """

    def test_nothing_is_left(self) -> None:
        """
        After the stop no delayed call and no connection is left.
        """
        house = self.make()
        self.successResultOf(house.start())
        self.begin()
        agent = UserAgent.connect(self.network, "proxy", 443)
        self.assertNotEqual(self.clock.getDelayedCalls(), [])
        house.stop()
        self.network.settle()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNotNone(agent.lost)
        self.assertEqual(house.factory.open_connections, 0)

    def test_stop_before_start(self) -> None:
        """
        A house that never started can be stopped.
        """
        self.make().stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_store_unavailable(self) -> None:
        """
        A house that cannot know its sessions does not start.
        """
        store = UnreliableStore()

        async def follow(*arguments: object) -> Any:
            raise StoreUnavailable("out of order")

        store.follow = follow  # type: ignore[method-assign] # this test's double
        house = self.make(store)
        self.failureResultOf(Deferred.fromCoroutine(house.start()), StoreUnavailable)
        house.stop()

    def test_drain(self) -> None:
        """
        While it drains, idle connections are closed and an answer is the last on its connection.
        """
        house = self.start()
        idle = UserAgent.connect(self.network, "proxy", 443)
        busy = UserAgent.connect(self.network, "proxy", 443)
        upstreams = PeerFactory()
        self.network.listen("open.internal", 8080, upstreams)
        busy.ask(request("GET", "/", "open.example.com"))
        house.drain()
        self.network.settle()
        self.assertIsNotNone(idle.lost)
        self.assertIsNone(busy.lost)
        self.assertEqual(house.factory.open_connections, 1)
        upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.network.settle()
        answer = read(busy.take())
        self.assertEqual((answer.content, answer.get("Connection")), (b"ok", "close"))
        self.assertIsNotNone(busy.lost)
        self.assertEqual(house.factory.open_connections, 0)


class SiteTests(HouseTestCase):
    """
    Which pages are where.
    """

    def test_sites(self) -> None:
        """
        Route hosts, the authenticate host and unknown hosts have each their own pages.
        """
        self.start()
        for host, target, status in (
            ("app.example.com", "/.well-known/pomerium", 200),
            ("app.example.com", "/.pomerium/callback/", 400),
            ("app.example.com", "/.pomerium/sign_in", 404),
            ("authenticate.example.com", "/.well-known/pomerium", 200),
            ("authenticate.example.com", "/.pomerium/callback/", 404),
            ("authenticate.example.com", "/.pomerium/signed_out", 200),
            ("nobody.example.com", "/ping", 200),
            ("nobody.example.com", "/healthz", 200),
            ("nobody.example.com", "/.well-known/pomerium", 404),
            ("nobody.example.com", "/.pomerium/", 404),
        ):
            with self.subTest(host=host, target=target):
                self.assertEqual(self.ask(host, target).status, status)

    def test_same_keys_everywhere(self) -> None:
        """
        Both sites publish the key that assertions are signed with: the configured one, else one that is derived.
        """
        path = Path(self.mktemp())
        path.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
        path.chmod(0o600)
        published = []
        for changes in ({}, {}, {"signing_key_file": str(path)}):
            self.start(**changes)
            both = [self.ask(host, "/.well-known/pomerium/jwks.json").text for host in (APP[8:], AUTHENTICATE[8:])]
            self.assertEqual(both[0], both[1])
            published.append(both[0])
        self.assertEqual(published[0], published[1], "derived anew from the same secret")
        self.assertNotEqual(published[0], published[2])

    def test_response_fields(self) -> None:
        """
        What the configuration sets on responses is on pages of hosts that nobody has configured too.
        """
        self.start(set_response_headers={"X-Everywhere": "yes"})
        for host in ("app.example.com", "nobody.example.com"):
            self.assertEqual(self.ask(host, "/ping").get("X-Everywhere"), "yes")


class IdentityTests(HouseTestCase):
    """
    What applications are told.
    """

    def headers(self, session: Session) -> list[bytes]:
        """
        The names of the fields for a request of *session*.
        """
        head, canonical = asked("app.example.com")
        verdict = self.house.proxy.check(head, canonical, CLIENT, "request-1")
        verdict.session = session
        return [name for name, _ in pairs_of(self.house.proxy.identity(verdict, canonical))]

    def test_identity(self) -> None:
        """
        The assertion and the claim fields are sent where the route passes identity, and nothing elsewhere.
        """
        self.start(jwt_claims_headers={"X-Email": "email"})
        self.assertEqual(self.headers(self.begin()), [b"X-Pomerium-Jwt-Assertion", b"x-email"])
        self.start(pass_identity_headers=False)
        self.assertEqual(self.headers(self.begin()), [])

    def test_forgotten(self) -> None:
        """
        The assertion of a session that has ended is not kept.
        """
        house = self.start()
        session = self.begin()
        self.headers(session)
        kept = house.layout.assertions._kept
        self.assertEqual(len(kept), 1)
        self.successResultOf(house.ending.end([session.id], Cause.ADMINISTRATOR))
        self.assertEqual(len(kept), 0)


class UseTests(HouseTestCase):
    """
    What is noted of requests.
    """

    def test_first_use(self) -> None:
        """
        A session knows the routes it was used on; that it is used is seen.
        """
        house = self.start()
        session = self.begin()
        route = next(iter(house.layout.table.routes))
        self.clock.advance(5)
        house.proxy.used(session, route, APP, "192.0.2.1")
        self.assertEqual(house.registry.last_seen(session.id), self.clock.seconds())
        found = house.registry.find(session.id)
        assert found is not None
        self.assertEqual([use.origin for use in found.uses.values()], [APP])

    def test_store_unavailable(self) -> None:
        """
        If the use cannot be kept, that is logged, and the request goes on.
        """
        store = UnreliableStore()
        house = self.make(store)
        self.successResultOf(house.start())
        self.addCleanup(house.stop)
        session = self.begin()
        store.break_down()
        house.proxy.used(session, next(iter(house.layout.table.routes)), APP, "192.0.2.1")
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 1)

    def test_no_longer_admitted(self) -> None:
        """
        When refreshed claims admit a person no longer, their exchanges on that route are cut, and no others.
        """
        house = self.start()
        session = self.begin(email="bob@example.com", user_id="bob")
        routes = {route.name: route.id for route in house.layout.table.routes}
        exchanges = {name: MemoryExchange(route_id=routes[name]) for name in ("denied", "app")}
        for exchange in exchanges.values():
            exchange.open(house.registry, session.id)
        house._cut_what_is_not_admitted(session)
        self.assertEqual([name for name, exchange in exchanges.items() if exchange.is_cut], [])
        exchanges["denied"].admitted = False
        house._cut_what_is_not_admitted(session)
        self.assertEqual([name for name, exchange in exchanges.items() if exchange.is_cut], ["denied"])


class DroppedCookieTests(HouseTestCase):
    """
    An upstream that sets our cookie.
    """

    def test_logged(self) -> None:
        """
        It is told by the names of route and cookie, without the value.
        """
        house = self.start()
        (resource,) = [each for each in house.layout.resources.values() if each.route.name == "app"]
        with capturedLogs() as events:
            resource.forwarding._dropped_cookie(b"_pomerium")
        (event,) = events
        self.assertEqual((event["route"], event["name"]), ("app", "_pomerium"))
