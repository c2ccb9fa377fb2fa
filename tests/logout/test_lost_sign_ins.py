"""
Tests for `pomerium_tx.logout.lost_sign_ins`.
"""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.state import LIFETIME
from pomerium_tx.logout.lost_sign_ins import LIFETIME as TOMBSTONES
from pomerium_tx.logout.lost_sign_ins import TOKEN_LIFETIME, tombstones_of


class LostSignInsTests(SynchronousTestCase):
    """
    The sign-ins under way that an end makes lose.
    """

    def test_for_each_name(self) -> None:
        """
        Each name has its own, for longer than any sign-in can be under way, in an order that does not depend on chance.
        """
        names = [("sub", "https://op", "alice"), ("browser", "", "b")]
        found = tombstones_of(names, 20.0)
        self.assertEqual([one.key for one in found], [("browser", "", "b"), ("sub", "https://op", "alice")])
        self.assertEqual({(one.at, one.expires, one.signed_in_until) for one in found}, {(20.0, 620.0, inf)})
        self.assertGreater(TOMBSTONES, LIFETIME)

    def test_later_sign_ins(self) -> None:
        """
        Whoever signed in after the OP spoke is not meant.
        """
        (one,) = tombstones_of([("sid", "https://op", "s")], 1.0, signed_in_until=31.0)
        self.assertEqual(one.signed_in_until, 31.0)

    def test_tokens(self) -> None:
        """
        Where tokens of before an end may turn up later, those of a person lose for a day.
        """
        names = [("sub", "https://op", "alice"), ("browser", "", "b")]
        browser, person = tombstones_of(names, 100.0, lifetime=TOKEN_LIFETIME)
        self.assertEqual((browser.expires, person.expires), (100.0 + TOMBSTONES, 100.0 + TOKEN_LIFETIME))
