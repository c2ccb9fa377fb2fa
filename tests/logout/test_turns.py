"""
Tests for `pomerium_tx.logout.turns`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.turns import FIRST_PAUSE, LONGEST_PAUSE, Turn, Turns, pause


class PauseTests(SynchronousTestCase):
    """
    Tests for `pause`.
    """

    def test_grows(self) -> None:
        """
        Each pause is twice as long as the one before, up to the longest, however many there were.
        """
        self.assertEqual([pause(before, 60.0) for before in range(6)], [5.0, 10.0, 20.0, 40.0, 60.0, 60.0])
        self.assertEqual(pause(1_000_000, 3600.0), 3600.0)


class TurnsTests(SynchronousTestCase):
    """
    Tests for `Turns`.
    """

    def setUp(self) -> None:
        self.now = 0.0
        self.turns = Turns(8, 2)

    def put(self, *names: str, due: float = 0.0) -> None:
        """
        Have things wait; their party is what they begin with.
        """
        for name in names:
            self.turns.put(name, name[0], due, self.now)

    def begin(self) -> list[Turn]:
        """
        Everything that may begin.
        """
        begun = []
        while (turn := self.turns.next(self.now)) is not None:
            begun.append(turn)
        return begun

    def begun(self) -> list[str]:
        """
        The names of it.
        """
        return [turn.name for turn in self.begin()]

    def over(self, turn: Turn, *, is_in_trouble: bool | None) -> None:
        """
        Something is over.
        """
        self.turns.over(turn, self.now, is_in_trouble=is_in_trouble)

    def test_in_order(self) -> None:
        """
        What is due first begins first.
        """
        self.put("a2", due=-1.0)
        self.put("a1", due=-2.0)
        self.assertEqual(self.begun(), ["a1", "a2"])

    def test_not_before_its_time(self) -> None:
        """
        Nothing begins early, and it is known when there will be something.
        """
        self.assertIsNone(self.turns.wakes_at)
        self.put("a1", due=10.0)
        self.put("b1", due=20.0)
        self.assertEqual(self.begun(), [])
        self.assertEqual(self.turns.wakes_at, 10.0)
        self.now = 10.0
        self.assertEqual(self.begun(), ["a1"])
        self.assertEqual(self.turns.wakes_at, 20.0)

    def test_put_again(self) -> None:
        """
        What is put again begins at its new time, and once.
        """
        self.put("a1", due=10.0)
        self.put("a1", due=0.0)
        self.put("b1", due=0.0)
        self.put("b1", due=10.0)
        self.assertEqual(self.begun(), ["a1"])
        self.now = 10.0
        self.assertEqual(self.begun(), ["b1"])

    def test_dropped(self) -> None:
        """
        What is dropped does not begin, whether it was due or not.
        """
        self.put("a1", "a2")
        self.put("b1", due=10.0)
        self.turns.drop("a1")
        self.turns.drop("b1")
        self.turns.drop("unknown")
        self.assertEqual(self.begun(), ["a2"])
        self.now = 10.0
        self.assertEqual(self.begun(), [])

    def test_all_of_a_party_dropped(self) -> None:
        """
        A party of which nothing is left does not stand in the way of others.
        """
        self.put("a1", "b1")
        self.turns.drop("a1")
        self.assertEqual(self.begun(), ["b1"])

    def test_limits(self) -> None:
        """
        No more begins than may be under way, of one party and in all; it goes on as soon as something is over.
        """
        self.put(*(f"{party}{number}" for party in "abcdef" for number in range(4)))
        begun = self.begin()
        self.assertEqual(len(begun), 8)
        self.assertEqual({turn.party for turn in begun}, set("abcdef"))
        self.assertLessEqual(max([turn.party for turn in begun].count(party) for party in "abcdef"), 2)
        self.over(begun[0], is_in_trouble=False)
        self.assertEqual(len(self.begin()), 1)

    def test_take_turns(self) -> None:
        """
        Who is owed little does not wait for all of what somebody else is owed.
        """
        turns = Turns(1, 1)
        for number in range(100):
            turns.put(f"a{number:02}", "a", 0.0, 0.0)
        turns.put("b", "b", 0.0, 0.0)
        names = []
        for _ in range(3):
            turn = turns.next(0.0)
            assert turn is not None
            names.append(turn.name)
            turns.over(turn, 0.0, is_in_trouble=False)
        self.assertIn("b", names)

    def test_trouble(self) -> None:
        """
        A party in trouble is left alone for a while, then asked with one thing; once that is taken all is as before.
        """
        self.put(*(f"a{number}" for number in range(9)))
        first, second = self.begin()
        self.over(first, is_in_trouble=True)
        self.over(second, is_in_trouble=True)
        self.assertEqual(self.begun(), [])
        self.assertEqual(self.turns.paused_until("a"), FIRST_PAUSE)
        self.assertEqual(self.turns.wakes_at, FIRST_PAUSE)
        self.now = FIRST_PAUSE
        (probe,) = self.begin()
        self.assertTrue(probe.is_probe)
        self.over(probe, is_in_trouble=False)
        again = self.begin()
        self.assertEqual([turn.is_probe for turn in again], [False, False])

    def test_trouble_is_over(self) -> None:
        """
        What is taken after a failure ends the pause.
        """
        self.put(*(f"a{number}" for number in range(9)))
        first, second = self.begin()
        self.over(first, is_in_trouble=True)
        self.over(second, is_in_trouble=False)
        self.assertEqual(len(self.begin()), 2)

    def test_longer_pauses(self) -> None:
        """
        While the trouble lasts the pauses grow, but an end of it is noticed within a minute.
        """
        self.put(*(f"a{number:03}" for number in range(100)))
        pauses = []
        for _ in range(10):
            for turn in self.begin():
                self.over(turn, is_in_trouble=True)
            pauses.append(self.turns.paused_until("a") - self.now)
            self.now = self.turns.paused_until("a")
        self.assertEqual(pauses, sorted(pauses))
        self.assertEqual((pauses[0], pauses[-1]), (FIRST_PAUSE, LONGEST_PAUSE))

    def test_nothing_learnt(self) -> None:
        """
        What says nothing about a party leaves its trouble as it was.
        """
        self.put(*(f"a{number}" for number in range(9)))
        first, second = self.begin()
        self.over(first, is_in_trouble=True)
        self.over(second, is_in_trouble=None)
        self.assertEqual(self.begun(), [])
        self.assertEqual(self.turns.paused_until("a"), FIRST_PAUSE)

    def test_trouble_leaves_room(self) -> None:
        """
        However many are in trouble, half of the room is left for those who are not.
        """
        self.put(*(f"{party}{number}" for party in "abcdefghijkl" for number in range(3)))
        for _ in range(12):
            for turn in self.begin():
                self.over(turn, is_in_trouble=True)
        self.now = LONGEST_PAUSE
        probes = self.begin()
        self.assertEqual([turn.is_probe for turn in probes], [True] * 4)
        self.put("z1", "y1", "z2", "y2", "x1")
        self.assertEqual(sorted(self.begun()), ["x1", "y1", "z1", "z2"])

    def test_the_healthy_first(self) -> None:
        """
        When something is over, those who are not in trouble come first.
        """
        turns = Turns(2, 1)
        turns.put("a1", "a", 0.0, 0.0)
        turns.put("a2", "a", 0.0, 0.0)
        first = turns.next(0.0)
        assert first is not None
        turns.over(first, 0.0, is_in_trouble=True)
        turns.put("b1", "b", 0.0, 60.0)
        second = turns.next(60.0)
        assert second is not None
        self.assertEqual(second.name, "b1")

    def test_forgets(self) -> None:
        """
        Whoever is owed nothing any more takes no memory, except for a moment.
        """
        for number in range(1000):
            self.turns.put(str(number), f"party {number}", 0.0, 0.0)
            for turn in self.begin():
                self.over(turn, is_in_trouble=None)
        self.assertEqual(len(self.turns._parties), 0)
        self.assertEqual(len(self.turns._due), 0)
        self.assertEqual(self.turns.paused_until("party 1"), 0.0)

    def test_no_false_alarm(self) -> None:
        """
        While all the room is taken nobody needs to wake for what is due already.
        """
        self.put(*(f"{party}{number}" for party in "abcdef" for number in range(4)))
        self.put("g1", due=5.0)
        self.begin()
        self.now = 6.0
        self.assertEqual(self.begun(), [])
        self.assertIsNone(self.turns.wakes_at)
