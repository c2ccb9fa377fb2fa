"""
Tests for `pomerium_tx.sessions.timetable`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from pomerium_tx.sessions.timetable import Timetable
from tests.sessions.records import HOUR, NOW, session, tokens


class TimetableTests(SynchronousTestCase):
    """
    Whose time has come.
    """

    def setUp(self) -> None:
        """
        A timetable over sessions that the test changes.
        """
        self.clock = Clock()
        self.clock.advance(NOW)
        self.sessions: dict[str, Session] = {}
        self.timetable = Timetable(self.clock, self.sessions)

    def begin(self, **changes: Any) -> None:
        """
        Enter a session.
        """
        self.sessions["alice-1"] = session(**changes)
        self.timetable.begun(self.sessions["alice-1"])

    def refresh_times(self, until: float) -> list[float]:
        """
        When refreshes become due, from now on.
        """
        times: list[float] = []
        self.timetable.on_refresh_due.add(lambda name: times.append(self.clock.seconds() - NOW))
        self.clock.pump([1.0] * int(until))
        return times

    def test_refresh_times(self) -> None:
        """
        A refresh is due a minute before the access token expires, ten seconds after the last one at the earliest.
        """
        table: list[tuple[dict[str, Any], list[float]]] = [
            ({"access_token_expires": NOW + 200}, [140]),
            ({"access_token_expires": NOW + 65}, [10]),
            ({"access_token_expires": NOW - 5}, [10]),
            ({"access_token_expires": None}, []),
            ({"access_token_expires": NOW + 200, "refresh_token": None}, []),
        ]
        for changes, expected in table:
            with self.subTest(changes=changes):
                self.setUp()
                self.begin(tokens=tokens(**changes))
                self.assertEqual(self.refresh_times(250), expected)

    def test_no_refresh_at_the_end(self) -> None:
        """
        A session that expires before its refresh would be due is not refreshed.
        """
        self.begin(expires=NOW + 100, tokens=tokens(access_token_expires=NOW + 160))
        self.assertEqual(self.refresh_times(250), [])

    def test_renewed_tokens(self) -> None:
        """
        A session that was due because its tokens had expired is not, once it has others.
        """
        self.begin(tokens=tokens(refresh_token=None))
        self.clock.advance(HOUR)
        self.assertEqual(self.timetable.due(), [("alice-1", Cause.TOKENS_EXPIRED)])
        self.sessions["alice-1"] = session(tokens=tokens(access_token_expires=NOW + 2 * HOUR))
        self.timetable.refreshed(self.sessions["alice-1"], NOW + HOUR)
        self.assertEqual(self.timetable.due(), [])

    def test_the_first_cause_stands(self) -> None:
        """
        A session that is due is not reported for another cause as well.
        """
        self.begin()
        heard: list[Cause] = []
        self.timetable.on_due.add(lambda name, cause: heard.append(cause))
        self.timetable.report("alice-1", Cause.REFRESH_REFUSED)
        self.clock.advance(14 * HOUR)
        self.assertEqual((heard, self.timetable.due()), ([Cause.REFRESH_REFUSED], [("alice-1", Cause.REFRESH_REFUSED)]))
