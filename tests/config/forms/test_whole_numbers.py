"""
Tests of `pomerium_tx.config.forms.whole_numbers`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.whole_numbers import WholeNumber


class WholeNumberTests(SynchronousTestCase):
    """
    A number of a key.
    """

    def test_read(self) -> None:
        """
        A number may be in quotes, as the environment has it.
        """
        for written in (5, "5", " 5 "):
            self.assertEqual(WholeNumber(1, 64)(written), 5)

    def test_refused(self) -> None:
        """
        What is out of bounds, or no whole number, is refused with the bounds.
        """
        for written in (0, 65, "0", True, 1.0, "five", None, "1" * 30, "\u0665"):
            with self.subTest(str(written)):
                error = self.assertRaises(ValueError, WholeNumber(1, 64), written)
                self.assertIn("from 1 to 64", str(error))
