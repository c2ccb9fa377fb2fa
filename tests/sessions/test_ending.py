"""
Tests for `pomerium_tx.sessions.ending`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.ending import new_receipt_id
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.session import RouteUse
from pomerium_tx.sessions.store import Cause, OpLogout, SeenJti
from tests.contracts.session_store import departure
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tombstone


class EndingTests(SynchronousTestCase):
    """
    What is asked when sessions are to end.
    """

    def test_says_more(self) -> None:
        """
        An end of nobody is recorded if anything else comes with it.
        """
        table: list[tuple[dict[str, Any], bool]] = [
            ({}, False),
            ({"tombstones": (tombstone("sub", "alice"),)}, True),
            ({"departure": departure()}, True),
            ({"owed": (owed(),)}, True),
            ({"jti": SeenJti(iss="i", jti="j", expires=1)}, True),
            ({"confirms": (("receipt", "https://op.example.com"),)}, True),
            ({"notify": ("route",)}, False),
        ]
        for fields, expected in table:
            with self.subTest(fields=list(fields)):
                self.assertEqual(ending("nobody", **fields).says_more, expected)

    def test_one_receipt(self) -> None:
        """
        Whatever an end leaves behind names that end's receipt; each end has another.
        """
        one, other = (ending("a", departure=departure(), owed=(owed(),)) for _ in range(2))
        change = one.change([session("a")], 0)
        names = {change.receipt_id, change.departure and change.departure.receipt_id, change.owed[0].receipt_id}
        self.assertEqual(names, {one.receipt_id})
        self.assertNotEqual(one.receipt_id, other.receipt_id)

    def test_what_the_log_forgets(self) -> None:
        """
        An end says of its sessions what is asked of them later: the log need not remember how they began.
        """
        uses = {name: RouteUse(origin=f"https://{name}", first_used=NOW) for name in ("app", "quiet")}
        live = [session("alice-1", uses=uses), session("alice-2", iss="https://other.example")]
        change = ending(departure=departure(), notify=("app", "wiki"), confirms=(("earlier", ISS),)).change(live, 0)
        self.assertEqual(change.left, (live[0].left(change.receipt_id),))
        self.assertEqual([(one.session_id, one.route_id) for one in change.notices], [("alice-1", "app")])
        self.assertEqual((change.confirms, change.notify), ((("earlier", ISS),), ("app", "wiki")))
        quiet = ending().change(live, 0)
        self.assertEqual((quiet.left, quiet.notices), ((), ()))

    def test_remembered(self) -> None:
        """
        An end is remembered for a day, or until the last of its sessions would have expired.
        """
        table = [((2, 3), 24), ((2, 48), 48), ((), 24)]
        for lives, hours in table:
            with self.subTest(lives=lives):
                live = [session(expires=NOW + life * HOUR) for life in lives]
                self.assertEqual(ending().change(live, 0).remember_until, NOW + hours * HOUR)
        open_for_long = ending(departure=departure(expires=NOW + 30 * HOUR))
        self.assertEqual(open_for_long.change([], 0).remember_until, NOW + 30 * HOUR)

    def test_what_the_front_channel_leaves(self) -> None:
        """
        Of what the front channel has ended the OP may yet have a word to say, although nobody is led to it.
        """
        live = [session()]
        change = ending(cause=Cause.FRONT_CHANNEL).change(live, 0)
        self.assertEqual(change.left, (live[0].left(change.receipt_id),))

    def test_what_is_recorded(self) -> None:
        """
        An end has recorded where its sessions were used, what was known, which token asked for it, and, of several OPs,
        the least that is known of any.
        """
        there, jti = "https://other.example", SeenJti(iss=ISS, jti="j", expires=1)
        uses = {name: RouteUse(origin=f"https://{name}", first_used=NOW) for name in ("wiki", "app")}
        op_logouts = {ISS: OpLogout.CONFIRMED, there: OpLogout.PENDING}
        change = ending(jti=jti, op_logouts=op_logouts).change([session(uses=uses), session("bob-1", uses=uses)], 7)
        self.assertEqual((change.routes, change.known, change.jti), (("https://app", "https://wiki"), 7, jti))
        self.assertEqual((change.op_logout, dict(change.op_logouts)), (OpLogout.PENDING, op_logouts))
        of_none = ending(op_logout=OpLogout.NOT_SUPPORTED).change([], 0)
        self.assertEqual((of_none.op_logout, of_none.op_logouts), (OpLogout.NOT_SUPPORTED, ()))

    def test_nothing_left_to_end(self) -> None:
        """
        The receipt of an end that came too late says whose it is, when, and what is known of the OP.
        """
        late = ending("alice-1", cause=Cause.USER_AUTHENTICATE, op_logout=OpLogout.UNCONFIRMED)
        self.assertEqual(
            late.receipt_of_nothing,
            Receipt(id=late.receipt_id, time=NOW, cause=Cause.USER_AUTHENTICATE, op_logout=OpLogout.UNCONFIRMED),
        )
        self.assertEqual(late.receipt_of_nothing.sessions_ended, 0)

    def test_names(self) -> None:
        """
        An end has a name of 128 bits that nobody guesses, and when it is printed no session of it shows.
        """
        self.assertRegex(new_receipt_id(), "^[0-9a-f]{32}$")
        self.assertNotIn("alice-1", repr(ending("alice-1")))
