"""
Tests for `pomerium_tx.logout.outbox` with many things that are owed to several parties.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import capturedLogs

from pomerium_tx.logout.outbox import AT_ONCE, GIVE_UP_AFTER
from pomerium_tx.logout.owed_work import Terms
from tests.logout.favours import DOWN, REFUSED, START, Favour, OutboxTestCase


class FairnessTests(OutboxTestCase):
    """
    Many things, and several who are owed them.
    """

    def test_few_at_once(self) -> None:
        """
        Many are done a few at a time: so many in all, so many with one party.
        """
        self.work.held = {}
        for number in range(3 * AT_ONCE):
            self.work.owe(str(number), party=f"party {number % 10}")
            self.work.owe(f"same {number}", party="same")
        self.advance(1)
        self.assertEqual(len(self.work.tried), AT_ONCE)
        self.assertLessEqual(len([name for name in self.work.names if name.startswith("same")]), 2)
        held, self.work.held = self.work.held, None
        for waiting in held.values():
            waiting.callback(None)
        self.assertEqual(len(self.work.finished), 6 * AT_ONCE)

    def test_thousands_that_are_over_at_once(self) -> None:
        """
        However many there are, and however fast each is over, the stack does not grow.
        """
        for number in range(5_000):
            self.work.all[str(number)] = Favour(id=str(number), terms=Terms(owed_id=str(number), party="them"))
        self.work.told.tell()
        self.advance(1)
        self.assertEqual(len(self.work.finished), 5_000)

    def test_dead_party(self) -> None:
        """
        Whoever takes the whole deadline to fail holds up nobody else for longer than one deadline.
        """
        self.work.held = {}
        for party in range(20):
            for number in range(10):
                self.work.owe(f"dead/{party}/{number}", party=f"dead {party}")
        self.work.problems = {f"dead {party}": DOWN for party in range(20)}
        waited = []
        for second in range(300):
            if second % 50 == 40:
                self.work.owe(f"alive {second}", party=f"alive {second}")
                asked = second
            self.advance(1)
            for name, waiting in list(self.work.held.items()):
                begun = next(time for tried, time in reversed(self.work.tried) if tried == name)
                if name.startswith("alive"):
                    waited.append(second - asked)
                if name.startswith("alive") or self.clock.seconds() - START - begun >= 10.0:
                    del self.work.held[name]
                    waiting.callback(None)
        self.assertEqual(len(waited), 6)
        self.assertLessEqual(max(waited), 10)
        self.assertEqual(waited[1:], [0] * 5)

    def test_hammering(self) -> None:
        """
        Whoever is in trouble is asked by one at a time and with pauses, however much it is owed.
        """
        self.work.problems = {"them": DOWN}
        for number in range(1_000):
            self.work.owe(str(number))
        self.advance(600)
        self.assertLess(len(self.work.tried), 20)
        self.work.problems = {}
        self.advance(60)
        self.assertGreater(len(self.work.finished), 900)

    def test_looking(self) -> None:
        """
        While much waits, what comes is looked at less often, and still within a second.
        """
        for number in range(20_000):
            terms = Terms(owed_id=str(number), party="them", not_before=START + 1_000.0)
            self.work.all[str(number)] = Favour(id=str(number), terms=terms)
        self.work.owe("first")
        self.advance(1)
        looks: list[float] = []
        owed = self.work.owed

        def looked() -> Iterable[Favour]:
            looks.append(self.clock.seconds())
            return owed()

        self.patch(self.work, "owed", looked)
        for _ in range(300):
            self.work.told.tell()
            self.clock.advance(0.01)
        self.assertTrue(3 < len(looks) < 15, looks)

    def test_giving_up_proves_nothing(self) -> None:
        """
        That something was given up does not mean that its party is out of trouble.
        """
        self.work.problems = {"them": DOWN}
        for number in range(5):
            self.work.owe(str(number))
        self.advance(1)
        self.work.tried.clear()
        self.work.held = {}
        self.work.owe("old", since=START - GIVE_UP_AFTER, not_before=0.0)
        with capturedLogs():
            self.advance(6)
        self.assertEqual([name for name, _ in self.work.finished], ["old"])
        self.assertEqual(len(self.work.tried), 1)

    def test_refusals_of_one_thing(self) -> None:
        """
        A thing that is refused does not keep others from being taken.
        """
        self.work.problems = {"one": REFUSED}
        for name in ("one", "two", "three"):
            self.work.owe(name)
        self.advance(1)
        self.assertEqual({name for name, _ in self.work.finished}, {"two", "three"})
