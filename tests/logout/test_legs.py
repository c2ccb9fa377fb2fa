"""
Tests for `pomerium_tx.logout.legs`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.legs import legs_of
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.session import Session, Tokens
from tests.doubles.sessions import a_session


def at(issuer: str, **changes: object) -> Session:
    """
    A session of the browser at an OP.
    """
    return a_session(**{"iss": f"https://{issuer}.example", "idp_id": issuer, "browser": "b", **changes})


class LegsTests(SynchronousTestCase):
    """
    To which OPs a person is led, and in which order.
    """

    def order(self, shown: Session, *others: Session, silent: str = "") -> list[str]:
        """
        The clients in whose names the OPs are asked.
        """
        legs = legs_of([shown], [*others, shown], lambda idp_id: idp_id != silent)
        self.assertEqual(len({leg.state for leg in legs}), len(legs))
        return [leg.idp_id for leg in legs]

    def test_order(self) -> None:
        """
        First the OP of the session that was shown, then the others, the last sign-in first.
        """
        one, two, three = (at(name, began=began) for name, began in (("one", 1.0), ("two", 2.0), ("three", 3.0)))
        self.assertEqual(self.order(one, two, three), ["one", "three", "two"])

    def test_who_sends_nobody_back_comes_last(self) -> None:
        """
        From there nobody gets to the next one.
        """
        self.assertEqual(self.order(at("one"), at("two"), silent="one"), ["two", "one"])

    def test_one_visit_for_each(self) -> None:
        """
        Of several clients of one OP, the one that was shown is the one that asks, or else the last.
        """
        early, late = (
            at("own", iss="https://one.example", idp_id=name, began=began) for name, began in (("a", 1), ("b", 2))
        )
        self.assertEqual(self.order(early, late), ["a"])
        self.assertEqual(self.order(at("two"), early, late), ["two", "b"])

    def test_this_browsers_only(self) -> None:
        """
        Sessions that end in other browsers lead nobody anywhere.
        """
        self.assertEqual(self.order(at("one"), at("two", browser="another")), ["one"])

    def test_hint(self) -> None:
        """
        Each leg has its own session's ID Token as hint, and none where there is none; no hint shows.
        """
        legs = legs_of(
            [at("one", tokens=Tokens(id_token="hint-one", access_token="a"))],
            [at("two", tokens=Tokens(id_token="", access_token="a"))],
            lambda idp_id: True,
        )
        self.assertEqual([leg.id_token for leg in legs], ["hint-one", None])
        self.assertNotIn("hint-one", repr(legs))
        self.assertNotIn(legs[0].state, repr(legs))

    def test_shown(self) -> None:
        """
        Which sessions have been shown is known; the others' are to be shown before an OP is told whose they were.
        """
        one, two, three = (at(name, id=f"id-{name}") for name in ("one", "two", "three"))
        legs = legs_of([one, two], [one, two, three], lambda idp_id: True)
        self.assertEqual({leg.idp_id: leg.unshown for leg in legs}, {"one": "", "two": "", "three": "id-three"})
        departure = Departure(reference="r", receipt_id="i", legs=legs, target=None, expires=1.0)
        place = next(place for place, leg in enumerate(legs) if leg.unshown)
        self.assertEqual(set(departure.shown(())), {0, 1, 2} - {place})
        self.assertEqual(set(departure.shown({"id-two"})), {0, 1, 2} - {place})
        self.assertEqual(set(departure.shown({"id-three"})), {0, 1, 2})
        self.assertNotIn("id-three", repr(legs))
