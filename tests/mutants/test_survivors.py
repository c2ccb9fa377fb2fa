"""
Tests of the list of mutants that no test notices.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.mutants.mutant import Mutant
from tests.mutants.survivors import LISTED, Unreadable, gone, read, unlisted
from tests.mutants.targets import TARGETS

LIST = """
# Words.
a/b.py Thing.do
- if x:
+ if True:
- y = [
- 1,
+ y = [
= It is a shortcut,
= and the same.

a/b.py
- A = 1
+ A = None
= Nobody reads it.
"""
FIRST = Mutant("a/b.py", "Thing.do", ("if x:",), ("if True:",))
SECOND = Mutant("a/b.py", "Thing.do", ("y = [", "1,"), ("y = [",))
THIRD = Mutant("a/b.py", "", ("A = 1",), ("A = None",))


class ListTests(SynchronousTestCase):
    """
    Survivors and their reasons.
    """

    def test_read(self) -> None:
        """
        Each change has its place and its reason.
        """
        shortcut = "It is a shortcut, and the same."
        self.assertEqual(read(LIST), {FIRST: shortcut, SECOND: shortcut, THIRD: "Nobody reads it."})

    def test_written_is_read(self) -> None:
        """
        What is printed of a survivor can be put into the list as it stands.
        """
        for mutant in (FIRST, SECOND, THIRD):
            self.assertEqual(list(read(f"{mutant}\n= Because.\n")), [mutant])

    def test_unreadable(self) -> None:
        """
        No mutant is listed without a reason, without a change, or twice.
        """
        for text in (str(FIRST), "a/b.py x\n= why\n", f"{LIST}\n{THIRD}\n= again\n", "a/b.py x\n? y\n= why\n"):
            with self.subTest(text=text):
                self.assertRaises(Unreadable, read, text)

    def test_differences(self) -> None:
        """
        A survivor without a reason is found, and a reason without a survivor; other modules are left alone.
        """
        self.assertEqual(unlisted([FIRST, THIRD], [FIRST]), [THIRD])
        self.assertEqual(gone([THIRD], [FIRST, THIRD], ["a/b.py"]), [FIRST])
        self.assertEqual(gone([], [FIRST, THIRD], ["a/c.py"]), [])

    def test_the_list(self) -> None:
        """
        The list that is kept is readable, and speaks of modules that are tried.
        """
        self.assertLessEqual({mutant.path for mutant in read(LISTED.read_text())}, set(TARGETS))
