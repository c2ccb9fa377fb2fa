"""
A logout token that names a person and no session finds them whatever became of their other sessions.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.store import Cause
from tests.scenarios.told import ToldTestCase
from tests.scenarios.world import APP


class AfterOthersTests(ToldTestCase):
    """
    Alice's sessions end in several ways, and begin anew.
    """

    def test_newest_after_older_ones(self) -> None:
        """
        The newest session ends although older ones have ended before, in whatever way, and although one was replaced.
        """
        self.sign_out(self.laptop, follow=True)
        self.sign_in(self.phone)
        tablet, on_tablet = self.somebody()
        self.tell(sid=self.on_phone.sids[0])
        self.advance(1.0)
        ending = self.house.ending.end([on_tablet.id], Cause.ADMINISTRATOR)
        self.successResultOf(Deferred.fromCoroutine(ending))
        _, newest = self.somebody()
        self.assertIn(newest.id, self.live())
        self.tell(sub=newest.sub)
        self.assertEqual(self.live(), {self.of_bob.id})
        self.assertNotEqual(tablet.get(APP + "/", follow=False).status, 200)
