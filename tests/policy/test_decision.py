"""
How the parts of a decision add up.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.policy.decision import Decision


class DecisionTests(SynchronousTestCase):
    """
    Who gets in.
    """

    def test_precedence(self) -> None:
        """
        Only what is allowed, not denied, and cannot be changed by signing in is admitted.
        """
        for allow in (False, True):
            for deny in (False, True):
                for unauthenticated in (False, True):
                    with self.subTest(allow=allow, deny=deny, unauthenticated=unauthenticated):
                        decision = Decision(allow=allow, deny=deny, reasons=(), unauthenticated=unauthenticated)
                        self.assertEqual(decision.admits, (allow, deny, unauthenticated) == (True, False, False))

    def test_of_another_request(self) -> None:
        """
        A decision of which nothing else is said is about one request, and is not taken for the next one's.
        """
        self.assertFalse(Decision(allow=True, deny=False, reasons=(), unauthenticated=False).of_session)
