"""
Tests for `pomerium_tx.sessions.registry`: what happens at the same time.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SignedOutMeanwhile
from pomerium_tx.sessions.store import Change
from tests.doubles.exchanges import MemoryExchange
from tests.sessions import registries
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tokens, tombstone


class RaceTests(registries.RegistryTestCase):
    """
    What happens at the same time has one outcome, whichever way round it is recorded.
    """

    def test_two_ends(self) -> None:
        """
        Each session is counted by the end that is recorded first, and by no other; so are its tokens.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                for name in ("alice-1", "alice-2", "alice-3"):
                    self.begin(name)
                exchange = MemoryExchange()
                exchange.open(self.one, "alice-2")
                self.store.hold()
                here = ending("alice-1", "alice-2", owed=(owed("a", "alice-1"), owed("b", "alice-2")))
                there = ending("alice-2", "alice-3", owed=(owed("c", "alice-2"), owed("d", "alice-3")))
                ends = [self.start(self.one.end(here)), self.start(self.other.end(there))]
                self.store.release(backwards=backwards)
                receipts = [self.successResultOf(end) for end in ends]
                first, second = reversed(receipts) if backwards else receipts
                self.assertEqual((first.sessions_ended, second.sessions_ended), (2, 1))
                self.assertEqual((first.tokens_to_revoke, second.tokens_to_revoke), (4, 2))
                self.assertEqual((first.exchanges_cut["download"], second.exchanges_cut["download"]), (1, 0))
                self.assertEqual(len(exchange.causes), 1)
                for registry in self.both:
                    self.assertEqual(registry.ended("alice-2"), first)
                    owes = [pair for one in registry.owed() for pair in one.tokens]
                    self.assertEqual(len(owes), len(set(owes)))

    def test_begin_and_end(self) -> None:
        """
        A sign-in that meets a sign-out gives the same answer everywhere, in either order: after it, no session lives.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                late = session("alice-2", browser="b")
                self.store.hold()
                begins = self.start(self.one.begin(late, state_issued=NOW - 1))
                ends = self.start(self.other.end(ending(tombstones=(tombstone("browser", "b"),))))
                self.store.release(backwards=backwards)
                receipt = self.successResultOf(ends)
                found = [registry.find("alice-2") for registry in self.both]
                if backwards:
                    self.failureResultOf(begins, SignedOutMeanwhile)
                else:
                    self.successResultOf(begins)
                    self.assertEqual(receipt.session_ids, (late.id,))
                    owes = [pair for one in self.one.owed() for pair in one.tokens]
                    self.assertEqual(owes, list(late.tokens.revocable()))
                self.assertEqual(found, [None, None])

    def test_a_later_sign_in_recorded_first(self) -> None:
        """
        A sign-in that was begun after the sign-out was asked for is not affected by it, although it is recorded first.
        """
        late = session("alice-2", browser="b")
        self.store.hold()
        begins = self.start(self.one.begin(late, state_issued=NOW + 1))
        ends = self.start(self.other.end(ending(tombstones=(tombstone("browser", "b"),))))
        self.store.release()
        self.successResultOf(begins)
        self.assertEqual(self.successResultOf(ends).sessions_ended, 0)
        self.assertEqual([registry.find("alice-2") for registry in self.both], [late, late])

    def test_use_route(self) -> None:
        """
        Of two first uses of a route, the one recorded first stands.
        """
        self.begin()
        self.store.hold()
        for registry, name in zip(self.both, ("one", "other"), strict=True):
            self.start(registry.use_route("alice-1", "route", f"https://{name}.example.com"))
        self.store.release()
        for registry in self.both:
            found = registry.find("alice-1")
            assert found is not None
            self.assertEqual(found.uses["route"].origin, "https://one.example.com")

    def test_an_end_spares_whom_it_knew(self) -> None:
        """
        An end that names a person but not one of their sessions, which it knew, leaves that session alone.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        self.done(self.other.end(ending("alice-2", tombstones=(tombstone("sub", "alice"),))))
        self.assertEqual([registry.find("alice-2") for registry in self.both], [None, None])
        self.assertNotIn(None, [registry.find("alice-1") for registry in self.both])

    def test_a_sid_got_just_before_its_end(self) -> None:
        """
        A session that joins a ``sid`` while the OP signs that out ends with it, although the end did not name it.
        """
        self.begin()
        self.store.hold()
        fields: dict[str, Any] = {"claims": {}, "email": "", "name": "", "requested": NOW - 1}
        refresh = self.start(self.one.refresh("alice-1", tokens=tokens("new"), sid="sid", **fields))
        end = self.start(self.other.end(ending(tombstones=(tombstone("sid", "sid"), tombstone("sub", "bob")))))
        self.store.release()
        self.assertTrue(self.successResultOf(refresh))
        self.assertEqual(self.successResultOf(end).session_ids, ("alice-1",))
        self.assertEqual([registry.find("alice-1") for registry in self.both], [None, None])

    def test_begun_and_ended_before_the_answer(self) -> None:
        """
        A sign-in whose session has ended by the time it is answered is answered as one that was too late.
        """
        begun = session("alice-1")
        ended: list[Deferred[Receipt]] = []

        def end(position: int, change: Change) -> None:
            if not ended:
                ended.append(self.start(self.other.end(ending("alice-1"))))

        self.done(self.store.follow(0, end))
        self.refused(self.one.begin(begun, state_issued=NOW - 1), SignedOutMeanwhile)
        self.assertEqual(self.successResultOf(ended[0]).sessions_ended, 1)

    def test_refresh_and_end(self) -> None:
        """
        Tokens that are recorded before the end are revoked by it, also those that nobody knew when it was asked for.
        """
        self.begin()
        self.store.hold()
        fields: dict[str, Any] = {"claims": {}, "email": "", "name": "", "sid": None, "requested": NOW}
        refresh = self.start(self.one.refresh("alice-1", tokens=tokens("new"), **fields))
        end = self.start(self.other.end(ending("alice-1", owed=(owed(),))))
        self.store.release()
        self.successResultOf(refresh)
        receipt = self.successResultOf(end)
        for registry in self.both:
            revoked = {token for one in registry.owed() for _, token in one.tokens}
            self.assertEqual(revoked, {"refresh-alice-1", "access-alice-1", "refresh-new", "access-new"})
        self.assertEqual(receipt.tokens_to_revoke, 4)

    def test_refresh_behind_an_end(self) -> None:
        """
        Tokens that are recorded after the end belong to whoever brought them, and to no session.
        """
        self.begin()
        self.store.hold()
        fields: dict[str, Any] = {"claims": {}, "email": "", "name": "", "sid": "late", "requested": NOW}
        refresh = self.start(self.one.refresh("alice-1", tokens=tokens("new"), **fields))
        end = self.start(self.other.end(ending("alice-1")))
        self.store.release(backwards=True)
        self.assertFalse(self.successResultOf(refresh))
        self.assertEqual(self.successResultOf(end).sessions_ended, 1)
        self.assertEqual([registry.by_sid(ISS, "late") for registry in self.both], [frozenset(), frozenset()])

    def test_use_once(self) -> None:
        """
        Of two that use a value at the same time, the one recorded first may.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                self.store.hold()
                uses = [self.start(registry.use_once("key", NOW + 60)) for registry in self.both]
                self.store.release(backwards=backwards)
                self.assertEqual([self.successResultOf(use) for use in uses], [not backwards, backwards])

    def test_a_late_follower_decides_alike(self) -> None:
        """
        Who learns of everything late, when its own clock is somewhere else, comes to the same conclusions.
        """
        self.store.lag()
        late = self.registry()
        self.begin("alice-1")
        self.done(self.one.end(ending("alice-1", tombstones=(tombstone("sub", "alice"),))))
        self.refused(self.other.begin(session("alice-2"), state_issued=NOW - 1), SignedOutMeanwhile)
        exchange = MemoryExchange()
        self.assertFalse(exchange.open(late, "alice-1"))
        self.clock.advance(2 * HOUR)
        self.store.catch_up()
        self.assertIsNone(late.find("alice-2"))
        self.assertEqual(late.ended("alice-1"), self.one.ended("alice-1"))
