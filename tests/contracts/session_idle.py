"""
What holds for sessions that nobody uses, whatever the store.

Import the module, not the class: trial runs an imported test case a second time.
"""

from __future__ import annotations

from random import Random
from typing import Any

from pomerium_tx.sessions.store import Cause
from tests.contracts.session_store import SessionStoreContract
from tests.doubles.exchanges import MemoryExchange
from tests.sessions.records import HOUR, NOW, ending


class IdleContract(SessionStoreContract):
    """
    The idle timeout.
    """

    def setUp(self: Any) -> None:
        """
        Both registries let sessions be idle for an hour.
        """
        super().setUp()
        for registry in self.both:
            registry.set_idle_timeout(HOUR)

    def test_idle(self: Any) -> None:
        """
        A session that is used nowhere is found nowhere from that very moment on, and is due to end.
        """
        self.begin()
        self.clock.advance(HOUR - 0.01)
        self.assertNotIn(None, [registry.find("alice-1") for registry in self.both])
        self.assertEqual([registry.due() for registry in self.both], [[], []])
        self.clock.rightNow += 0.01
        self.assertEqual([registry.find("alice-1") for registry in self.both], [None, None])
        self.clock.advance(0)
        for registry in self.both:
            self.assertIsNone(registry.find("alice-1"))
            self.assertIsNotNone(registry.known("alice-1"))
            self.assertEqual(registry.due(), [("alice-1", Cause.IDLE)])

    def test_ended_for_it(self: Any) -> None:
        """
        Whichever process ends an idle session, it has ended everywhere, for that cause, with all that was open.
        """
        self.begin()
        exchange = MemoryExchange(kind="websocket")
        exchange.open(self.one, "alice-1")
        self.clock.advance(HOUR)
        ((name, cause),) = self.other.due()
        receipt = self.done(self.other.end(ending(name, cause=cause, at=NOW + HOUR)))
        self.assertEqual(exchange.causes, [Cause.IDLE])
        for registry in self.both:
            self.assertEqual(registry.due(), [])
            self.assertIs(registry.ended("alice-1").cause, Cause.IDLE)
        self.assertEqual(receipt.exchanges_cut["websocket"], 1)

    def test_used(self: Any) -> None:
        """
        A session that is used again and again is found for as long as it may live at all.
        """
        self.begin()
        for _ in range(2 * 13):
            self.clock.advance(HOUR / 2)
            for registry in self.both:
                self.assertIsNotNone(registry.find("alice-1"))
                registry.touch("alice-1", "198.51.100.7")
        self.assertEqual([registry.due() for registry in self.both], [[], []])
        self.assertEqual([registry.last_address("alice-1") for registry in self.both], ["198.51.100.7"] * 2)
        self.clock.advance(2 * HOUR)
        self.assertIsNone(self.one.find("alice-1"))

    def test_used_by_one(self: Any) -> None:
        """
        A session that is used in one process is found in all, however long none of the others sees it; they know when
        and from where it was used, up to a tenth of the timeout.
        """
        self.begin()
        for number in range(20):
            used = self.both[number // 10]
            self.clock.pump([HOUR / 40] * 17)
            self.assertIsNotNone(used.find("alice-1"))
            used.touch("alice-1", f"198.51.100.{number}")
            self.clock.pump([0, HOUR / 10])
            for registry in self.both:
                self.assertIsNotNone(registry.find("alice-1"))
                self.assertEqual(registry.last_seen("alice-1"), self.clock.seconds() - HOUR / 10)
                self.assertEqual(registry.last_address("alice-1"), f"198.51.100.{number}")
        self.assertEqual([registry.due() for registry in self.both], [[], []])

    def test_idle_by_the_last_use(self: Any) -> None:
        """
        A session is idle nowhere before the timeout has passed since its last use anywhere, and everywhere a tenth of
        the timeout later: found nowhere, and due.
        """
        chance = Random(1)
        for case in range(40):
            self.setUp()
            self.begin(expires=NOW + 1000 * HOUR)
            used = NOW
            for _ in range(chance.randrange(8)):
                delay = chance.choice([1, HOUR / 20, HOUR / 10, HOUR / 3, HOUR - 1])
                self.clock.pump([delay / 20] * 20)
                if used + HOUR <= self.clock.seconds():
                    break
                # Somebody else keeps it talking.
                self.begin(f"bob-{self.clock.seconds()}", began=self.clock.seconds())
                chance.choice(self.both).touch(f"bob-{self.clock.seconds()}")
                if chance.random() < 0.7:
                    chance.choice(self.both).touch("alice-1")
                    used = self.clock.seconds()
            with self.subTest(case=case):
                while self.clock.seconds() < used + HOUR - 10:
                    self.assertNotIn(None, [registry.find("alice-1") for registry in self.both])
                    self.assertNotIn(("alice-1", Cause.IDLE), [*self.one.due(), *self.other.due()])
                    self.clock.advance(9)
                self.clock.pump([10] * 38)
                for registry in self.both:
                    self.assertIsNone(registry.find("alice-1"))
                    self.assertIn(("alice-1", Cause.IDLE), registry.due())

    def test_used_by_one_that_leaves(self: Any) -> None:
        """
        A process that stops takes no use with it that it has not told the others.
        """
        self.begin()
        self.clock.advance(HOUR / 2)
        self.one.touch("alice-1")
        self.one.leave()
        self.clock.pump([HOUR / 40] * 39)
        self.assertIsNotNone(self.other.find("alice-1"))
        self.clock.pump([HOUR / 40] * 5)
        self.assertIsNone(self.other.find("alice-1"))

    def test_seen_before_a_start(self: Any) -> None:
        """
        A process that starts knows when and from where sessions were last used.
        """
        self.begin()
        self.begin("bob-1")
        for registry, name in ((self.one, "alice-1"), (self.other, "bob-1"), (self.other, "alice-1")):
            self.clock.advance(HOUR / 5)
            registry.touch(name, f"198.51.100.{name}")
            self.clock.advance(0)
        late = self.registry()
        for name in ("alice-1", "bob-1"):
            self.assertEqual(late.last_seen(name), self.one.last_seen(name))
            self.assertEqual(late.last_address(name), f"198.51.100.{name}")

    def test_use_revives_nobody(self: Any) -> None:
        """
        A session that is not found any more is not found again because somebody uses it.
        """
        self.begin()
        self.clock.advance(HOUR)
        for registry in self.both:
            registry.touch("alice-1", "198.51.100.7")
            self.assertIsNone(registry.find("alice-1"))
            self.assertEqual((registry.last_seen("alice-1"), registry.last_address("alice-1")), (NOW, "192.0.2.1"))

    def test_restart(self: Any) -> None:
        """
        A process that starts does not sign out those whose last use it cannot know; they have the whole time again.
        """
        self.begin()
        self.clock.advance(HOUR - 1)
        late = self.unjoined()
        late.set_idle_timeout(HOUR)
        self.done(late.join())
        self.clock.advance(HOUR - 1)
        self.assertIsNotNone(late.find("alice-1"))
        self.assertEqual((late.due(), late.last_seen("alice-1")), ([], NOW))
        self.clock.advance(1)
        self.assertIsNone(late.find("alice-1"))
        self.assertEqual(late.due(), [("alice-1", Cause.IDLE)])

    def test_restart_brings_nobody_back(self: Any) -> None:
        """
        A session that has ended because it was idle is not found by a process that starts then.
        """
        self.begin()
        self.clock.advance(HOUR)
        self.done(self.one.end(ending("alice-1", cause=Cause.IDLE, at=NOW + HOUR)))
        late = self.unjoined()
        late.set_idle_timeout(HOUR)
        self.done(late.join())
        self.assertIsNone(late.find("alice-1"))

    def test_changed(self: Any) -> None:
        """
        Another timeout holds at once for the sessions that there are, and none for none.
        """
        self.begin()
        self.clock.advance(HOUR / 2)
        self.one.set_idle_timeout(HOUR / 4)
        self.other.set_idle_timeout(None)
        self.assertIsNone(self.one.find("alice-1"))
        self.clock.advance(0)
        self.assertEqual(self.one.due(), [("alice-1", Cause.IDLE)])
        self.clock.advance(2 * HOUR)
        self.assertIsNotNone(self.other.find("alice-1"))
        self.assertEqual(self.other.due(), [])
