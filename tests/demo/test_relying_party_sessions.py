"""
Tests for `pomerium_tx.demo.relying_party_sessions`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.relying_party_sessions import BACK, FRONT, HERE, OtherSession, OtherSessions, state_of


def session(sub: str = "alice", sid: str | None = "a1") -> OtherSession:
    """
    Somebody who has just signed in.
    """
    return OtherSession(name=sub.title(), sub=sub, sid=sid, id_token="hush")


class SessionsTests(SynchronousTestCase):
    """
    Who is signed in at the second relying party.
    """

    def setUp(self) -> None:
        """
        Nobody is.
        """
        self.clock = Clock()
        self.clock.advance(7)
        self.sessions = OtherSessions(self.clock)

    def test_found(self) -> None:
        """
        A session is found by its handle, and by no other; the browser's earlier one is gone.
        """
        one, other = session(), session("bob")
        first = self.sessions.begin(one, instead_of=None)
        self.assertIs(self.sessions.find(first), one)
        second = self.sessions.begin(other, instead_of=first)
        self.assertIs(self.sessions.find(second), other)
        for handle in (first, "nonsense", "", None):
            self.assertIsNone(self.sessions.find(handle))

    def test_bounded(self) -> None:
        """
        The latest thousand are remembered.
        """
        handles = [self.sessions.begin(session(), instead_of=None) for _ in range(1001)]
        self.assertEqual([self.sessions.find(handle) is None for handle in handles[:2]], [True, False])

    def test_ended(self) -> None:
        """
        An end has one time and everybody who has told of it; the token is forgotten.
        """
        ended = session()
        for by in (HERE, BACK, FRONT, BACK):
            self.sessions.end(ended, by)
            self.clock.advance(1)
        self.assertEqual((ended.ended_at, ended.ended_by, ended.id_token), (7, [HERE, BACK, FRONT], None))

    def test_named(self) -> None:
        """
        By ``sid`` one session at the OP ends, by ``sub`` all of one person, by both one that is both, by neither none.
        """
        table = [
            ("a1", None, "a1"),
            ("a1", "alice", "a1"),
            ("a1", "bob", ""),
            (None, "alice", "a1 a2"),
            ("unknown", None, ""),
            (None, None, ""),
        ]
        for sid, sub, expected in table:
            with self.subTest(sid=sid, sub=sub):
                self.sessions = OtherSessions(self.clock)
                present = [session(), session(sid="a2"), session("bob", "b1")]
                for one in present:
                    self.sessions.begin(one, instead_of=None)
                self.sessions.end_named(sid=sid, sub=sub, by=BACK)
                self.assertEqual(" ".join(str(one.sid) for one in present if one.ended_by), expected)

    def test_state(self) -> None:
        """
        The word changes whenever the page would.
        """
        one = session()
        states = [state_of(None), state_of(one)]
        for by in (BACK, FRONT):
            self.sessions.end(one, by)
            states.append(state_of(one))
        self.assertEqual(len(set(states)), 4)

    def test_token_is_not_shown(self) -> None:
        """
        The ID Token is in no ``repr``.
        """
        self.assertNotIn("hush", repr(session()))
