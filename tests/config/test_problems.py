"""
Tests of `pomerium_tx.config.problems`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.problems import InvalidConfig, Place, Problem


class ProblemTests(SynchronousTestCase):
    """
    How a problem is said.
    """

    def test_in_words(self) -> None:
        """
        File, line and key come first, as far as they are known, so that an editor can jump there.
        """
        for file, line, key, words in (
            ("c.yaml", 3, "routes[1].to", "c.yaml:3: routes[1].to: is wrong"),
            ("$ADDRESS", None, "address", "$ADDRESS: address: is wrong"),
            ("c.yaml", None, "", "c.yaml: is wrong"),
        ):
            with self.subTest(words):
                self.assertEqual(str(Problem(file=file, line=line, key=key, message="is wrong")), words)

    def test_all_of_them(self) -> None:
        """
        The exception says every problem, one a line.
        """
        problems = [Problem(file="c", line=line, key="", message="is wrong") for line in (1, 2)]
        self.assertEqual(str(InvalidConfig(problems)), "c:1: is wrong\nc:2: is wrong")

    def test_a_place(self) -> None:
        """
        Where something stands is said in the same form.
        """
        self.assertEqual(str(Place(file="c.yaml", line=3, key="routes[1]")), "c.yaml:3: routes[1]")
        self.assertEqual(str(Place(file="$ROUTES", line=None, key="routes[0]")), "$ROUTES: routes[0]")
