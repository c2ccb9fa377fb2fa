"""
Tests for `pomerium_tx.logout.ending`: for whom the way to the OP is, and what an answer may name.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.ending import SignedOut
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.doubles.sessions import a_session
from tests.logout.world import R2, START, R, World


class ForWhomTests(SynchronousTestCase):
    """
    Two people's sessions, of which whoever signs out can show one.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.own = self.begin("own")
        self.strangers = self.begin("stranger's")

    def begin(self, browser: str) -> Session:
        """
        A session of some browser.
        """
        session = a_session(began=START, idp_id=self.world.provider.idp_id, browser=browser)
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        return session

    def sign_out(self, *sessions: Session, **changes: Any) -> SignedOut:
        """
        Sign out, by the cookies of these sessions.
        """
        signing_out = self.world.ending.sign_out(
            [session.id for session in sessions], cause=Cause.USER_AUTHENTICATE, target=None, **changes
        )
        return self.successResultOf(Deferred.fromCoroutine(signing_out))

    def is_own(self, departure: Departure) -> bool:
        """
        Whether a departure is for the browser with the name "own".
        """
        return "own" in departure.browsers

    def test_not_for_whoever_asks(self) -> None:
        """
        Somebody else's session ends all the same, and the way to its OP is not in the answer, then or later.
        """
        signed_out = self.sign_out(self.strangers, may_follow=self.is_own)
        self.assertEqual((signed_out.receipt.sessions_ended, signed_out.departure), (1, None))
        self.assertIsNone(self.world.registry.find(self.strangers.id))
        again = self.sign_out(self.strangers, may_follow=self.is_own)
        self.assertEqual((again.receipt.sessions_ended, again.departure), (0, None))
        self.assertNotEqual(again.receipt.id, signed_out.receipt.id)
        self.assertIsNotNone(self.sign_out(self.strangers).departure)

    def test_own_behind_somebody_elses(self) -> None:
        """
        Of several ends that are past, the answer is the one that is for whoever asks, be it not the first.
        """
        self.sign_out(self.strangers)
        first = self.sign_out(self.own)
        again = self.sign_out(self.strangers, self.own, may_follow=self.is_own)
        self.assertEqual(again.departure, first.departure)

    def test_routes_by_their_origin(self) -> None:
        """
        The answer knows which routes of one host the ended sessions were used on, of every session of the browser.
        """
        second = self.begin("own")
        for session, route_id, origin in ((self.own, "a", R), (self.own, "b", R2), (second, "c", R)):
            using = self.world.registry.use_route(session.id, route_id, origin)
            self.successResultOf(Deferred.fromCoroutine(using))
        signed_out = self.sign_out(self.own)
        self.assertEqual((signed_out.routes_at(R), signed_out.routes_at(R2)), ({"a", "c"}, {"b"}))
        self.assertEqual(signed_out.routes_at("https://other.example.com"), frozenset())
        self.assertEqual(self.sign_out(self.own).routes_at(R), frozenset())
