"""
Tests for `pomerium_tx.sessions.uses`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import UsedOnce
from pomerium_tx.sessions.uses import Uses
from tests.sessions.records import NOW


class UsesTests(SynchronousTestCase):
    """
    Values that may be used once, with room for three of a kind.
    """

    def setUp(self) -> None:
        self.position = 0
        self.dropped: list[int] = []
        self.uses = Uses(3, self.dropped.append)

    def use(self, key: str, at: float = NOW, expires: float = NOW + 60) -> bool:
        """
        Whether the next change in the log uses a value.
        """
        self.position += 1
        return self.uses.use(self.position, UsedOnce(key=key, at=at, expires=expires))

    def test_first(self) -> None:
        """
        The first one uses a value, and nobody after it until its time is over.
        """
        self.assertIsNone(self.uses.winner_of("state/a"))
        self.assertEqual([self.use("state/a"), self.use("state/a", NOW + 59)], [True, False])
        self.assertEqual((self.uses.winner_of("state/a"), self.dropped), (1, []))
        self.assertTrue(self.use("state/a", NOW + 60, NOW + 90))
        self.assertEqual((self.uses.winner_of("state/a"), self.dropped), (3, [1]))

    def test_full(self) -> None:
        """
        When there is no room left for a kind nobody may use another value of it, and none may be used a second time.
        """
        self.assertEqual([self.use(f"x/{name}") for name in "abcdad"], [True, True, True, False, False, False])
        self.uses.forget(NOW + 60)
        self.assertEqual(sorted(self.dropped), [1, 2, 3])
        self.assertTrue(self.use("x/d", NOW + 60, NOW + 90))

    def test_full_of_states(self) -> None:
        """
        Of the states, which the OP lets be used once anyway, the soonest to end is forgotten: a flood of them keeps
        nobody from signing in, not even with one that is older than all of the flood.
        """
        for name, expires in (("b", NOW + 70), ("a", NOW + 60), ("c", NOW + 80)):
            self.assertTrue(self.use(f"state/{name}", expires=expires))
        self.assertTrue(self.use("state/old", expires=NOW + 50))
        self.assertEqual((self.dropped, self.uses.winner_of("state/a")), ([2], None))
        self.assertEqual((self.uses.winner_of("state/old"), len(self.uses)), (4, 3))
        self.assertFalse(self.use("state/b", expires=NOW + 70))
        self.assertTrue(self.use("state/d", expires=NOW + 90))
        self.assertEqual((self.dropped, len(self.uses)), ([2, 4], 3))

    def test_kinds(self) -> None:
        """
        However many values of one kind are used up, every other kind has its room, and so have those without one.
        """
        for number in range(10):
            self.use(f"state/{number}")
            self.use(f"post-logout/{number}")
        for key in ("refresh/1/0", "refresh/2/0", "revocation/1/0", "callback/1", "plain", "simple"):
            self.assertTrue(self.use(key), key)
        self.assertFalse(self.use("post-logout/10"))
        self.assertEqual(len(self.uses), 12)

    def test_without_a_kind(self) -> None:
        """
        Values that say no kind are of one kind together: their number is bounded like any other's.
        """
        self.assertEqual([self.use(name) for name in "abcd"], [True, True, True, False])
        self.assertEqual([self.use(f"/{name}") for name in "ef"], [False, False])
