"""
Tests for `pomerium_tx.workers.pickling`.
"""

from __future__ import annotations

from types import MappingProxyType

from pydantic import SecretBytes
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.session import RouteUse
from pomerium_tx.sessions.store import CutReported, SessionBegun, SessionRefreshed, SessionsSeen
from pomerium_tx.workers.pickling import dumps, loads
from tests.scenarios.world import WorldTestCase
from tests.sessions.records import NOW, session, tokens


class PicklingTests(SynchronousTestCase):
    """
    Values as bytes and back.
    """

    def test_session(self) -> None:
        """
        A session arrives as it was, with everything that cannot be changed in it, and valid for as long.
        """
        claims = MappingProxyType({"groups": ("staff", "others")})
        uses = MappingProxyType({"route": RouteUse(origin="https://app.example.com", first_used=NOW)})
        before = session(claims=claims, uses=uses, nonce="a nonce")
        after = loads(dumps(before))
        self.assertEqual(after, before)
        self.assertEqual(after.usable_until, before.usable_until)
        for name in ("id", "sids", "claims", "tokens", "uses", "nonce", "user_agent", "address", "expires"):
            self.assertEqual(getattr(after, name), getattr(before, name), name)

    def test_shared_strings(self) -> None:
        """
        What many sessions have in common they have in common at the other end too.
        """
        one, other = (loads(dumps(session(name, user_agent="A user agent " + name[:1]))) for name in ("a-1", "a-2"))
        for name in ("iss", "client_id", "idp_id", "user_agent"):
            self.assertIs(getattr(one, name), getattr(other, name))

    def test_changes(self) -> None:
        """
        Changes arrive as they were, also those with mappings that cannot be changed.
        """
        proxy = MappingProxyType({"download": 2})
        for change in (
            SessionBegun(session=session(), state_issued=NOW),
            SessionRefreshed(
                session_id="alice-1",
                tokens=tokens("new"),
                claims=MappingProxyType({"groups": ("new",)}),
                email="e",
                name="n",
                sid=None,
                requested=NOW,
            ),
            CutReported(receipt_id="r", registry="1", exchanges_cut=proxy, in_doubt=proxy),
            SessionsSeen(registry="1", at=NOW, seen=MappingProxyType({"alice-1": NOW}), addresses={}),
        ):
            with self.subTest(type(change).__name__):
                self.assertEqual(loads(dumps(change)), change)


class ConfigurationTests(WorldTestCase):
    """
    The configuration that a worker is given.
    """

    def test_with_its_secrets(self) -> None:
        """
        It arrives with its secrets, those that were made up for this run too, and with what was written and what not.
        """
        before = self.read(shared_secret=None, set_response_headers={"X-A": "b"})
        after = loads(dumps(before))
        self.assertEqual(after, before)
        self.assertIsInstance(after.shared_secret, SecretBytes)
        self.assertEqual(after.shared_secret.get_secret_value(), before.shared_secret.get_secret_value())
        self.assertEqual(after.model_fields_set, before.model_fields_set)
