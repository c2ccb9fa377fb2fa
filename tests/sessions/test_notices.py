"""
Tests for `pomerium_tx.sessions.notices`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.notices import NOTICE_LIFETIME, Notices, notices_of
from pomerium_tx.sessions.session import RouteUse, Session
from pomerium_tx.sessions.store import SessionsEnded
from tests.sessions.records import HOUR, NOW, ending, session


def used(id: str, *route_ids: str, **changes: Any) -> Session:
    """
    A session that was used on some routes.
    """
    uses = {name: RouteUse(origin=f"https://{name}.example.com", first_used=NOW) for name in route_ids}
    return session(id, uses=uses, **changes)


def an_end(*sessions: Session, **changes: Any) -> SessionsEnded:
    """
    The end of some sessions, of which the applications at ``a`` and ``b`` want to know.
    """
    fields = {"receipt_id": "receipt", "notify": ("a", "b")} | changes
    return ending(*(one.id for one in sessions), **fields).change(sessions, 0)


class NoticesTests(SynchronousTestCase):
    """
    Who is told of an end.
    """

    def setUp(self) -> None:
        self.notices = Notices(3)

    def routes(self) -> list[tuple[str, str]]:
        """
        The session and the route of each notice that is owed.
        """
        return sorted((one.session_id, one.route_id) for one in self.notices.owed())

    def test_whom(self) -> None:
        """
        Each application is told of the sessions that were used on its route, if it wants to know.
        """
        sessions = used("alice-1", "a", "c"), used("alice-2", "b"), used("alice-3")
        self.notices.settle(an_end(*sessions), {one.id for one in sessions}, sessions)
        self.assertEqual(self.routes(), [("alice-1", "a"), ("alice-2", "b")])
        one = self.notices.owed()[0]
        self.assertEqual((one.origin, one.user_id, one.receipt_id), ("https://a.example.com", "alice", "receipt"))
        self.assertEqual((one.since, self.notices.get(one.id)), (NOW, one))

    def test_all_that_the_log_says(self) -> None:
        """
        Whether the log still says how a session was used, or its end alone does, the same is owed, once.
        """
        alice, late = used("alice-1", "a"), used("alice-2", "b")
        whole, left = Notices(9), Notices(9)
        change = an_end(alice)
        whole.settle(change, {"alice-1", "alice-2"}, (alice, late))
        left.settle(change, {"alice-1", "alice-2"}, (late,))
        self.assertEqual(len(whole), 2)
        self.assertEqual(dict(left.book), dict(whole.book))

    def test_a_use_in_the_last_moment(self) -> None:
        """
        A use that whoever asked for the end did not know of is a use.
        """
        self.notices.settle(an_end(used("alice-1", "a")), {"alice-1"}, [used("alice-1", "a", "b")])
        self.assertEqual(self.routes(), [("alice-1", "a"), ("alice-1", "b")])

    def test_ended_by_another(self) -> None:
        """
        Of a session that an earlier end has ended nothing is told a second time.
        """
        self.notices.settle(an_end(used("alice-1", "a")), (), ())
        self.assertEqual(len(self.notices), 0)

    def test_id(self) -> None:
        """
        Every end of every session on every route has a name of its own, of 128 bits, that says nothing about them.
        """
        (one,) = notices_of(used("alice-1", "a"), "receipt", NOW, ("a",))
        others = [
            *notices_of(used("alice-2", "a"), "receipt", NOW, ("a",)),
            *notices_of(used("alice-1", "b"), "receipt", NOW, ("b",)),
            *notices_of(used("alice-1", "a"), "another", NOW, ("a",)),
        ]
        self.assertEqual(notices_of(used("alice-1", "a"), "receipt", NOW + 9, ("a",))[0].id, one.id)
        self.assertEqual(len({one.id, *(other.id for other in others)}), 4)
        self.assertRegex(one.id, "^[0-9a-f]{32}$")
        self.assertNotIn("alice-1", repr(one))

    def test_done(self) -> None:
        """
        What is done is owed no longer; to say so twice is harmless.
        """
        self.notices.settle(an_end(used("alice-1", "a", "b")), {"alice-1"}, ())
        one = self.notices.owed()[0]
        for _ in range(2):
            self.notices.done(one.id)
            self.assertIsNone(self.notices.get(one.id))
            self.assertEqual(len(self.notices), 1)

    def test_bounds(self) -> None:
        """
        So many are owed at most, the latest, and each for a day.
        """
        self.assertEqual(NOTICE_LIFETIME, 24 * HOUR)
        for number in range(5):
            at = NOW + number
            self.notices.settle(an_end(used(f"alice-{number}", "a"), at=at), {f"alice-{number}"}, ())
        self.assertEqual([name for name, _ in self.routes()], ["alice-2", "alice-3", "alice-4"])
        self.notices.book.forget(NOW + 3 + 24 * HOUR)
        self.assertEqual([name for name, _ in self.routes()], ["alice-4"])
