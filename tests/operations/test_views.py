"""
Tests of `pomerium_tx.operations.views`; what is shown of a session is in `tests.operations.test_admin`.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.operations.views import notice_view, reference, revocation_view, session_view, time_text
from pomerium_tx.sessions.elsewhere import seen
from pomerium_tx.sessions.memory import MemoryStore
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import new_session_id
from pomerium_tx.sessions.store import OwedNotice
from tests.sessions import records


class ViewTests(SynchronousTestCase):
    """
    What an administrator is shown.
    """

    def test_reference(self) -> None:
        """
        Two sessions have two references, always the same, in which nothing of the id is.
        """
        one, other = new_session_id(), new_session_id()
        self.assertEqual(reference(one), reference(one))
        self.assertNotEqual(reference(one), reference(other))
        self.assertRegex(reference(one), r"^[0-9a-f]{16}$")

    def test_time(self) -> None:
        """
        Times are UTC and say so, as in receipts.
        """
        self.assertEqual(time_text(1_700_000_000.0625), "2023-11-14T22:13:20.062Z")
        self.assertEqual(time_text(0), "1970-01-01T00:00:00.000Z")

    def test_never_touched(self) -> None:
        """
        A session that was not used yet was last seen when it began, where it began.
        """
        clock = Clock()
        registry = SessionRegistry(MemoryStore(), clock)
        self.successResultOf(registry.join())
        self.addCleanup(registry.leave)
        session = records.session()
        self.successResultOf(registry.begin(session, state_issued=records.NOW))
        view = session_view(
            session, registry, exchanges=seen([session.id], registry.exchanges)[session.id], route_names={}
        )
        self.assertEqual((view["last_seen"], view["last_address"]), (view["began"], "192.0.2.1"))
        self.assertEqual((view["exchanges"], view["routes"]), ([], []))

    def test_no_token(self) -> None:
        """
        Of what is owed, the number of tokens is shown; of a notice, not whose session it was.
        """
        shown = revocation_view(records.owed(attempts=2), iss=None, attempts=2)
        self.assertEqual((shown["tokens"], shown["state"]), (2, "retrying"))
        self.assertNotIn("access-", json.dumps(shown))
        owed = OwedNotice(
            id="n-1",
            receipt_id="r-1",
            session_id="session-secret",
            route_id="id-app",
            origin="https://app.example.com",
            user_id="alice",
            since=records.NOW,
        )
        text = json.dumps(notice_view(owed, route_names={}, attempts=0))
        self.assertNotIn("session-secret", text)
        self.assertIn('"route": "id-app"', text)
