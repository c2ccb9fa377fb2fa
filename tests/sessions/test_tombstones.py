"""
Tests for `pomerium_tx.sessions.tombstones`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.bearers import HALF, new_bearer_session_id
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.store import Cause, SessionsEnded
from pomerium_tx.sessions.tombstone import Tombstone
from pomerium_tx.sessions.tombstones import Tombstones, is_from_outside
from tests.sessions.records import ISS, NOW, ending, session, tombstone


def an_end(*tombstones: Tombstone, cause: Cause = Cause.USER_ROUTE) -> SessionsEnded:
    """
    An end that found no session and sets these tombstones.
    """
    return ending(tombstones=tombstones, cause=cause).change([], 0)


class TombstonesTests(SynchronousTestCase):
    """
    Who was signed out lately.
    """

    def setUp(self) -> None:
        self.tombstones = Tombstones(Limits(tombstones=3, outside_tombstones=2))

    def test_sign_in_begun_before(self) -> None:
        """
        A sign-in that began before the end loses, by browser, sid or sub; one that began then or later does not.
        """
        alice = session(browser="b", sids=("s",), sub="u")
        for name in (tombstone("browser", "b"), tombstone("sid", "s"), tombstone("sub", "u")):
            with self.subTest(name.kind):
                tombstones = Tombstones(Limits())
                tombstones.set(an_end(name))
                self.assertTrue(tombstones.forbid(alice, NOW - 0.001))
                self.assertFalse(tombstones.forbid(alice, NOW))
                self.assertFalse(tombstones.forbid(session("bob-1"), NOW - 60))

    def test_without_a_sid(self) -> None:
        """
        A sign-in of somebody whose OP's session is over loses if its ID Token has no ``sid``, and otherwise does not.
        """
        self.tombstones.set(an_end(tombstone("sidless", "alice")))
        table = [
            (session("alice-1", sids=()), NOW - 1, True),
            (session("alice-1", sids=()), NOW, False),
            (session("alice-1", sids=("sid",)), NOW - 1, False),
            (session("bob-1", sids=()), NOW - 1, False),
            (session("alice-1", sids=(), iss="https://other.example"), NOW - 1, False),
        ]
        for one, state_issued, expected in table:
            with self.subTest(one=one, state_issued=state_issued):
                self.assertIs(self.tombstones.forbid(one, state_issued), expected)

    def test_token(self) -> None:
        """
        A token that is named begins no session, whenever it was issued, by whichever provider and for whatever routes;
        another one does, and so does a person.
        """
        dead, other = "d" * HALF, "o" * HALF
        self.tombstones.set(an_end(tombstone("token", dead)))
        for digest, expected in ((dead + other, True), (dead + dead, True), (other + dead, False)):
            one = session(new_bearer_session_id(digest, "idp"), iss="https://other.example")
            self.assertIs(self.tombstones.forbid(one, NOW + 60), expected)
        self.assertFalse(self.tombstones.forbid(session(dead), NOW - 60))

    def test_browser_alone(self) -> None:
        """
        A browser's sign-in is known to have lost before anybody knows who signs in.
        """
        self.tombstones.set(an_end(tombstone("browser", "b")))
        self.assertTrue(self.tombstones.forbid_browser("b", since=NOW - 1, at=NOW + 1))
        self.assertFalse(self.tombstones.forbid_browser("b", since=NOW, at=NOW + 1))
        self.assertFalse(self.tombstones.forbid_browser("b", since=NOW - 1, at=NOW + 901))
        self.assertFalse(self.tombstones.forbid_browser("other", since=NOW - 1, at=NOW + 1))

    def test_refresh(self) -> None:
        """
        A refresh that was asked for before the end of an OP's session does not make a session part of it.
        """
        self.tombstones.set(an_end(tombstone("sid", "s")))
        for iss, requested, expected in (
            (ISS, NOW - 1, True),
            (ISS, NOW + 1, False),
            ("https://other.example", NOW - 1, False),
        ):
            with self.subTest(iss=iss, requested=requested):
                forbidden = self.tombstones.forbid_sid(iss, "s", signed_in=NOW, requested=requested)
                self.assertIs(forbidden, expected)

    def test_signed_in_later_at_the_op(self) -> None:
        """
        Whom the OP's word cannot mean, by the OP's own clock, does not lose, whenever the sign-in began by ours.
        """
        for kind, value, sids in (("sid", "s", ("s",)), ("sub", "alice", ("s",)), ("sidless", "alice", ())):
            self.tombstones = Tombstones(Limits())
            self.tombstones.set(an_end(tombstone(kind, value, signed_in_until=NOW - 40)))
            for iat, expected in ((NOW - 50, True), (NOW - 40, True), (NOW - 39, False)):
                with self.subTest(kind=kind, iat=iat):
                    one = session("alice-1", sids=sids, id_token_iat=iat)
                    self.assertIs(self.tombstones.forbid(one, NOW - 1), expected)
                    self.assertFalse(self.tombstones.forbid(one, NOW))
        self.tombstones.set(an_end(tombstone("sid", "t", signed_in_until=NOW - 40)))
        for iat, expected in ((NOW - 40, True), (NOW - 39, False)):
            self.assertIs(self.tombstones.forbid_sid(ISS, "t", signed_in=iat, requested=NOW - 1), expected)

    def test_a_late_word_prolongs_nothing(self) -> None:
        """
        An end that spares nobody and a late word of the OP's each forbid what they forbid alone, and no more.
        """
        first = tombstone("sub", "alice")
        late = tombstone("sub", "alice", at=NOW + 90, signed_in_until=NOW - 500, expires=NOW + 990)
        for order in ((first, late), (late, first)):
            tombstones = Tombstones(Limits())
            for one in order:
                tombstones.set(an_end(one))
            for began, iat, expected in ((NOW - 1, NOW, True), (NOW + 1, NOW + 2, False), (NOW + 1, NOW - 501, True)):
                with self.subTest(began=began, iat=iat):
                    one_session = session("alice-1", id_token_iat=iat)
                    self.assertIs(tombstones.forbid(one_session, began), expected)

    def test_words_of_the_op(self) -> None:
        """
        Of two words of the OP's about the same name each later time counts.
        """
        first = tombstone("sub", "alice", signed_in_until=NOW - 5)
        second = tombstone("sub", "alice", at=NOW + 50, signed_in_until=NOW + 40, expires=NOW + 950)
        for order in ((first, second), (second, first)):
            tombstones = Tombstones(Limits())
            for one in order:
                tombstones.set(an_end(one))
            self.assertEqual(len(tombstones), 1)
            self.assertTrue(tombstones.forbid(session("alice-1", id_token_iat=NOW + 40), NOW + 49))

    def test_the_later_one_counts(self) -> None:
        """
        Of two ends of the same name the later one counts, in whatever order they come.
        """
        first, second = tombstone("browser", "b"), tombstone("browser", "b", at=NOW + 50, expires=NOW + 950)
        for order in ((first, second), (second, first)):
            tombstones = Tombstones(Limits())
            for one in order:
                tombstones.set(an_end(one))
            self.assertEqual(len(tombstones), 1)
            self.assertTrue(tombstones.forbid_browser("b", since=NOW + 49, at=NOW + 940))

    def test_from_outside(self) -> None:
        """
        However many anybody can have set, those with a proof stay.
        """
        self.tombstones.set(an_end(tombstone("browser", "b")))
        for number in range(10):
            end = an_end(tombstone("sid", f"s{number}"), cause=Cause.FRONT_CHANNEL)
            self.assertTrue(is_from_outside(end))
            self.tombstones.set(end)
        self.assertEqual(len(self.tombstones), 3)
        self.assertTrue(self.tombstones.forbid_browser("b", since=NOW - 1, at=NOW))

    def test_forgotten(self) -> None:
        """
        One whose time is over is dropped.
        """
        self.tombstones.set(an_end(tombstone("browser", "b")))
        self.tombstones.forget(NOW + 899)
        self.assertEqual(len(self.tombstones), 1)
        self.tombstones.forget(NOW + 901)
        self.assertEqual(len(self.tombstones), 0)
