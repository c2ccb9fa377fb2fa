"""
Tests of `pomerium_tx.house`: a house that does a part of all there is to do, and how one is waited for.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from pomerium_tx.house import Part, drained
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import Cause, Change, SessionBegun, SessionsEnded
from tests import test_house
from tests.doubles.exchanges import MemoryExchange
from tests.doubles.peers import PeerFactory, UserAgent
from tests.doubles.sessions import a_session


class PartTestCase(test_house.HouseTestCase):
    """
    A house in memory, and sessions of its OP.
    """

    def session(self, **changes: object) -> Session:
        """
        A session that began now.
        """
        return a_session(**{"began": self.clock.seconds(), "idp_id": self.house.layout.default_idp_id, **changes})

    def begin_session(self, **changes: object) -> Session:
        """
        One that the house knows.
        """
        session = self.session(**changes)
        begun = self.house.registry.begin(session, state_issued=self.clock.seconds())
        self.successResultOf(Deferred.fromCoroutine(begun))
        return session


class ParentTests(PartTestCase):
    """
    A house that does what is done once, for workers.
    """

    part = Part.PARENT

    def append(self, change: Change) -> None:
        """
        A worker has something recorded.
        """
        self.successResultOf(Deferred.fromCoroutine(self.house.registry._store.append(change)))

    def test_asks_no_upstream(self) -> None:
        """
        It connects to no application, and so does not ask whether they are well.
        """
        check = {"timeout": "1s", "interval": "1s", "tcp_health_check": {}}
        to = ["http://app.internal:8080", "http://two.internal:8080"]
        route = {"from": "https://app.example.com", "to": to, "health_checks": [check], "allowed_users": ["a@b.test"]}
        for part, is_asked in ((Part.PARENT, False), (Part.WORKER, True)):
            with self.subTest(str(part)):
                self.part = part
                house = self.start(routes=[route])
                self.network.listen("app.internal", 8080, PeerFactory())
                self.network.advance(3)
                house.reload(house.config)
                made = self.network.connections
                self.network.advance(3)
                self.assertEqual(self.network.connections > made, is_asked)

    def test_refreshed_before_the_id_token_expires(self) -> None:
        """
        A session that has begun at a worker is refreshed before its ID Token expires.
        """
        house = self.start()
        now = self.clock.seconds()
        tokens = Tokens(
            id_token="i",
            access_token="a",
            refresh_token="r",
            access_token_expires=now + 3600,
            id_token_expires=now + 120,
        )
        session = self.session(tokens=tokens)
        self.append(SessionBegun(session=session, state_issued=now))
        due: list[str] = []
        house.registry.subscribe_refresh_due(due.append)
        self.clock.advance(61)
        self.assertEqual(due, [session.id])

    def test_provider_gone(self) -> None:
        """
        One that has begun at a worker which did not know yet that its OP is gone ends.
        """
        house = self.start()
        session = self.session(idp_id="another")
        self.append(SessionBegun(session=session, state_issued=self.clock.seconds()))
        self.clock.advance(0)
        ended = house.registry.ended(session.id)
        assert ended is not None
        self.assertIs(ended.cause, Cause.PROVIDER_REMOVED)

    def test_audit(self) -> None:
        """
        An end that a worker has asked for is in the audit log; one that ended nothing is not.
        """
        house = self.start()
        session = self.session()
        self.append(SessionBegun(session=session, state_issued=self.clock.seconds()))
        for name, ids in (("first", (session.id,)), ("second", ())):
            self.append(
                SessionsEnded(
                    receipt_id=name,
                    at=self.clock.seconds(),
                    cause=Cause.USER_ROUTE,
                    session_ids=ids,
                    known=0,
                    remember_until=self.clock.seconds() + 9,
                )
            )
        with capturedLogs() as events:
            for name in ("first", "second", "unknown"):
                house.audit(name)
        self.assertEqual([event["receipt"]["id"] for event in events], ["first"])


class WorkerTests(PartTestCase):
    """
    A house that only serves.
    """

    part = Part.WORKER

    def test_nothing_is_done_twice(self) -> None:
        """
        It ends nothing that is due, pays nothing, refreshes nothing, and has no page for the administrator.
        """
        house = self.start()
        registry = house.registry
        for subscribers in (registry._timetable.on_due, registry._timetable.on_refresh_due, registry._on_owed):
            self.assertEqual(subscribers._callbacks, [])  # type: ignore[attr-defined]
        self.assertIsNone(house.admin_factory)

    def test_no_audit(self) -> None:
        """
        Of an end that it has asked for it writes no line: its parent does.
        """
        house = self.start()
        session = self.begin_session()
        with capturedLogs() as events:
            ending = house.ending.end([session.id], Cause.ADMINISTRATOR)
            self.assertEqual(self.successResultOf(Deferred.fromCoroutine(ending)).sessions_ended, 1)
        self.assertEqual([event for event in events if "receipt" in event], [])

    def test_reload_ends_nobody(self) -> None:
        """
        A session whose OP a reload has removed is its parent's to end; what is open of it is cut where it is not
        admitted any more.
        """
        house = self.start()
        session = self.begin_session(idp_id="another")
        exchange = MemoryExchange(kind="sse")
        exchange.admitted = False
        exchange.open(house.registry, session.id)
        house.reload(house.config)
        self.clock.advance(0)
        self.assertIsNotNone(house.registry.find(session.id))
        self.assertEqual(exchange.causes, [None])


class DrainedTests(PartTestCase):
    """
    Waiting for what is under way.
    """

    def test_until_all_is_closed(self) -> None:
        """
        It waits until the last connection is closed, until the time is over, or until somebody is in a hurry.
        """
        house = self.start()
        hurry: list[str] = []
        for end in ("closed", "over", "hurried"):
            with self.subTest(end):
                agent = UserAgent.connect(self.network, "proxy", 443)
                waiting = Deferred.fromCoroutine(
                    drained(self.clock, house, seconds=10.0, is_hurried=lambda: "hurried" in hurry)
                )
                self.clock.advance(9)
                self.assertNoResult(waiting)
                hurry.append(end)
                if end == "closed":
                    agent.transport.loseConnection()
                    self.network.settle()
                self.clock.advance(1.1 if end == "over" else 0.1)
                self.successResultOf(waiting)
