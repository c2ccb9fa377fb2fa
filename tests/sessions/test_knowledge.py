"""
Tests for `pomerium_tx.sessions.knowledge`.

What registries know is in `tests.contracts`; here is what time does to it.
"""

from __future__ import annotations

from pomerium_tx.sessions.departure import DEPARTURE_LIFETIME
from pomerium_tx.sessions.knowledge import Knowledge
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.store import OpLogout
from tests.contracts.session_store import departure
from tests.sessions import registries
from tests.sessions.records import ISS, NOW, ending, tombstone


class KnowledgeTests(registries.RegistryTestCase):
    """
    Answers that are true now.
    """

    def test_a_registry_is_asked(self) -> None:
        """
        What is known is asked of the registry itself.
        """
        self.assertIsInstance(self.one, Knowledge)

    def test_a_sign_out_that_nobody_confirmed(self) -> None:
        """
        When the way back has closed, a sign-out reads as not confirmed, under every name, and can still be confirmed.
        """
        self.begin()
        end = ending("alice-1", departure=departure(), op_logout=OpLogout.PENDING)
        receipt = self.done(self.one.end(end))
        self.clock.advance(DEPARTURE_LIFETIME)
        for found in (self.other.receipt(receipt.id), self.other.ended("alice-1")):
            assert found is not None
            self.assertIs(found.op_logout, OpLogout.UNCONFIRMED)
        self.assertIsNone(self.other.departure("reference"))
        self.assertIsNone(self.other.departure_by_state("state"))
        said = ProviderLogout(iss=ISS, sid="sid-alice-1", sub=None, issued=NOW)
        self.assertEqual(self.other.confirmed_by(said), ((receipt.id, ISS),))

    def test_is_overtaken(self) -> None:
        """
        A sign-in that a browser began before a sign-out has lost, while it could be under way.
        """
        self.done(self.one.end(ending(tombstones=(tombstone("browser", "b"),))))
        self.assertEqual([self.other.is_overtaken("b", NOW - 1), self.other.is_overtaken("b", NOW)], [True, False])
        self.clock.advance(900)
        self.assertFalse(self.other.is_overtaken("b", NOW - 1))

    def test_is_person_overtaken(self) -> None:
        """
        So has one of a person, in whatever browser, if they were signed out before its end, at that OP, by the name or
        the session that is theirs there, and were signed in before.
        """
        stones = (tombstone("sub", "alice"), tombstone("sid", "i", signed_in_until=NOW - 40))
        self.done(self.one.end(ending(tombstones=stones)))

        def loses(sub: str, sid: str | None, *, iss: str = ISS, iat: float = NOW - 50, since: float = NOW - 1) -> bool:
            return self.other.is_person_overtaken(iss, sub, sid, signed_in=iat, since=since)

        self.assertEqual([loses("alice", None), loses("bob", "i"), loses("alice", "j")], [True] * 3)
        self.assertEqual([loses("alice", None, iat=NOW), loses("bob", "i", iat=NOW)], [True, False])
        self.assertEqual([loses("bob", None), loses("bob", "j"), loses("alice", "i", iss="https://other")], [False] * 3)
        self.assertEqual([loses("alice", None, since=NOW), loses("bob", "i", since=NOW)], [False] * 2)
        self.clock.advance(900)
        self.assertFalse(loses("alice", "i"))

    def test_after_leaving(self) -> None:
        """
        Who has left knows nothing, and everything again when it joins.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        self.done(self.one.end(ending("alice-1", departure=departure())))
        said = ProviderLogout(iss=ISS, sid=None, sub="alice", issued=NOW)
        before = self.one.named_by(said), self.one.confirmed_by(said), self.one.count
        self.assertEqual((before[0], len(before[1]), before[2]), (("alice-2",), 1, 1))
        self.one.leave()
        self.assertEqual((self.one.named_by(said), self.one.confirmed_by(said), self.one.count), ((), (), 0))
        self.done(self.one.join())
        self.assertEqual((self.one.named_by(said), self.one.confirmed_by(said), self.one.count), before)
