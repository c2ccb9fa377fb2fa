"""
Tests for `pomerium_tx.sessions.ledger`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.effects import Effect, Ended, MoreOwed
from pomerium_tx.sessions.ledger import Ledger
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import (
    UNTIL_PROVEN,
    Cause,
    Change,
    RevocationsReleased,
    RouteUsed,
    SeenJti,
    SessionBegun,
    SessionRefreshed,
    UsedOnce,
)
from tests.contracts.session_store import departure, legs
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tokens, tombstone


class LedgerTestCase(SynchronousTestCase):
    """
    One ledger, with little room.
    """

    def setUp(self) -> None:
        """
        Begin at position 0.
        """
        self.position = 0
        self.ledger = Ledger(Limits(receipts=3, departures=3, tombstones=3, outside_tombstones=3, once=3, jtis=3), {})

    def apply(self, change: Change) -> Effect:
        """
        Apply the next change.
        """
        self.position += 1
        return self.ledger.apply(self.position, change)

    def begins(self, id: str, state_issued: float = NOW - 1, **changes: Any) -> bool:
        """
        Whether a session begins.
        """
        self.apply(SessionBegun(session=session(id, **changes), state_issued=state_issued))
        return id in self.ledger.sessions

    def end(self, *session_ids: str, **changes: Any) -> str:
        """
        The receipt id of an end.
        """
        live = [self.ledger.sessions[name] for name in session_ids if name in self.ledger.sessions]
        one = ending(*session_ids, **changes)
        self.apply(one.change(live, self.position))
        return one.receipt_id


class TombstoneTests(LedgerTestCase):
    """
    Logins in flight.
    """

    def test_times(self) -> None:
        """
        A login begun before the sign-out loses, as long as the tombstone's own time has not come; by those times alone.
        """
        table = [
            (NOW - 1, NOW + 1, False),
            (NOW, NOW + 1, True),
            (NOW + 1, NOW + 1, True),
            (NOW - 1, NOW + 899, False),
            (NOW - 1, NOW + 900, True),
        ]
        for state_issued, began, expected in table:
            with self.subTest(state_issued=state_issued, began=began):
                self.setUp()
                self.end(tombstones=(tombstone("sub", "alice"),))
                self.assertEqual(self.begins("alice-1", state_issued, began=began), expected)

    def test_an_older_one_does_not_weaken_it(self) -> None:
        """
        Of two tombstones of one name the later time counts, in whatever order they come.
        """
        later, earlier = tombstone("sub", "alice"), tombstone("sub", "alice", at=NOW - 50, expires=NOW + 10)
        for pair in ((later, earlier), (earlier, later)):
            self.setUp()
            for one in pair:
                self.end(tombstones=(one,))
            self.assertFalse(self.begins("alice-1", NOW - 1, began=NOW + 100))

    def test_a_flood_from_outside(self) -> None:
        """
        However many names anybody sends through the front channel, tombstones that came another way stay.
        """
        self.end(tombstones=(tombstone("sub", "alice"),))
        for number in range(20):
            self.end(tombstones=(tombstone("sid", str(number)),), cause=Cause.FRONT_CHANNEL)
        self.assertFalse(self.begins("alice-1"))
        self.assertFalse(self.begins("bob-1", sids=("19",)))

    def test_a_real_front_channel_end_is_not_flooded(self) -> None:
        """
        A front-channel end that ended a session is as good as any other.
        """
        self.begins("alice-1")
        self.end("alice-1", tombstones=(tombstone("sid", "sid-alice-1"),), cause=Cause.FRONT_CHANNEL)
        for number in range(20):
            self.end(tombstones=(tombstone("sid", str(number)),), cause=Cause.FRONT_CHANNEL)
        self.assertFalse(self.begins("alice-2", sids=("sid-alice-1",)))


class BoundsTests(LedgerTestCase):
    """
    Memory that ends.
    """

    def test_receipts(self) -> None:
        """
        Only so many ends are remembered, and with each all that names its sessions.
        """
        for number in range(5):
            self.begins(f"alice-{number}")
            self.end(f"alice-{number}", departure=departure(reference=f"r{number}", legs=legs(state=f"s{number}")))
        known = [number for number in range(5) if self.ledger.ended(f"alice-{number}") is not None]
        self.assertEqual(known, [2, 3, 4])
        self.assertEqual([number for number in range(5) if self.ledger.departure_by_state(f"s{number}")], [2, 3, 4])
        self.assertEqual(len(self.ledger._ended), 3)
        self.assertEqual(len(self.ledger._references), 3)

    def test_once(self) -> None:
        """
        When there is no room left nobody may use another value, and none may be used a second time.
        """
        winners = []
        for key in "abcdaz":
            self.apply(UsedOnce(key=key, at=NOW, expires=NOW + 60))
            winners.append(self.ledger.winner_of(key) == self.position)
        self.assertEqual(winners, [True, True, True, False, False, False])
        self.apply(UsedOnce(key="d", at=NOW + 121, expires=NOW + 200))
        self.assertEqual(self.ledger.winner_of("d"), self.position)

    def test_a_flood_of_uses(self) -> None:
        """
        However many sign-ins anybody lets come to nothing, sessions are still refreshed and tokens revoked.
        """
        for number in range(20):
            self.apply(UsedOnce(key=f"state/{number}", at=NOW, expires=NOW + 60))
        for key in ("refresh/a/0", "revocation/b/0"):
            self.apply(UsedOnce(key=key, at=NOW, expires=NOW + 60))
            self.assertEqual(self.ledger.winner_of(key), self.position)

    def test_once_again(self) -> None:
        """
        A value whose time is over, by the times in the log, is another value.
        """
        self.apply(UsedOnce(key="a", at=NOW, expires=NOW + 10))
        self.apply(UsedOnce(key="a", at=NOW + 9, expires=NOW + 19))
        self.assertEqual(self.ledger.winner_of("a"), 1)
        self.apply(UsedOnce(key="a", at=NOW + 10, expires=NOW + 20))
        self.assertEqual(self.ledger.winner_of("a"), 3)

    def test_jtis(self) -> None:
        """
        A Logout Token is remembered until its time is over.
        """
        self.end(jti=SeenJti(iss="i", jti="j", expires=NOW + 10))
        self.assertTrue(self.ledger.has_seen("i", "j"))
        self.apply(UsedOnce(key="a", at=NOW + 100, expires=NOW + 110))
        self.assertFalse(self.ledger.has_seen("i", "j"))

    def test_nothing_is_left(self) -> None:
        """
        When everybody has left and every time is over, nothing is remembered.
        """
        for number in range(3):
            self.begins(f"alice-{number}")
            receipt = self.end(f"alice-{number}", owed=(owed(f"o{number}", receipt_id="r"),), departure=departure())
            self.assertIsNotNone(self.ledger.receipt(receipt))
        for number in range(3):
            self.ledger.owed.done(f"o{number}")
        self.apply(UsedOnce(key="a", at=NOW + 1e6, expires=NOW + 2e6))
        self.assertEqual([len(book) for book in self.ledger._books], [0, 0, 0, 0, 1, 0, 0])
        self.assertEqual((self.ledger._ended, self.ledger._references), ({}, {}))
        self.assertEqual([len(index) for index in (self.ledger.by_sid, self.ledger.by_sub)], [0, 0])

    def test_a_minute_late(self) -> None:
        """
        What has had its time is forgotten a minute late, by the times in the log: clocks may differ by less.
        """
        self.end(jti=SeenJti(iss="i", jti="j", expires=NOW + 10))
        for after, expected in ((69.9, True), (70.0, False)):
            self.apply(UsedOnce(key="a", at=NOW + after, expires=NOW + after))
            self.assertIs(self.ledger.has_seen("i", "j"), expected)

    def test_ends_of_nobody(self) -> None:
        """
        However many ends of nobody anybody asks for, the receipts of real ones stay.
        """
        self.begins("alice-1")
        receipt_id = self.end("alice-1")
        for number in range(20):
            nothing = self.end(tombstones=(tombstone("sid", str(number)),), cause=Cause.FRONT_CHANNEL)
            self.assertIsNone(self.ledger.receipt(nothing))
        self.assertIsNotNone(self.ledger.receipt(receipt_id))

    def test_a_receipt_goes_with_what_hangs_on_it(self) -> None:
        """
        With an end is forgotten that its token is spent, and what was owed in case somebody proved it.
        """
        self.begins("digest~scope~1", tokens=tokens("alice-1"))
        self.end("digest~scope~1", owed=(owed("proven"), owed("unproven", not_before=UNTIL_PROVEN)))
        for number in range(3):
            self.assertEqual((self.ledger.bearers.is_spent("digest"), len(self.ledger.owed.by_id)), (True, 2))
            self.begins(f"alice-{number}", expires=NOW + 99 * HOUR)
            self.end(f"alice-{number}")
        self.assertEqual((self.ledger.bearers.is_spent("digest"), list(self.ledger.owed.by_id)), (False, ["proven"]))


class ReceiptTests(LedgerTestCase):
    """
    What a receipt says.
    """

    def ended(self, **changes: Any) -> Receipt:
        """
        The receipt of an end whose sessions the log does not say more about.
        """
        effect = self.apply(replace(ending("alice-1").change([], self.position), session_ids=("alice-1",), **changes))
        assert isinstance(effect, Ended)
        return effect.receipt

    def test_routes(self) -> None:
        """
        Where sessions were used is as the end says, if it is the one that ended any of them.
        """
        self.assertEqual(self.ended(routes=("https://b", "https://a")).routes, ("https://a", "https://b"))
        self.assertEqual(self.ended(routes=("https://a",)).routes, ())

    def test_replicas(self) -> None:
        """
        An end is in force in all the processes that the store knows of.
        """
        self.assertEqual(self.ended(replicas=3).replicas, "3/3")


class BegunTests(LedgerTestCase):
    """
    Sessions that begin, and become more.
    """

    def test_twice(self) -> None:
        """
        A session that lives does not begin again as something else.
        """
        self.begins("alice-1", browser="b")
        effect = self.apply(SessionBegun(session=session("alice-1", browser="another"), state_issued=NOW))
        self.assertEqual((effect, self.ledger.sessions["alice-1"].browser), (None, "b"))
        self.assertEqual(self.ledger.by_browser.get("", "another"), frozenset())

    def test_a_sid_that_it_has_already(self) -> None:
        """
        A refresh that says what is known changes nothing by that, although the OP has signed out others by it.
        """
        self.begins("alice-1", sids=("sid",))
        self.end(tombstones=(tombstone("sid", "sid"),))
        fields: dict[str, Any] = {"tokens": tokens("new"), "claims": {}, "email": "", "name": "", "requested": NOW - 1}
        self.apply(SessionRefreshed(session_id="alice-1", sid="sid", **fields))
        self.assertEqual(self.ledger.sessions["alice-1"].tokens, tokens("new"))
        self.apply(SessionRefreshed(session_id="alice-1", sid=None, **fields))
        self.assertEqual(self.ledger.sessions["alice-1"].sids, ("sid",))


class TokenTests(LedgerTestCase):
    """
    Sessions that began with a token.
    """

    def test_time_ends_one(self) -> None:
        """
        One that time has ended leaves the others of its token alone.
        """
        self.begins("digest~scope~1")
        self.begins("digest~other~2")
        self.end("digest~scope~1", cause=Cause.EXPIRED)
        self.assertEqual(set(self.ledger.sessions), {"digest~other~2"})

    def test_begun_meanwhile(self) -> None:
        """
        One that begins while its token is signed out ends with all others that have begun meanwhile.
        """
        for backwards in (False, True):
            with self.subTest(backwards=backwards):
                self.setUp()
                self.begins("digest~scope~1")
                self.begins("another~scope~2")
                self.begins("alice-1", browser="b")
                self.begins("alice-2", browser="c")
                stones = [tombstone("browser", "b"), tombstone("token", "digest"), tombstone("browser", "c")]
                self.apply(ending(tombstones=tuple(stones[::-1] if backwards else stones)).change([], 0))
                self.assertEqual(set(self.ledger.sessions), {"another~scope~2"})


class LateTests(LedgerTestCase):
    """
    Sessions that began while an end was asked for that would have kept them from it.
    """

    def end_unaware(self, known: int, **changes: Any) -> None:
        """
        An end whose asker knew the log up to a position.
        """
        self.apply(ending(**changes).change([], known))

    def test_without_a_sid(self) -> None:
        """
        The OP's word ends those that have no ``sid``, and none that has one, be it since a moment ago.
        """
        self.begins("alice-0", sids=())
        known = self.position
        self.begins("alice-1", sids=())
        self.begins("alice-2", sids=("sid",))
        self.begins("alice-3", sids=())
        self.begins("alice-4", NOW + 1, sids=())
        self.begins("alice-5", NOW, sids=())
        self.begins("bob-1", sids=())
        self.apply(
            SessionRefreshed(
                session_id="alice-3", tokens=tokens(), claims={}, email="", name="", sid="sid", requested=NOW - 1
            )
        )
        self.end_unaware(known, tombstones=(tombstone("sidless", "alice"),), cause=Cause.BACK_CHANNEL)
        self.assertEqual(set(self.ledger.sessions), {"alice-0", "alice-2", "alice-3", "alice-4", "alice-5", "bob-1"})

    def test_a_sid_is_no_sub(self) -> None:
        """
        A session that has just got a ``sid`` is not late for an end of a person who happens to be called that.
        """
        self.begins("alice-1")
        known = self.position
        self.apply(
            SessionRefreshed(
                session_id="alice-1", tokens=tokens(), claims={}, email="", name="", sid="alice", requested=NOW - 1
            )
        )
        self.end_unaware(known, tombstones=(tombstone("sub", "alice"),))
        self.assertEqual(set(self.ledger.sessions), {"alice-1"})

    def test_how_late(self) -> None:
        """
        An end that takes no longer than a quarter of an hour to be recorded finds those who began meanwhile.
        """
        for after, expected in ((959.9, set()), (960.0, {"alice-1"})):
            with self.subTest(after=after):
                self.setUp()
                self.begins("alice-1")
                self.apply(UsedOnce(key="a", at=NOW + after, expires=NOW + after))
                self.end_unaware(0, tombstones=(tombstone("sub", "alice"),))
                self.assertEqual(set(self.ledger.sessions), expected)

    def test_signed_in_later_at_the_op(self) -> None:
        """
        The OP's word spares those that it signed in after it was said, although nobody knew of them.
        """
        for number, iat in enumerate((NOW - 39, NOW - 50, NOW - 40, NOW - 39)):
            self.begins(f"alice-{number}", id_token_iat=iat)
        stone = tombstone("sub", "alice", signed_in_until=NOW - 40)
        self.end_unaware(0, tombstones=(stone,), cause=Cause.BACK_CHANNEL)
        self.assertEqual(set(self.ledger.sessions), {"alice-0", "alice-3"})

    def test_what_follows(self) -> None:
        """
        Such a session is part of the end in all that follows: its application is told, and the OP has a word on it.
        """
        self.begins("alice-1", browser="b")
        self.apply(RouteUsed(session_id="alice-1", route_id="app", origin="https://app", at=NOW))
        self.end_unaware(
            0, tombstones=(tombstone("browser", "b"),), departure=departure(browsers=("b",)), notify=("app",)
        )
        (notice,) = self.ledger.notices.owed()
        self.assertEqual((notice.session_id, notice.route_id), ("alice-1", "app"))
        said = ProviderLogout(iss=ISS, sid="sid-alice-1", sub=None, issued=NOW)
        self.assertEqual(self.ledger.confirmed_by(said), ((notice.receipt_id, ISS),))


class ConfirmedTests(LedgerTestCase):
    """
    What an OP confirms.
    """

    def test_first_come(self) -> None:
        """
        Of two sign-outs of one session the first is to be confirmed, and the other ended nothing.
        """
        self.begins("alice-1")
        live = [self.ledger.sessions["alice-1"]]
        for number in range(2):
            to = departure(reference=f"r{number}", legs=legs(state=f"s{number}"))
            self.apply(ending("alice-1", departure=to, receipt_id=f"receipt-{number}").change(live, 1))
        said = ProviderLogout(iss=ISS, sid=None, sub="alice", issued=NOW)
        self.assertEqual(self.ledger.confirmed_by(said), (("receipt-0", ISS),))

    def test_forgotten_with_the_receipt(self) -> None:
        """
        What is remembered of sessions that were left goes with the receipt, for want of room or in time.
        """
        for number in range(5):
            self.begins(f"alice-{number}", sids=("sid",))
            self.end(f"alice-{number}", departure=departure(reference=f"r{number}", legs=legs(state=f"s{number}")))
        said = ProviderLogout(iss=ISS, sid="sid", sub=None, issued=NOW)
        self.assertEqual(len(self.ledger.confirmed_by(said)), 3)
        self.apply(UsedOnce(key="a", at=NOW + 25 * HOUR, expires=NOW + 26 * HOUR))
        self.assertEqual((self.ledger.confirmed_by(said), len(self.ledger._left)), ((), 0))

    def test_no_room_at_all(self) -> None:
        """
        An end that is forgotten at once, because others are remembered for longer, leaves nothing behind either.
        """
        for number in range(3):
            self.begins(f"alice-{number}", expires=NOW + 99 * HOUR)
            self.end(f"alice-{number}")
        self.begins("bob-1")
        self.end("bob-1", departure=departure())
        self.assertEqual((len(self.ledger._ended), len(self.ledger._left)), (3, 0))


class OwedTests(LedgerTestCase):
    """
    What an end owes.
    """

    def test_told_of_news_only(self) -> None:
        """
        Whoever revokes is told when something may be done that could not be before: by an end that owes something, and
        by a release, at one OP, of what waits there.
        """
        self.begins("alice-1")
        receipt_id = self.end("alice-1", owed=(owed(),))
        for iss, expected in (("https://other.example.com", None), (ISS, MoreOwed()), (ISS, None)):
            self.assertEqual(self.apply(RevocationsReleased(receipt_id=receipt_id, iss=iss)), expected)
        self.begins("alice-2")
        live = [self.ledger.sessions["alice-2"]]
        again = ending("alice-2", owed=(owed("owed-2", "alice-2"),), confirms=((receipt_id, ISS),))
        effect = self.apply(again.change(live, self.position))
        assert isinstance(effect, Ended)
        self.assertTrue(effect.owes)

    def test_nothing_is_owed_where_nothing_is_meant_to_be(self) -> None:
        """
        An end that owes nothing for a session it names owes nothing, although the session has tokens.
        """
        self.begins("alice-1")
        self.end("alice-1")
        self.assertEqual(self.ledger.owed.by_id, {})

    def test_tokens_of_another_op(self) -> None:
        """
        Newer tokens are added for the OP whose tokens are owed, and for no other.
        """
        self.begins("alice-1", idp_id="idp", tokens=tokens("newer"))
        self.begins("alice-2", idp_id="other", tokens=tokens("other"))
        self.end("alice-1", "alice-2", owed=(owed(name="older"),))
        revoked = [token for one in self.ledger.owed.by_id.values() for _, token in one.tokens]
        self.assertEqual(revoked, ["refresh-older", "access-older", "refresh-newer", "access-newer"])
        self.assertEqual({one.not_before for one in self.ledger.owed.by_id.values()}, {NOW + 60})
