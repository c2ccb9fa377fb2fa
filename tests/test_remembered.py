"""
Tests of `pomerium_tx.remembered`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.remembered import Remembered, remembering


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
