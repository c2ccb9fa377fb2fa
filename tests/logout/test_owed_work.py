"""
Tests for `pomerium_tx.logout.owed_work`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.owed_work import NotTaken, Terms


class ValueTests(SynchronousTestCase):
    """
    What passes between an outbox and its work.
    """

    def test_not_taken(self) -> None:
        """
        A failure says why, also to whoever only prints it.
        """
        problem = NotTaken("the application answers 503", is_in_trouble=True)
        self.assertEqual((problem.problem, problem.is_in_trouble), ("the application answers 503", True))
        self.assertEqual(str(problem), "the application answers 503")

    def test_terms(self) -> None:
        """
        What is owed without further terms may be done at once, and was not tried yet.
        """
        terms = Terms(owed_id="one", party="them")
        self.assertEqual((terms.not_before, terms.since, terms.attempts), (0.0, None, 0))
