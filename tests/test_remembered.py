"""
Tests of `pomerium_tx.remembered`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.remembered import Recent, Remembered, remembering


class RememberingTests(SynchronousTestCase):
    """
    What is remembered of answers.
    """

    def setUp(self) -> None:
        """
        Nothing was asked.
        """
        self.asked: list[str] = []
        self.ask = remembering(self.answer, entries=3, longest=5)

    def answer(self, text: str) -> str:
        """
        The text in capitals.
        """
        self.asked.append(text)
        return text.upper()

    def test_once(self) -> None:
        """
        What was asked before is answered without asking again.
        """
        self.assertEqual([self.ask("a"), self.ask("b"), self.ask("a")], ["A", "B", "A"])
        self.assertEqual(self.asked, ["a", "b"])

    def test_bounded(self) -> None:
        """
        No more than so many answers are remembered, and none to what is long; all are right.
        """
        for text in ("a", "b", "c", "c", "d", "d", "a", "longer", "longer", "fives", "fives"):
            self.assertEqual(self.ask(text), text.upper())
        self.assertEqual(self.asked, ["a", "b", "c", "d", "a", "longer", "longer", "fives"])
        known = Remembered(str.upper, entries=3, longest=5)
        for number in range(100):
            self.assertEqual(known[f"a{number}"], f"A{number}")
            self.assertLessEqual(len(known), 3)

    def test_failure(self) -> None:
        """
        A failure is not remembered.
        """
        failing = remembering(int, entries=3, longest=5)
        for _ in range(2):
            self.assertRaises(ValueError, failing, "x")
        self.assertEqual(failing("7"), 7)


class RecentTests(SynchronousTestCase):
    """
    What was kept lately.
    """

    def test_latest_are_kept(self) -> None:
        """
        At least so many of the latest that were kept or asked for are there, and never more than twice as many.
        """
        recent: Recent[int, str] = Recent(10)
        latest: list[int] = []
        for number in range(1_000):
            key = number * 7919 % 37
            found = recent.get(key)
            if key in latest[-10:]:
                self.assertEqual(found, str(key))
            self.assertIn(found, (None, str(key)))
            if found is None:
                recent.keep(key, str(key))
            if key in latest:
                latest.remove(key)
            latest.append(key)
            self.assertLessEqual(len(recent), 20)
            self.assertEqual(len(set(recent)), len(recent))
        self.assertIsNone(recent.get(-1))

    def test_who_is_asked_for_stays(self) -> None:
        """
        Who is asked for again and again stays, however many come once.
        """
        recent: Recent[str, int] = Recent(3)
        recent.keep("asked for", 1)
        for number in range(100):
            recent.keep(f"once {number}", 0)
            self.assertEqual(recent.get("asked for"), 1)
        self.assertIsNone(recent.get("once 0"))

    def test_kept_anew(self) -> None:
        """
        What is kept under the same key takes the place of what was there.
        """
        recent: Recent[str, int] = Recent(1)
        for value, key in enumerate(("a", "b", "a", "a")):
            recent.keep(key, value)
        self.assertEqual((recent.get("a"), list(recent)), (3, ["a", "b"]))

    def test_forget(self) -> None:
        """
        Whatever is over is forgotten, young or old, and nothing else; or all.
        """
        recent: Recent[int, int] = Recent(4)
        for number in range(6):
            recent.keep(number, number)
        recent.forget(lambda value: value % 2 == 1)
        self.assertEqual(sorted(recent), [0, 2, 4])
        recent.clear()
        self.assertEqual((len(recent), recent.get(4)), (0, None))
