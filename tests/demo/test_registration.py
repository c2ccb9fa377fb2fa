"""
Tests for `pomerium_tx.demo.registration`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.registration import ALICE, BOB, Client


class UserTests(SynchronousTestCase):
    """
    What is said about people.
    """

    def test_claims_by_scope(self) -> None:
        """
        UserInfo says no more than what was asked for.
        """
        table = [
            (set(), {"sub"}),
            ({"profile"}, {"sub", "name", "preferred_username", "groups"}),
            ({"email"}, {"sub", "email", "email_verified"}),
        ]
        for scope, expected in table:
            with self.subTest(scope=scope):
                self.assertEqual(set(ALICE.claims(scope)), expected)

    def test_addresses(self) -> None:
        """
        Alice and Bob have the addresses that the documentation uses, and different groups.
        """
        self.assertEqual((ALICE.email, BOB.email), ("alice@example.com", "bob@example.com"))
        self.assertNotEqual(ALICE.groups, BOB.groups)


class ClientTests(SynchronousTestCase):
    """
    What is known about relying parties.
    """

    def test_secret_is_not_shown(self) -> None:
        """
        The client's secret is in no ``repr``.
        """
        client = Client(client_id="rp", client_secret="hush", redirect_uris=())
        self.assertNotIn("hush", repr(client))

    def test_not_told(self) -> None:
        """
        A client is not told of logouts unless it says where.
        """
        client = Client(client_id="rp", client_secret="hush", redirect_uris=())
        self.assertEqual((client.frontchannel_logout_uri, client.backchannel_logout_uri), (None, None))
