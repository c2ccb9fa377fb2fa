"""
<<<<<<< HEAD
Tests for `pomerium_tx.logout.lost_sign_ins`.
=======
Tests of `pomerium_tx.logout.lost_sign_ins`.
>>>>>>> ca36482 (Which tokens a configuration's routes take, and how long an end's marks last, tested)
"""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

<<<<<<< HEAD
from pomerium_tx.authenticate.state import LIFETIME
from pomerium_tx.logout.lost_sign_ins import LIFETIME as TOMBSTONES
from pomerium_tx.logout.lost_sign_ins import tombstones_of
=======
from pomerium_tx.logout.lost_sign_ins import LIFETIME, TOKEN_LIFETIME, Name, tombstones_of

ISSUER = "https://op.example.com"
NAMES: list[Name] = [("sub", ISSUER, "alice"), ("browser", "", "b")]
>>>>>>> ca36482 (Which tokens a configuration's routes take, and how long an end's marks last, tested)


class LostSignInsTests(SynchronousTestCase):
    """
<<<<<<< HEAD
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
=======
    The marks that an end leaves.
    """

    def test_lifetimes(self) -> None:
        """
        A sign-in under way loses for minutes; where tokens are taken, those of a person lose for a day.
        """
        browser, person = tombstones_of(NAMES, 100.0)
        self.assertEqual((browser.kind, browser.at, browser.expires), ("browser", 100.0, 100.0 + LIFETIME))
        self.assertEqual((person.kind, person.expires, person.signed_in_until), ("sub", 100.0 + LIFETIME, inf))
        browser, person = tombstones_of(NAMES, 100.0, signed_in_until=90.0, lifetime=TOKEN_LIFETIME)
        self.assertEqual((browser.expires, person.expires), (100.0 + LIFETIME, 100.0 + TOKEN_LIFETIME))
        self.assertEqual((person.iss, person.value, person.signed_in_until), (ISSUER, "alice", 90.0))
>>>>>>> ca36482 (Which tokens a configuration's routes take, and how long an end's marks last, tested)
