"""
Tests of the mistakes that are tried.
"""

from __future__ import annotations

from importlib.util import find_spec

from twisted.trial.unittest import SynchronousTestCase

SOURCE = '''"""
Words.
"""
import os
__all__ = ["listed"]
LIMIT = 3
Ask = Callable[[int], bool]

class Guard:
    """
    Words.
    """

    @property
    def fits(self) -> bool:
        log.info("asked {n}", n=1)
        assert self.n is not None
        if self.n < LIMIT and self.known:
            raise Wrong("words", 400)
        return self.n
'''
LEFT_OUT = [
    (("if self.n < LIMIT and self.known:",), ("if True:",)),
    (("if self.n < LIMIT and self.known:",), ("if False:",)),
    (("if self.n < LIMIT and self.known:",), ("if self.n < LIMIT:",)),
    (("if self.n < LIMIT and self.known:",), ("if self.known:",)),
    (("if self.n < LIMIT and self.known:",), ("if self.n <= LIMIT and self.known:",)),
    (('raise Wrong("words", 400)',), ("pass",)),
    (('raise Wrong("words", 400)',), ('raise Wrong("words", 401)',)),
    (("return self.n",), ("return None",)),
    (("LIMIT = 3",), ("LIMIT = 4",)),
]


class MutantsTests(SynchronousTestCase):
    """
    What is changed into what.
    """

    if find_spec("mutmut") is None or find_spec("libcst") is None:
        skip = "the operators are those of mutmut, which comes with the extra `mutants`"

    def test_changes(self) -> None:
        """
        Checks are left out and turned round, in properties and at the level of the module as well; words, annotations
        and their aliases, asserts and what is logged stay.
        """
        from tests.mutants.operators import mutants

        found = mutants("a/b.py", SOURCE)
        changes = [(mutant.removed, mutant.added) for mutant in found]
        for change in LEFT_OUT:
            self.assertIn(change, changes)
        self.assertEqual(len({mutant.source for mutant in found}), len(found))
        self.assertEqual({mutant.place for mutant in found}, {"", "Guard.fits"})
        for removed, added in changes:
            for word in ("words", "Words", "log", "assert", "import", "listed", "property", "bool", "Callable"):
                if word in " ".join(removed):
                    self.assertIn(word if added != ("pass",) else "pass", " ".join(added), removed)
        for mutant in found:
            compile(mutant.source, "mutant", "exec")
