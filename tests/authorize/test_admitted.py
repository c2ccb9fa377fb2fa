"""
Tests of `pomerium_tx.authorize.admitted`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.admitted import KEPT_OF_ONE, SESSIONS_KEPT, AdmittedVerdicts
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.policy.criteria import from_legacy
from tests.policy.clients import decided

EVERYBODY = decided(from_legacy(public=True), None)
NOBODY = decided(from_legacy(), None)


def verdict() -> Verdict:
    """
    A fresh one.
    """
    return Verdict(action=Action.PROCEED, status=200, reason="", allow=True, reasons=())


class AdmittedVerdictsTests(SynchronousTestCase):
    """
    What is kept of verdicts, and for how long.
    """

    def setUp(self) -> None:
        """
        Nothing is kept.
        """
        self.admitted = AdmittedVerdicts()

    def test_the_very_same(self) -> None:
        """
        A verdict is found for the session and the very thing that was presented, and for no other.
        """
        read, other, kept = object(), object(), verdict()
        self.admitted.keep("one", read, kept, EVERYBODY)
        self.assertEqual(self.admitted.of("one", read), (kept, EVERYBODY))
        self.assertIsNone(self.admitted.of("one", other))
        self.assertIsNone(self.admitted.of("two", read))
        newer = verdict()
        self.admitted.keep("one", read, newer, NOBODY)
        found = self.admitted.of("one", read)
        assert found is not None
        self.assertIs(found[0], newer)
        self.assertIs(found[1], NOBODY)

    def test_forgotten(self) -> None:
        """
        Nothing is kept of a session that is forgotten, and all of the others.
        """
        read = object()
        for name in ("one", "two"):
            self.admitted.keep(name, read, verdict(), EVERYBODY)
        self.admitted.forget("one")
        self.admitted.forget("never seen")
        self.assertIsNone(self.admitted.of("one", read))
        self.assertIsNotNone(self.admitted.of("two", read))
        self.assertEqual(len(self.admitted), 1)

    def test_bounded(self) -> None:
        """
        Of one session the latest few are kept, and so are the latest sessions.
        """
        reads = [object() for _ in range(KEPT_OF_ONE + 3)]
        for read in reads:
            self.admitted.keep("one", read, verdict(), EVERYBODY)
        found = [self.admitted.of("one", read) is not None for read in reads]
        self.assertEqual(found, [False] * 3 + [True] * KEPT_OF_ONE)
        for number in range(SESSIONS_KEPT + 5):
            self.admitted.keep(str(number), reads[0], verdict(), EVERYBODY)
        self.assertEqual(len(self.admitted), SESSIONS_KEPT)
        self.assertIsNone(self.admitted.of("one", reads[-1]))
        self.assertIsNotNone(self.admitted.of(str(SESSIONS_KEPT), reads[0]))

    def test_kept_again(self) -> None:
        """
        What is kept already takes nothing else's place when it is kept again.
        """
        reads = [object() for _ in range(KEPT_OF_ONE)]
        for read in (*reads, reads[-1]):
            self.admitted.keep("one", read, verdict(), EVERYBODY)
        self.assertTrue(all(self.admitted.of("one", read) is not None for read in reads))
