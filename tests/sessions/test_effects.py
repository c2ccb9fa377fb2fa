"""
Tests for `pomerium_tx.sessions.effects`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.effects import Begun, Ended, Refreshed
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause
from tests.sessions.records import NOW, session


class EffectTests(SynchronousTestCase):
    """
    What changes come to.
    """

    def test_repr(self) -> None:
        """
        No token shows when one is printed, nor the name of a session that has ended.
        """
        receipt = Receipt(id="r", time=NOW, cause=Cause.IDLE, session_ids=("alice-1",))
        ended = repr(Ended(receipt=receipt, sessions=(session(),)))
        self.assertNotIn("alice-1", ended)
        for one in (Begun(session=session()), Refreshed(session=session(), requested=NOW)):
            self.assertNotIn("access-", repr(one))
