"""
Tests of `pomerium_tx.config.suggestion`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.suggestion import suggestion


class SuggestionTests(SynchronousTestCase):
    """
    Slips of the keyboard.
    """

    def test_suggestion(self) -> None:
        """
        The name that is most like the one that was written is suggested, in any case; nothing, if none is like it.
        """
        names = {"email", "domain", "groups"}
        for written, hint in (
            ("emial", "; did you mean email?"),
            ("EMAIL", "; did you mean email?"),
            ("group", "; did you mean groups?"),
            ("quite-other", ""),
            ("", ""),
        ):
            with self.subTest(written=written):
                self.assertEqual(suggestion(written, names), hint)
