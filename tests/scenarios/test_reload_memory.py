"""
What a reload leaves in memory of the configuration before it: nothing.
"""

from __future__ import annotations

import gc

from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.authorize.read import Reads
from pomerium_tx.authorize.verdict import Verdict
from pomerium_tx.proxy.heads.forwarding import Forwarding
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.store import Cause
from tests.scenarios.test_reload import ReloadTestCase as _ReloadTestCase
from tests.scenarios.world import APP


def living(*kinds: type) -> dict[str, int]:
    """
    How many objects of some kinds there are.
    """
    gc.collect()
    found = gc.get_objects()
    return {kind.__name__: sum([type(each) is kind for each in found]) for kind in kinds}


class ReloadMemoryTests(_ReloadTestCase):
    """
    Heads are remembered for longer than a configuration.
    """

    def test_what_stays_open(self) -> None:
        """
        What is open for longer than many configurations keeps none of those that came after its own.
        """
        alice = self.both()
        self.websocket(alice)
        self.begin(alice, "GET", APP + "/events")
        kinds = (Authorizer, Reads, Forwarding, RouteTable, Handles, Verdict)
        self.reload()
        before = living(*kinds)
        for _ in range(5):
            self.reload()
        self.assertEqual(living(*kinds), before)

    def test_nothing_is_left(self) -> None:
        """
        After any number of reloads, with the same browser asking in between, there is as much as after the first one;
        and nothing of a session that has ended.
        """
        alice = self.browser()
        self.sign_in(alice)
        self.assertEqual(alice.get(APP + "/").status, 200)
        # With it goes what other tests have left, too.
        self.reload()
        before = living(Authorizer, Forwarding)
        for _ in range(5):
            self.assertEqual(alice.get(APP + "/").status, 200)
            self.reload()
        self.assertEqual(alice.get(APP + "/").status, 200)
        self.assertEqual(living(Authorizer, Forwarding), before)
        ids = [session.id for session in self.house.registry.sessions()]
        self.successResultOf(self.house.ending.end(ids, Cause.ADMINISTRATOR))
        self.settle()
        gc.collect()
        kept = [each for each in gc.get_objects() if type(each) is Verdict and each.session is not None]
        self.assertEqual([each for each in kept if each.session.id in ids], [])
