"""
Tests for `pomerium_tx.sessions.owed`.

What an end owes is also tested with the ledger.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.owed import OwedRevocations
from pomerium_tx.sessions.store import UNTIL_PROVEN
from tests.sessions.records import NOW, ending, owed, session, tokens


class OwedRevocationsTests(SynchronousTestCase):
    """
    Tokens that are to be revoked.
    """

    def setUp(self) -> None:
        self.owed = OwedRevocations()

    def test_release(self) -> None:
        """
        What one end owes is released together, and nothing else is.
        """
        for name, receipt_id in (("a", "r"), ("b", "r"), ("c", "other"), ("d", None)):
            self.owed.add(owed(name, receipt_id=receipt_id))
        self.assertTrue(self.owed.has_waiting("r", NOW))
        self.assertFalse(self.owed.has_waiting("r", NOW + 60))
        self.assertEqual([self.owed.release(name) for name in ("r", "r", "unknown")], [True, False, False])
        self.assertEqual([one.not_before for one in self.owed.by_id.values()], [0.0, 0.0, NOW + 60, NOW + 60])
        self.assertEqual([self.owed.has_waiting(name, NOW) for name in ("r", "other", "unknown")], [False, True, False])

    def test_done(self) -> None:
        """
        What is done is owed no longer, and nothing of it is left; to say so twice is harmless.
        """
        self.owed.add(owed("a", receipt_id="r"))
        self.owed.add(owed("b"))
        for name in ("a", "b", "b", "unknown"):
            self.owed.done(name)
        self.assertEqual((self.owed.by_id, self.owed._by_receipt), ({}, {}))

    def test_settle(self) -> None:
        """
        The tokens that whoever asked knew are owed, and those that came since; of another end's, nothing twice.
        """
        one = ending("alice-1", owed=(owed("a"),), receipt_id="r").change([session()], 0)
        renewed = session(tokens=tokens("renewed"))
        self.assertEqual([one.id for one in self.owed.settle(one, {"alice-1"}, [renewed])], ["a", "r.alice-1"])
        self.assertEqual(list(self.owed.by_id), ["a", "r.alice-1"])
        again = ending("alice-1", owed=(owed("c"),)).change([session()], 0)
        self.assertEqual(self.owed.settle(again, (), ()), ())
        self.assertEqual(list(self.owed.by_id), ["a", "r.alice-1"])

    def test_unproven(self) -> None:
        """
        What waits for a proof is owed, but is nothing to act on before it is released.
        """
        one = ending("alice-1", owed=(owed("a", not_before=UNTIL_PROVEN),), receipt_id="r").change([session()], 0)
        self.assertEqual(self.owed.settle(one, {"alice-1"}, ()), ())
        self.assertEqual(list(self.owed.by_id), ["a"])
        self.assertTrue(self.owed.release("r"))
