"""
Tests for `pomerium_tx.logout.owed_tokens`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.owed_tokens import REVOKED_AT, owed_for
from pomerium_tx.sessions.session import Tokens
from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause
from tests.doubles.sessions import a_session


class OwedTokensTests(SynchronousTestCase):
    """
    Which tokens are to be revoked after an end, and when.
    """

    def test_owed(self) -> None:
        """
        What is owed says to which client of which OP, and whose; one that has nothing to revoke owes nothing.
        """
        session = a_session(tokens=Tokens(id_token="i", access_token="a", refresh_token="r"))
        bare = a_session(tokens=Tokens(id_token="i", access_token=""))
        (owed,) = owed_for([session, bare], lambda one: 60.0)
        self.assertEqual((owed.idp_id, owed.iss, owed.sub), (session.idp_id, session.iss, session.sub))
        self.assertEqual(owed.not_before, 60.0)
        self.assertEqual([hint for hint, _ in owed.tokens], ["refresh_token", "access_token"])
        self.assertNotIn(session.sub, repr(owed))

    def test_when(self) -> None:
        """
        At once after all but a word that anybody can have said; not at all where a new session has the same grant.
        """
        self.assertEqual(REVOKED_AT[Cause.FRONT_CHANNEL], UNTIL_PROVEN)
        self.assertNotIn(Cause.REPLACED, REVOKED_AT)
        self.assertEqual({at for cause, at in REVOKED_AT.items() if cause is not Cause.FRONT_CHANNEL}, {0.0})
