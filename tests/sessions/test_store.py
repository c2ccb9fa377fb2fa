"""
Tests for `pomerium_tx.sessions.store`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import (
    Cause,
    Change,
    OpLogout,
    RevocationsReleased,
    RouteUsed,
    SessionBegun,
    SessionsSeen,
    UsedOnce,
    time_of,
)
from tests.sessions.records import NOW, session


class ChangeTests(SynchronousTestCase):
    """
    The words of the log.
    """

    def test_time_of(self) -> None:
        """
        The time of a change is that of its writer, if it says one.
        """
        table: list[tuple[Change, float]] = [
            (SessionBegun(session=session(), state_issued=1), NOW),
            (RouteUsed(session_id="s", route_id="r", origin="o", at=2), 2),
            (UsedOnce(key="k", at=3, expires=99), 3),
            (SessionsSeen(registry="r", at=4, seen={"s": 3}, addresses={}), 4),
            (RevocationsReleased(receipt_id="r"), 0),
        ]
        for change, expected in table:
            with self.subTest(change=type(change)):
                self.assertEqual(time_of(change), expected)

    def test_words(self) -> None:
        """
        Causes and states are called as the specification calls them.
        """
        self.assertEqual(
            {cause.value for cause in Cause},
            set(
                "user_route user_authenticate user_everywhere front_channel back_channel administrator expired idle "
                "tokens_expired refresh_refused provider_removed replaced".split()
            ),
        )
        self.assertEqual({value for value in OpLogout if value.releases_hold}, {OpLogout.CONFIRMED, OpLogout.RETURNED})
