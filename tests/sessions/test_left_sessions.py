"""
Tests for `pomerium_tx.sessions.left_sessions`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.left_sessions import LeftSessions, left_by
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import SessionsEnded
from tests.contracts.session_store import departure, legs
from tests.sessions.records import ISS, NOW, ending, session
from tests.sessions.test_provider_logout import logout


def an_end(*sessions: Session, **changes: Any) -> SessionsEnded:
    """
    The end of some sessions, from which the person is sent to the OP.
    """
    names = [one.id for one in sessions]
    return ending(*names, **{"departure": departure(), "receipt_id": "r"} | changes).change(sessions, 0)


class LeftByTests(SynchronousTestCase):
    """
    Which sessions an OP may have a word to say about.
    """

    def test_at_the_departures_op(self) -> None:
        """
        Only those of the OP that the person is sent to count, and none if they are sent to none.
        """
        alice, elsewhere = session("alice-1"), session("alice-2", iss="https://other.example")
        table: list[tuple[Any, list[str]]] = [
            (departure(), ["alice-1"]),
            (departure(legs=legs("https://other.example")), ["alice-2"]),
            (departure(legs=()), []),
            (None, []),
        ]
        for to, expected in table:
            with self.subTest(to=to):
                change = an_end(alice, elsewhere, departure=to)
                for at_hand in ((), (alice, elsewhere)):
                    left = left_by(change, change.session_ids, at_hand)
                    self.assertEqual([one.session_id for one in left], expected)

    def test_in_the_departures_browser(self) -> None:
        """
        Sessions of other browsers that end with it do not count: their OP's sessions are not this browser's.
        """
        here, there = session("alice-1"), session("alice-2")
        change = an_end(here, there, departure=departure(browsers=(here.browser,)))
        for at_hand in ((), (here, there)):
            left = left_by(change, change.session_ids, at_hand)
            self.assertEqual([one.session_id for one in left], ["alice-1"])

    def test_as_the_log_says(self) -> None:
        """
        What the log says of a session counts, and otherwise what whoever asked for its end knew.
        """
        asked, now = session("alice-1", sids=("old",)), session("alice-1", sids=("old", "new"))
        change = an_end(asked)
        self.assertEqual(left_by(change, {"alice-1"}, ()), (asked.left("r"),))
        self.assertEqual(left_by(change, {"alice-1"}, (now,)), (now.left("r"),))

    def test_ended_by_another(self) -> None:
        """
        A session that an earlier end has ended is that end's; one that came unnamed is this one's.
        """
        change = an_end(session("alice-1"), session("alice-2"))
        late = session("alice-3")
        left = left_by(change, {"alice-2", "alice-3"}, (late,))
        self.assertEqual({one.session_id for one in left}, {"alice-2", "alice-3"})


class LeftSessionsTests(SynchronousTestCase):
    """
    What ends may still be confirmed by.
    """

    def setUp(self) -> None:
        """
        Alice left with two sessions, Bob with one that has no ``sid``, and Alice once more.
        """
        self.left = LeftSessions()
        self.left.add("two", tuple(session(name).left("two") for name in ("alice-1", "alice-2")))
        self.left.add("bob", (session("bob-1", sids=()).left("bob"),))
        self.left.add("again", (session("alice-3", sids=("sid-alice-1",)).left("again"),))
        self.left.add("nobody", ())

    def test_confirmed_by(self) -> None:
        """
        An end is confirmed when all that it ended is over at the OP, and only then.
        """
        table: list[tuple[dict[str, Any], tuple[str, ...]]] = [
            ({"sid": "sid-alice-1"}, ("again",)),
            ({"sid": "sid-alice-2"}, ()),
            ({"sid": "sid-alice-1", "sub": "alice"}, ("again",)),
            ({"sub": "alice"}, ("again", "two")),
            ({"sub": "alice", "issued": NOW - 31}, ()),
            ({"sub": "alice", "client_id": "another"}, ()),
            ({"sub": "alice", "iss": "https://other.example"}, ()),
            ({"sub": "bob"}, ("bob",)),
            ({"sid": "anything", "sub": "bob"}, ("bob",)),
            ({"sid": "anything"}, ()),
            ({}, ()),
        ]
        for said, expected in table:
            with self.subTest(said=said):
                self.assertEqual(self.left.confirmed_by(logout(**said)), tuple((name, ISS) for name in expected))

    def test_dropped(self) -> None:
        """
        What is dropped can be confirmed no more, and nothing of it is left.
        """
        self.left.drop("again")
        self.left.drop("unknown")
        self.assertEqual(self.left.confirmed_by(logout(sub="alice")), (("two", ISS),))
        for name in ("two", "bob"):
            self.left.drop(name)
        self.assertEqual((len(self.left), len(self.left._by_sid), len(self.left._by_sub)), (0, 0, 0))
