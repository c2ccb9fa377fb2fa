"""
Tests for `pomerium_tx.logout.heard`; that OPs are heard is in `tests.scenarios.test_heard`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.heard import Heard, LastHeard
from pomerium_tx.sessions.store import Cause

ISS, OTHER = "https://op.example.com", "https://other.example.com"
BACK, FRONT = Cause.BACK_CHANNEL, Cause.FRONT_CHANNEL


def heard(at: float, refused: str | None = None, channel: Cause = BACK, iss: str = ISS) -> Heard:
    """
    A logout.
    """
    return Heard(iss=iss, channel=channel, at=at, refused=refused)


class LastHeardTests(SynchronousTestCase):
    """
    The memory of what was heard.
    """

    def test_the_last(self) -> None:
        """
        Of each OP and channel the last is known.
        """
        last = LastHeard()
        self.assertIsNone(last.believed(ISS, BACK))
        for each in (heard(1), heard(2), heard(3, channel=FRONT), heard(4, iss=OTHER)):
            last.note(each)
        found = [last.believed(ISS, BACK), last.believed(ISS, FRONT), last.believed(OTHER, FRONT)]
        self.assertEqual([each and each.at for each in found], [2, 3, None])

    def test_refused(self) -> None:
        """
        A refusal is known until a later logout is believed, and takes nothing away from what was believed.
        """
        last = LastHeard()
        last.note(heard(1))
        last.note(heard(2, "no exp"))
        self.assertEqual(last.refused(ISS, BACK), heard(2, "no exp"))
        self.assertEqual(last.believed(ISS, BACK), heard(1))
        last.note(heard(3))
        self.assertIsNone(last.refused(ISS, BACK))

    def test_keep(self) -> None:
        """
        What OPs have said that are configured no longer is forgotten.
        """
        last = LastHeard()
        last.note(heard(1))
        last.note(heard(1, iss=OTHER))
        last.keep([ISS])
        self.assertEqual((last.believed(ISS, BACK), last.believed(OTHER, BACK)), (heard(1), None))
