"""
Tests for `pomerium_tx.dashboard.presented`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.resource import PageRequest
from tests.doubles.sessions import a_session
from tests.logout.world import START, R, World


class RouteSessionsTests(SynchronousTestCase):
    """
    Whose request it is.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.sessions = RouteSessions(self.world.registry, self.world.handles)
        self.one, self.two, self.three = (self.begin() for _ in range(3))

    def begin(self) -> Session:
        session = a_session(began=START)
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        return session

    def handle(self, session: Session) -> str:
        return self.world.handles.mint(
            session.id, user_id="user", issuer="issuer", audience=("a",), idp_id="idp", now=START
        )

    def request(
        self,
        *beside: Session,
        cookie: Session | None = None,
        header: Session | None = None,
        query: Session | None = None,
    ) -> PageRequest:
        fields: dict[bytes, list[bytes]] = {}
        if cookie is not None:
            fields[b"cookie"] = [f"_pomerium={self.handle(one)}".encode() for one in (*beside, cookie)]
        if header is not None:
            fields[b"authorization"] = [f"Pomerium {self.handle(header)}".encode()]
        raw = None if query is None else f"pomerium_session={self.handle(query)}".encode()
        return PageRequest(
            method="GET",
            path="/",
            origin=R,
            url=R,
            raw_query=raw,
            query=[],
            form_fields=[],
            client_address="198.51.100.9",
            request_id="",
            fields=fields,
        )

    def test_first_carrier_counts(self) -> None:
        """
        Cookie before header before query.
        """
        for request, expected in (
            (self.request(cookie=self.one, header=self.two, query=self.three), self.one),
            (self.request(header=self.two, query=self.three), self.two),
            (self.request(query=self.three), self.three),
            (self.request(), None),
        ):
            self.assertIs(self.sessions.session(request), expected)

    def test_several(self) -> None:
        """
        Several live sessions are nobody; beside one that lives, those that have ended do not count.
        """
        ended = a_session(began=START)
        self.assertIsNone(self.sessions.session(self.request(self.two, cookie=self.one)))
        self.assertIs(self.sessions.session(self.request(ended, cookie=self.one)), self.one)
        self.assertIs(self.sessions.session(self.request(self.one, cookie=ended)), self.one)
        self.assertIsNone(self.sessions.session(self.request(cookie=ended, header=self.one)))

    def test_used(self) -> None:
        """
        What is used is the session that counts, from where the request comes, and no other that is presented.
        """
        self.world.clock.advance(5.0)
        self.assertIs(self.sessions.used(self.request(cookie=self.one, header=self.two)), self.one)
        self.assertIsNone(self.sessions.used(self.request(self.two, cookie=self.three)))
        self.assertIsNone(self.sessions.used(self.request()))
        seen = [self.world.registry.last_seen(session.id) - START for session in (self.one, self.two, self.three)]
        self.assertEqual(seen, [5.0, 0.0, 0.0])
        self.assertEqual(self.world.registry.last_address(self.one.id), "198.51.100.9")

    def test_sign_out_counts_all(self) -> None:
        """
        Signing out ends what any carrier names.
        """
        request = self.request(cookie=self.one, header=self.two, query=self.three)
        self.assertEqual(self.sessions.all_session_ids(request), (self.one.id, self.two.id, self.three.id))
        ended = a_session(began=START)
        request = self.request(ended, self.two, cookie=self.one, header=self.two)
        self.assertEqual(self.sessions.all_session_ids(request), (ended.id, self.two.id, self.one.id))

    def test_where_it_is(self) -> None:
        """
        A program is told by its header without a cookie.
        """
        for request, in_header_only, outside_cookie in (
            (self.request(), False, False),
            (self.request(cookie=self.one), False, False),
            (self.request(header=self.one), True, True),
            (self.request(cookie=self.one, header=self.one), False, True),
            (self.request(query=self.one), False, True),
        ):
            self.assertIs(self.sessions.in_header_only(request), in_header_only)
            self.assertIs(self.sessions.outside_cookie(request), outside_cookie)
