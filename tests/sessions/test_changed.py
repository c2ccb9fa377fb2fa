"""
Tests for `pomerium_tx.sessions.changed`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.changed import ended, refreshed, used
from pomerium_tx.sessions.session import RouteUse
from pomerium_tx.sessions.store import RouteUsed, SessionRefreshed
from tests.sessions.records import NOW, session, tokens

ROUTE = RouteUsed(session_id="alice-1", route_id="route", origin="https://app.example.com", at=NOW)


def refresh(**changes: Any) -> SessionRefreshed:
    """
    A refresh of the session, with new tokens.
    """
    fields: dict[str, Any] = {
        "session_id": "alice-1",
        "tokens": tokens("new"),
        "claims": {"groups": ("new",)},
        "email": "new@example.com",
        "name": "New",
        "sid": None,
        "requested": NOW,
    }
    return SessionRefreshed(**fields | changes)


class ChangedTests(SynchronousTestCase):
    """
    What changes make of a session.
    """

    def test_used(self) -> None:
        """
        A session knows each route it was used on, by its first use.
        """
        before = session()
        after = used(before, ROUTE)
        self.assertEqual(dict(after.uses), {"route": RouteUse(origin="https://app.example.com", first_used=NOW)})
        self.assertEqual((dict(before.uses), after.tokens), ({}, before.tokens))
        self.assertIs(used(after, ROUTE), after)

    def test_refreshed(self) -> None:
        """
        A refresh changes what the OP says of a person now, and nothing that it said at the sign-in.
        """
        before = used(session(nonce="nonce", authenticated=NOW - 5), ROUTE)
        after = refreshed(before, refresh(sid="newer"))
        self.assertEqual(after.tokens, tokens("new"))
        self.assertEqual(
            (dict(after.claims), after.email, after.name), ({"groups": ("new",)}, "new@example.com", "New")
        )
        self.assertEqual(after.sids, ("sid-alice-1", "newer"))
        for name in ("id", "browser", "sub", "nonce", "authenticated", "id_token_iat", "began", "uses", "address"):
            self.assertEqual(getattr(after, name), getattr(before, name), name)
        self.assertEqual(refreshed(after, refresh(sid="newer")).sids, after.sids)

    def test_tokens_without_renewal(self) -> None:
        """
        A session is usable as long as its new tokens are.
        """
        short = tokens("new", refresh_token=None, access_token_expires=NOW + 5)
        self.assertEqual(refreshed(session(), refresh(tokens=short)).usable_until, NOW + 5)

    def test_one_object(self) -> None:
        """
        Whoever makes the same of the same session next has the same object; of another session or change, another.
        """
        one, change = session(), refresh()
        self.assertIs(used(one, ROUTE), used(one, ROUTE))
        self.assertIs(refreshed(one, change), refreshed(one, change))
        self.assertIsNot(refreshed(one, change), refreshed(session(), change))
        self.assertIsNot(refreshed(one, change), refreshed(one, refresh()))

    def test_ended(self) -> None:
        """
        Of a session that has ended nothing is kept, neither what it was nor what it became; others are.
        """
        one, change = session(), refresh()
        known = refreshed(one, change)
        ended(["somebody-else"])
        self.assertIs(refreshed(one, change), known)
        ended(["somebody-else", "alice-1"])
        self.assertIsNot(refreshed(one, change), known)
