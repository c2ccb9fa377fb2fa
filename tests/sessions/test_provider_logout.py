"""
Tests for `pomerium_tx.sessions.provider_logout`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.provider_logout import ProviderLogout
from tests.sessions.records import ISS, NOW, session


def logout(**changes: Any) -> ProviderLogout:
    """
    An OP says now that everything of nobody is over.
    """
    return ProviderLogout(**{"iss": ISS, "sid": None, "sub": None, "issued": NOW} | changes)


class ProviderLogoutTests(SynchronousTestCase):
    """
    Whom an OP's word concerns.
    """

    def test_names(self) -> None:
        """
        A ``sid`` names whoever ever had it, and with a ``sub`` those of that person who never had any; a ``sub`` alone
        names all of that person's. Nothing names the sessions of another issuer, or of another person.
        """
        people = {
            "old": session("alice-1", sids=("old", "new")),
            "other": session("alice-2", sids=("other",)),
            "none": session("alice-3", sids=()),
            "bob": session("bob-1", sids=("bob",)),
            "bob none": session("bob-2", sids=()),
            "elsewhere": session("alice-4", iss="https://other.example", sids=("old", "bob")),
        }
        table: list[tuple[dict[str, Any], set[str]]] = [
            ({"sid": "old"}, {"old"}),
            ({"sid": "new"}, {"old"}),
            ({"sid": "old", "sub": "alice"}, {"old", "none"}),
            ({"sid": "unknown", "sub": "alice"}, {"none"}),
            ({"sid": "old", "sub": "bob"}, {"bob none"}),
            ({"sid": "unknown"}, set()),
            ({"sid": ""}, set()),
            ({"sub": "alice"}, {"old", "other", "none"}),
            ({"sub": "carol"}, set()),
            ({"sub": ""}, set()),
            ({}, set()),
        ]
        for names, expected in table:
            with self.subTest(names=names):
                said = logout(**names)
                self.assertEqual({name for name, one in people.items() if said.names(one)}, expected)
                self.assertEqual({name for name, one in people.items() if said.names(one.left("r"))}, expected)

    def test_client(self) -> None:
        """
        What only one client's secret proves concerns the sessions of that client alone.
        """
        for client_id, expected in ((None, True), ("client", True), ("another", False), ("", False)):
            with self.subTest(client_id=client_id):
                self.assertIs(logout(sub="alice", client_id=client_id).names(session()), expected)

    def test_time(self) -> None:
        """
        Who signed in after the OP spoke is not meant, half a minute of difference between its clocks apart.
        """
        for iat, expected in ((NOW - 1e6, True), (NOW, True), (NOW + 30, True), (NOW + 30.1, False)):
            for names in ({"sid": "sid-alice-1"}, {"sub": "alice"}):
                with self.subTest(iat=iat, names=names):
                    self.assertIs(logout(**names).names(session(id_token_iat=iat)), expected)

    def test_repr(self) -> None:
        """
        Neither ``sid`` nor ``sub`` shows when it is printed.
        """
        printed = repr(logout(sid="secret-1", sub="secret-2"))
        self.assertNotIn("secret", printed)
        self.assertIn(ISS, printed)
