"""
What every session store has to do so that an end is an end everywhere.

Import the module, not the class: trial runs an imported test case a second time.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.sessions.registry import SignedOutMeanwhile
from pomerium_tx.sessions.store import Cause, OpLogout, SeenJti, StoreUnavailable
from tests.contracts.session_store import SessionStoreContract, departure, legs
from tests.doubles.exchanges import MemoryExchange
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tombstone


class EndContract(SessionStoreContract):
    """
    Sessions end, everywhere.
    """

    def test_ends_everywhere(self: Any) -> None:
        """
        An ended session is found nowhere, under no name, and nothing can be attached to it.
        """
        begun = self.begin(sids=("a", "b"))
        self.begin("bob-1")
        receipt = self.done(self.other.end(ending(begun.id)))
        self.assertEqual(receipt.sessions_ended, 1)
        for registry in self.both:
            self.assertIsNone(registry.find(begun.id))
            self.assertIsNone(registry.known(begun.id))
            self.assertEqual(registry.by_sid(ISS, "a") | registry.by_sid(ISS, "b"), frozenset())
            self.assertEqual(registry.by_sub(ISS, "alice") | registry.by_browser(begun.browser), frozenset())
            self.assertFalse(registry.attach(begun.id, MemoryExchange()))
            self.assertEqual(registry.ended(begun.id), receipt)
            self.assertEqual(registry.receipt(receipt.id), receipt)
            self.assertIsNotNone(registry.find("bob-1"))

    def test_cuts_everywhere(self: Any) -> None:
        """
        What is open for the session is cut, each once, in every process, before the end is answered, and counted.
        """
        self.begin()
        self.begin("bob-1")
        here = [MemoryExchange(kind=kind) for kind in ("websocket", "tunnel", "upload", "unheard of")]
        there = [MemoryExchange(kind="sse"), MemoryExchange(kind="download", in_doubt=True, method="POST")]
        bobs = MemoryExchange()
        for exchange in here:
            self.assertTrue(exchange.open(self.one, "alice-1"))
        for exchange in there:
            self.assertTrue(exchange.open(self.other, "alice-1"))
        self.assertTrue(bobs.open(self.other, "bob-1"))
        receipt = self.done(self.one.end(ending("alice-1", cause=Cause.BACK_CHANNEL)))
        self.assertEqual([exchange.causes for exchange in here + there], [[Cause.BACK_CHANNEL]] * 6)
        self.assertFalse(bobs.is_cut)
        counts = {"websocket": 1, "tunnel": 1, "sse": 1, "upload": 1, "download": 2}
        self.assertEqual(receipt.exchanges_cut, counts)
        self.assertEqual(receipt.in_doubt, {"POST route": 1})
        self.assertEqual(self.other.receipt(receipt.id), receipt)

    def test_nothing_can_be_found_when_the_first_is_cut(self: Any) -> None:
        """
        By the time the first exchange is cut, none of the sessions can be found in that process, nor attached to.
        """
        names = ("alice-1", "alice-2")
        seen: list[object] = []

        def look(exchange: MemoryExchange) -> None:
            seen.extend(self.one.find(name) for name in names)
            seen.extend(self.one.attach(name, MemoryExchange()) or None for name in names)

        for name in names:
            self.begin(name)
            MemoryExchange(on_cut=look).open(self.one, name)
        self.done(self.one.end(ending(*names)))
        self.assertEqual(seen, [None] * 8)

    def test_idempotent(self: Any) -> None:
        """
        Ending what has ended, or never was, ends nothing and says so; the first receipt stands.
        """
        self.begin()
        first = self.done(self.one.end(ending("alice-1", "alice-1")))
        again = self.done(self.other.end(ending("alice-1", "nobody")))
        self.assertEqual((first.sessions_ended, again.sessions_ended), (1, 0))
        for registry in self.both:
            self.assertEqual(registry.ended("alice-1"), first)

    def test_an_ended_id_never_begins_again(self: Any) -> None:
        """
        A session whose id has ended does not begin.
        """
        begun = self.begin()
        self.done(self.one.end(ending(begun.id)))
        self.refused(self.other.begin(begun, state_issued=NOW + 60), SignedOutMeanwhile)
        self.assertEqual([registry.find(begun.id) for registry in self.both], [None, None])

    def test_replaced(self: Any) -> None:
        """
        A browser's earlier session ends by the one that replaces it, which lives.
        """
        self.begin("alice-1", browser="b")
        self.begin("alice-2", browser="b")
        earlier = self.other.by_browser("b") - {"alice-2"}
        self.done(self.other.end(ending(*earlier, cause=Cause.REPLACED)))
        for registry in self.both:
            self.assertEqual(registry.by_browser("b"), {"alice-2"})
            self.assertEqual(registry.ended("alice-1").cause, Cause.REPLACED)

    def test_tombstones(self: Any) -> None:
        """
        Who was signed out while signing in is not signed in, whichever way they were named; who begins later is.
        """
        for kind, value in (("browser", "browser-alice-2"), ("sid", "sid-alice-2"), ("sub", "alice")):
            with self.subTest(kind=kind):
                self.setUp()
                self.done(self.one.end(ending(tombstones=(tombstone(kind, value),))))
                late = session("alice-2")
                self.refused(self.other.begin(late, state_issued=NOW - 0.1), SignedOutMeanwhile)
                self.assertEqual([registry.find(late.id) for registry in self.both], [None, None])
                self.done(self.other.begin(session("bob-1"), state_issued=NOW - 0.1))
                self.done(self.other.begin(late, state_issued=NOW + 0.1))
                self.assertEqual([registry.find(late.id) for registry in self.both], [late, late])

    def test_routes(self: Any) -> None:
        """
        The receipt names the origins that the ended sessions were used on, each once.
        """
        self.begin("alice-1")
        self.begin("alice-2")
        for name, route in (("alice-1", "b"), ("alice-1", "a"), ("alice-2", "a")):
            self.done(self.one.use_route(name, route, f"https://{route}.example.com"))
        receipt = self.done(self.other.end(ending("alice-1", "alice-2")))
        self.assertEqual(receipt.routes, ("https://a.example.com", "https://b.example.com"))

    def test_departure(self: Any) -> None:
        """
        What the way to the OP needs is known everywhere, by reference and by ``state``, and for its time only.
        """
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", departure=departure())))
        for registry in self.both:
            found = registry.departure("reference")
            self.assertEqual(found, departure(receipt_id=receipt.id))
            self.assertEqual(registry.departure_by_state("state"), found)
        self.clock.advance(600)
        for registry in self.both:
            self.assertIsNone(registry.departure("reference"))
            self.assertIsNone(registry.departure_by_state("state"))

    def test_departure_to_several(self: Any) -> None:
        """
        Each leg of a way to several OPs has a ``state`` of its own, which leads to it and no other, for its time only.
        """
        self.begin()
        ways = legs(ISS, "https://other.example")
        self.done(self.one.end(ending("alice-1", departure=departure(legs=ways))))
        for registry in (*self.both, self.registry()):
            for leg in ways:
                self.assertEqual(registry.departure_by_state(leg.state).leg_of(leg.state), leg)
            self.assertIsNone(registry.departure_by_state("another"))
        self.clock.advance(600)
        for registry in self.both:
            self.assertEqual([registry.departure_by_state(leg.state) for leg in ways], [None, None])

    def test_departure_of_nothing(self: Any) -> None:
        """
        A sign-out that ended nothing leads the browser the same way, and its receipt can be read.
        """
        receipt = self.done(self.one.end(ending(departure=departure())))
        self.assertEqual(receipt.sessions_ended, 0)
        self.assertEqual(self.other.departure("reference").receipt_id, receipt.id)
        self.assertEqual(self.other.receipt(receipt.id), receipt)

    def test_jti(self: Any) -> None:
        """
        A Logout Token that was acted on is known everywhere, and only under its own issuer.
        """
        self.done(self.one.end(ending(jti=SeenJti(iss=ISS, jti="jti", expires=NOW + 60))))
        for registry in self.both:
            self.assertTrue(registry.has_seen(ISS, "jti"))
            self.assertFalse(registry.has_seen("https://evil.example", "jti"))

    def test_hold(self: Any) -> None:
        """
        The hold is released by the return from the OP or its word, and by no doubt that comes afterwards.
        """
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", op_logout=OpLogout.PENDING)))
        steps = [
            (OpLogout.UNREACHABLE, OpLogout.UNREACHABLE, False),
            (OpLogout.RETURNED, OpLogout.RETURNED, True),
            (OpLogout.UNCONFIRMED, OpLogout.RETURNED, True),
            (OpLogout.CONFIRMED, OpLogout.CONFIRMED, True),
            (OpLogout.RETURNED, OpLogout.CONFIRMED, True),
        ]
        for said, known, released in steps:
            with self.subTest(said=said):
                self.done(self.other.op_logout(receipt.id, said))
                for registry in self.both:
                    self.assertIs(registry.ended("alice-1").op_logout, known)
                    self.assertIs(registry.ended("alice-1").op_logout.releases_hold, released)

    def test_owed(self: Any) -> None:
        """
        What an end owes is known everywhere until it is done, and can be released from its wait.
        """
        self.begin()
        receipt = self.done(self.one.end(ending("alice-1", owed=(owed(),))))
        self.assertEqual(receipt.tokens_to_revoke, 2)
        self.done(self.other.owe(owed("owed-2", "stray")))
        for registry in self.both:
            self.assertEqual(registry.owed(), [owed(receipt_id=receipt.id), owed("owed-2", "stray")])
        self.done(self.other.release_revocations(receipt.id))
        for registry in self.both:
            self.assertEqual([one.not_before for one in registry.owed()], [0.0, NOW + 60])
        for name in ("owed-1", "owed-2", "owed-2", "unknown"):
            self.done(self.other.revocation_done(name, 1))
        self.assertEqual([registry.owed() for registry in self.both], [[], []])

    def test_remembered(self: Any) -> None:
        """
        An end is remembered for a day, and for as long as the session could have lived.
        """
        self.begin("alice-1", expires=NOW + 14 * HOUR)
        self.begin("alice-2", expires=NOW + 40 * HOUR)
        self.done(self.one.end(ending("alice-1")))
        self.done(self.one.end(ending("alice-2")))
        for hours, remembered in ((23, {"alice-1", "alice-2"}), (39, {"alice-2"}), (41, set())):
            self.clock.advance(NOW + hours * HOUR - self.clock.seconds())
            self.done(self.one.use_once(f"after {hours}", self.clock.seconds() + 1))
            for registry in self.both:
                known = {name for name in ("alice-1", "alice-2") if registry.ended(name) is not None}
                self.assertEqual(known, remembered)

    def test_leaving(self: Any) -> None:
        """
        Who has left answers for no session, records nothing, and does not keep the others from doing so.
        """
        self.begin()
        self.one.leave()
        self.assertIsNone(self.one.find("alice-1"))
        self.refused(self.one.end(ending("alice-1")), StoreUnavailable)
        self.refused(self.one.begin(session("bob-1"), state_issued=NOW), StoreUnavailable)
        self.assertEqual(self.done(self.other.end(ending("alice-1"))).sessions_ended, 1)
