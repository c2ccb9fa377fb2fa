"""
Tests for `pomerium_tx.sessions.groups`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.groups import Groups


class GroupsTests(SynchronousTestCase):
    """
    Positions by group.
    """

    def setUp(self) -> None:
        """
        None yet.
        """
        self.groups = Groups()

    def test_one_and_several(self) -> None:
        """
        A group has its positions in the order in which they came, however many there are.
        """
        for count in range(4):
            with self.subTest(count=count):
                group = ("session", str(count))
                for position in range(count):
                    self.groups.add(group, position)
                self.assertEqual(self.groups.of(group), list(range(count)))
                self.assertEqual(group in self.groups, count > 0)

    def test_kinds(self) -> None:
        """
        Two kinds may have the same name.
        """
        self.groups.add(("session", "a"), 1)
        self.groups.add(("receipt", "a"), 2, 3)
        self.assertEqual((self.groups.of(("session", "a")), self.groups.of(("receipt", "a"))), ([1], [2, 3]))
        self.assertEqual(len(self.groups), 2)

    def test_remove(self) -> None:
        """
        A group without the position is still a group, and takes further ones.
        """
        group = ("session", "a")
        self.groups.add(group, 1, 2)
        for position, left in ((1, [2]), (2, [])):
            self.groups.remove(group, position)
            self.assertEqual(self.groups.of(group), left)
            self.assertIn(group, self.groups)
        self.groups.add(group, 3)
        self.assertEqual(self.groups.of(group), [3])

    def test_pop(self) -> None:
        """
        A group that is forgotten says what was in it, and one that is not there that nothing was.
        """
        group = ("session", "a")
        self.groups.add(group, 1)
        self.assertEqual((self.groups.pop(group), self.groups.pop(group)), ([1], []))
        self.assertNotIn(group, self.groups)
        self.assertEqual(self.groups.pop(("nothing", "a")), [])

    def test_nobody_changes_it_from_outside(self) -> None:
        """
        What is answered is a list of the asker's own.
        """
        group = ("session", "a")
        self.groups.add(group, 1, 2)
        self.groups.of(group).clear()
        self.assertEqual(self.groups.of(group), [1, 2])
