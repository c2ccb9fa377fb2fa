"""
Tests for `pomerium_tx.sessions.retention`.
"""

from __future__ import annotations

from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.ledger import RECENT, Ledger
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.retention import Retention
from pomerium_tx.sessions.store import (
    Cause,
    Change,
    CutReported,
    NoticeDone,
    OpLogout,
    OpLogoutChanged,
    RevocationDone,
    RevocationOwed,
    RevocationsReleased,
    RouteUsed,
    SessionBegun,
    SessionRefreshed,
    SessionsEnded,
    SessionsSeen,
    UsedOnce,
    time_of,
)
from tests.contracts.session_store import departure, legs
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tokens, tombstone

IDS = [f"{person}-{number}" for person in ("alice", "bob") for number in (1, 2, 3)]
SIDS = ["sid-a", "sid-b"]
BURIED = [("sid", "sid-a"), ("sub", "bob"), ("sidless", "alice"), ("browser", "b")]
LOGOUTS = [
    ProviderLogout(iss=ISS, sid=sid, sub=sub, issued=NOW + 1e9)
    for sid in (None, *SIDS)
    for sub in (None, "alice", "bob")
    if sid or sub
]


@st.composite
def logs(draw: Any) -> list[Change]:
    """
    A log such as registries write: what is asked is asked of sessions that were begun.
    """
    log: list[Change] = []
    receipts: list[str] = []
    now = NOW
    ids = st.sampled_from(IDS)
    for step in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([0, 1, 30, 400, 5000, 90_000]))
        begun = {change.session.id: change.session for change in log if isinstance(change, SessionBegun)}
        kind = draw(st.integers(0, 10))
        name = draw(ids)
        if kind == 0 and name not in begun:
            sids = tuple(draw(st.lists(st.sampled_from(SIDS), max_size=1)))
            fresh = session(name, began=now, expires=now + 14 * HOUR, sids=sids, browser="b", id_token_iat=now)
            log.append(SessionBegun(session=fresh, state_issued=now - draw(st.sampled_from([0, 5, 500]))))
        elif kind == 1 and name in begun and begun[name].expires > now:
            log.append(
                SessionRefreshed(
                    session_id=name,
                    tokens=tokens(f"{name}.{step}"),
                    claims={},
                    email="",
                    name=str(step),
                    sid=draw(st.sampled_from([None, *SIDS])),
                    requested=now - draw(st.sampled_from([0, 5])),
                )
            )
        elif kind == 2 and name in begun and begun[name].expires > now:
            log.append(RouteUsed(session_id=name, route_id=draw(st.sampled_from("rq")), origin="o", at=now))
        elif kind == 3:
            known = max(0, len(log) - draw(st.sampled_from([0, 0, 1, 3])))
            while known < len(log) and now - time_of(log[known]) > RECENT:
                known += 1
            asked = read(list(enumerate(log[:known], 1)))
            live = [asked.sessions[other] for other in sorted(asked.sessions) if draw(st.booleans())]
            one = ending(
                at=now,
                receipt_id=f"receipt-{step}",
                cause=draw(st.sampled_from([Cause.USER_ROUTE, Cause.FRONT_CHANNEL])),
                tombstones=tuple(
                    tombstone(
                        kind,
                        value,
                        at=now,
                        signed_in_until=inf if kind == "browser" else draw(st.sampled_from([inf, now, now - 5])),
                        expires=now + 900,
                    )
                    for kind, value in draw(st.lists(st.sampled_from(BURIED), max_size=2))
                ),
                departure=draw(st.sampled_from([None, departure(reference=str(step), legs=legs(state=str(step)))])),
                owed=tuple(owed(f"{step}-{other.id}", tokens=other.tokens.revocable()) for other in live),
                confirms=tuple((name, ISS) for name in draw(st.lists(st.sampled_from(receipts), max_size=2)))
                if receipts
                else (),
                notify=draw(st.sampled_from([(), ("r",), ("r", "q")])),
            )
            log.append(one.change(live, known))
            receipts.append(one.receipt_id)
        elif kind == 4:
            log.append(UsedOnce(key=draw(st.sampled_from("kl")), at=now, expires=now + 100))
        elif kind == 5 and receipts:
            log.append(RevocationsReleased(receipt_id=draw(st.sampled_from(receipts))))
        elif kind == 6 and receipts:
            receipt_id = draw(st.sampled_from(receipts))
            value = draw(st.sampled_from(list(OpLogout)))
            log.append(OpLogoutChanged(receipt_id=receipt_id, op_logout=value))
            log.append(
                CutReported(receipt_id=receipt_id, registry="r", exchanges_cut={"sse": 1}, in_doubt={"GET r": 1})
            )
        elif kind == 7:
            log.append(RevocationOwed(owed=owed(f"stray-{step}", f"stray-{step}")))
        elif kind == 8:
            for change in log:
                if isinstance(change, RevocationOwed) and draw(st.booleans()):
                    log.append(RevocationDone(id=change.owed.id, receipt_id=None, attempts=1))
                    break
        elif kind == 10:
            log.append(SessionsSeen(registry="r", at=now, seen=dict.fromkeys(begun, now), addresses={}))
        elif kind == 9:
            notices = read(list(enumerate(log, 1))).notices.owed()
            if notices:
                notice = draw(st.sampled_from(notices))
                log.append(NoticeDone(id=notice.id, receipt_id=notice.receipt_id, attempts=1))
    return log


def read(log: list[tuple[int, Change]]) -> Ledger:
    """
    A ledger that has read a log.
    """
    ledger = Ledger(Limits(), {})
    for position, change in log:
        ledger.apply(position, change)
    return ledger


def known(ledger: Ledger, now: float) -> tuple[object, ...]:
    """
    All that can be asked of a ledger, of sessions that have not expired and of ends that are remembered.
    """
    lives = {name for name, one in ledger.sessions.items() if one.expires > now}
    return (
        {name: ledger.sessions[name] for name in lives},
        {name: ledger.ended(name) for name in IDS},
        {sid: ledger.by_sid.get(ISS, sid) & lives for sid in SIDS},
        {sub: ledger.by_sub.get(ISS, sub) & lives for sub in ("alice", "bob")},
        ledger.by_browser.get("", "b") & lives,
        {one.id: one for one in ledger.owed.by_id.values() if not one.receipt_id or ledger.receipt(one.receipt_id)},
        {one.id: one for one in ledger.notices.owed()},
        [ledger.confirmed_by(logout) for logout in LOGOUTS],
        {key: ledger.winner_of(key) for key in "kl"},
        [ledger.receipt(f"receipt-{step}") for step in range(25)],
        [ledger.departure(str(step)) for step in range(25)],
        [ledger.departure_by_state(str(step)) for step in range(25)],
    )


def admitted(ledger: Ledger, now: float) -> list[str]:
    """
    Which of some sign-ins succeed.
    """
    for number, (person, sids) in enumerate([("alice", ("sid-a",)), ("bob", ()), ("carol", ())]):
        for age in (0.0, 100.0, 5000.0):
            fresh = session(f"{person}-{number}-{age}", began=now, sids=sids, browser="b", expires=now + HOUR)
            ledger.apply(10_000, SessionBegun(session=fresh, state_issued=now - age))
    return [name for name in ledger.sessions if name.count("-") == 2]


class RetentionTests(SynchronousTestCase):
    """
    What can be dropped from a log.
    """

    def kept(self, log: list[Change], limits: Limits | None = None) -> list[tuple[int, Change]]:
        """
        What is left of a log.
        """
        left: dict[int, Change] = {}
        retention = Retention(limits or Limits(), left)
        for position, change in enumerate(log, 1):
            left[position] = change
            dropped_now = retention.add(position, change)
            left.update(retention.folded)
            for dropped in dropped_now:
                del left[dropped]
        return list(left.items())

    @settings(max_examples=150, deadline=None)
    @given(logs(), st.sampled_from([0.0, 500.0, 60_000.0, 100_000.0]))
    def test_nobody_notices(self, log: list[Change], later: float) -> None:
        """
        Who reads what is left of a log knows what one who reads all of it does, except of what is over by its time.
        """
        now = max(NOW, *map(time_of, log), NOW) + later
        log.append(UsedOnce(key="last", at=now, expires=now + 1))
        whole, left = read(list(enumerate(log, 1))), read(self.kept(log))
        self.assertEqual(known(left, now), known(whole, now))
        self.assertEqual(admitted(left, now), admitted(whole, now))

    def test_a_session_that_has_ended(self) -> None:
        """
        Of a session that has ended only its end is kept, and of one that lives the refreshes that say something more.
        """
        log: list[Change] = [SessionBegun(session=session("alice-1"), state_issued=NOW)]
        fields: dict[str, Any] = {"session_id": "alice-1", "tokens": tokens(), "claims": {}, "email": "", "name": ""}
        sids = (None, None, "a", "a", "b")
        log += [SessionRefreshed(sid=sid, requested=NOW, **fields) for sid in sids]
        self.assertEqual([position for position, _ in self.kept(log)], [1, 5, 6])
        log.append(ending("alice-1").change([session("alice-1")], 6))
        log.append(SessionRefreshed(sid="late", requested=NOW, **fields))
        self.assertEqual([position for position, _ in self.kept(log)], [7])

    def test_what_is_said_of_a_session_that_lives(self) -> None:
        """
        A first use and a refresh take no room of their own: how the session began says them too.
        """
        fields: dict[str, Any] = {"session_id": "alice-1", "claims": {}, "email": "new@example.com", "name": ""}
        log: list[Change] = [SessionBegun(session=session("alice-1"), state_issued=NOW)]
        log += [RouteUsed(session_id="alice-1", route_id=name, origin="o", at=NOW) for name in ("r", "q")]
        log.append(SessionRefreshed(tokens=tokens("new"), sid=None, requested=NOW, **fields))
        [(position, begun)] = self.kept(log)
        assert isinstance(begun, SessionBegun)
        kept = begun.session
        self.assertEqual((position, kept.tokens, kept.email), (1, tokens("new"), "new@example.com"))
        self.assertEqual(set(kept.uses), {"r", "q"})

    def test_secrets_of_an_end(self) -> None:
        """
        An end is remembered for a day; the ID Token only while the person can be led to the OP, and a token only until
        it is revoked.
        """
        one = session("alice-1", tokens=tokens("secret"))
        end = ending(
            "alice-1",
            receipt_id="r",
            departure=departure(legs=legs(id_token="a-secret")),
            owed=(owed("a", tokens=one.tokens.revocable()), owed("b", tokens=(("access_token", "other"),))),
        ).change([one], 1)
        log: list[Change] = [SessionBegun(session=one, state_issued=NOW), end]
        self.assertEqual(dict(self.kept(log))[2], end)
        log.append(RevocationDone(id="a", receipt_id="r", attempts=1))
        log.append(UsedOnce(key="later", at=NOW + 800, expires=NOW + 900))
        kept = dict(self.kept(log))[2]
        assert isinstance(kept, SessionsEnded) and kept.departure is not None
        self.assertIsNone(kept.departure.legs[0].id_token)
        tokens_of = {each.id: each.tokens for each in kept.owed}
        self.assertEqual(
            tokens_of, {"a": (("refresh_token", ""), ("access_token", "")), "b": (("access_token", "other"),)}
        )
        receipts = [read(of).receipt("r") for of in (list(enumerate(log, 1)), self.kept(log))]
        self.assertEqual([receipt.tokens_to_revoke for receipt in receipts if receipt is not None], [3, 3])

    def test_uses(self) -> None:
        """
        Of the reports of use those are kept that say when a session which lives was last used, up to a number.
        """
        names = ("alice-1", "bob-1", "carol-1")
        log: list[Change] = [SessionBegun(session=session(name), state_issued=NOW) for name in names]
        for second, seen in enumerate((("alice-1", "bob-1"), ("alice-1",), ("bob-1", "nobody"), ("nobody",)), 4):
            uses = dict.fromkeys(seen, NOW + second)
            log.append(SessionsSeen(registry="r", at=NOW + second, seen=uses, addresses={}))
        self.assertEqual([position for position, _ in self.kept(log)], [1, 2, 3, 5, 6])
        self.assertEqual([position for position, _ in self.kept(log, Limits(seen=1))], [1, 2, 3, 6])
        for known in (7, 0):
            ended = ending("alice-1", at=NOW + 9).change([session()], known)
            self.assertNotIn(5, [position for position, _ in self.kept([*log, ended])])
        late = UsedOnce(key="a", at=NOW + 99 * HOUR, expires=NOW + 100 * HOUR)
        self.assertEqual([position for position, _ in self.kept([*log, late])], [8])

    def test_a_flood(self) -> None:
        """
        What anybody can send is kept up to a number.
        """
        log: list[Change] = [
            ending(tombstones=(tombstone("sid", str(number)),), cause=Cause.FRONT_CHANNEL).change([], number)
            for number in range(50)
        ]
        self.assertEqual(len(self.kept(log, Limits(outside_tombstones=5))), 5)
        uses: list[Change] = [UsedOnce(key=str(number), at=NOW, expires=NOW + 9) for number in range(50)]
        self.assertEqual(len(self.kept(uses, Limits(once=5))), 5)
        uses = [UsedOnce(key=f"{number % 3}/{number}", at=NOW, expires=NOW + 9) for number in range(50)]
        self.assertEqual(len(self.kept(uses, Limits(once=5))), 15)

    def test_names_of_what_is_owed(self) -> None:
        """
        What an end owes for a session that it could not know has one name, whichever other sessions are still known.
        """
        begun = [session("alice-1", browser="b"), session("alice-2", browser="b", began=NOW + 90_000)]
        log: list[Change] = [SessionBegun(session=one, state_issued=one.began) for one in begun]
        stone = tombstone("browser", "b", at=NOW + 90_001, expires=NOW + 91_000)
        one = ending("alice-1", at=NOW + 90_001, tombstones=(stone,), owed=(owed(tokens=begun[0].tokens.revocable()),))
        log.append(one.change(begun[:1], 1))
        self.assertEqual([position for position, _ in self.kept(log)], [2, 3])
        whole, left = read(list(enumerate(log, 1))), read(self.kept(log))
        self.assertEqual(len(whole.owed.by_id), 2)
        self.assertEqual(left.owed.by_id, whole.owed.by_id)

    def test_refreshes_around_an_end(self) -> None:
        """
        A refresh that an end in between did not know of is kept beside a later one with the same ``sid``.
        """
        fields: dict[str, Any] = {"session_id": "alice-1", "tokens": tokens(), "claims": {}, "email": "", "name": ""}
        refresh = SessionRefreshed(sid="sid", requested=NOW - 1, **fields)
        for stone, lives in ((tombstone("sidless", "alice"), True), (tombstone("sid", "sid"), False)):
            with self.subTest(stone=stone):
                log: list[Change] = [SessionBegun(session=session(sids=()), state_issued=NOW - 2), refresh]
                log += [ending(tombstones=(stone,), cause=Cause.BACK_CHANNEL).change([], 0), refresh]
                whole, left = read(list(enumerate(log, 1))), read(self.kept(log))
                self.assertEqual([set(one.sessions) for one in (whole, left)], [{"alice-1"} if lives else set()] * 2)

    def test_confirmations(self) -> None:
        """
        That an end was confirmed is kept as long as the end, and, where that is over, not at all.
        """
        log: list[Change] = [SessionBegun(session=session(expires=NOW + 40 * HOUR), state_issued=NOW)]
        log.append(
            ending("alice-1", receipt_id="r", departure=departure()).change([session(expires=NOW + 40 * HOUR)], 1)
        )
        confirms = ending(confirms=(("r", ISS),), cause=Cause.BACK_CHANNEL, at=NOW + 60)
        log.append(confirms.change([], 2))
        for hours, expected in ((39, [2, 3, 4]), (41, [4])):
            with self.subTest(hours=hours):
                last = UsedOnce(key="a", at=NOW + hours * HOUR, expires=NOW + 99 * HOUR)
                self.assertEqual([position for position, _ in self.kept([*log, last])], expected)
        unknown = ending(confirms=(("unknown", ISS),), cause=Cause.BACK_CHANNEL).change([], 0)
        later = UsedOnce(key="a", at=NOW + 75, expires=NOW + HOUR)
        self.assertEqual([position for position, _ in self.kept([unknown, later])], [2])

    def test_a_flood_of_confirmations(self) -> None:
        """
        However many names anybody sends through the front channel, what an OP has confirmed is kept.
        """
        log: list[Change] = [SessionBegun(session=session(), state_issued=NOW)]
        log.append(ending("alice-1", receipt_id="r", departure=departure()).change([session()], 1))
        log.append(ending(confirms=(("r", ISS),), cause=Cause.FRONT_CHANNEL).change([], 2))
        for number in range(50):
            stone = tombstone("sid", str(number))
            log.append(ending(tombstones=(stone,), cause=Cause.FRONT_CHANNEL).change([], number + 3))
        kept = [position for position, _ in self.kept(log, Limits(outside_tombstones=5))]
        self.assertEqual((kept[:2], len(kept)), ([2, 3], 7))

    def test_a_flood_that_is_recorded_late(self) -> None:
        """
        What anybody can send is kept up to a number, however much was recorded while each of it was under way; one that
        has ended a session by its name is kept as long as any end.
        """
        log: list[Change] = [SessionBegun(session=session(sids=("7",)), state_issued=NOW - 1)]
        for number in range(50):
            stone = tombstone("sid", str(number))
            log.append(ending(tombstones=(stone,), cause=Cause.FRONT_CHANNEL).change([], 0))
        for hours, expected in ((0, 7), (23, 3)):
            with self.subTest(hours=hours):
                last = UsedOnce(key="a", at=NOW + hours * HOUR, expires=NOW + 99 * HOUR)
                kept = self.kept([*log, last], Limits(outside_tombstones=4))
                self.assertEqual(len(kept), expected)
                self.assertIn(9, [position for position, _ in kept])
                self.assertEqual(read(kept).sessions, {})

    def test_a_late_flood_and_a_refresh(self) -> None:
        """
        An end of a name that a session got by a refresh, unknown to whoever asked for the end, is kept as well.
        """
        fields: dict[str, Any] = {"session_id": "alice-1", "tokens": tokens(), "claims": {}, "email": "", "name": ""}
        log: list[Change] = [SessionBegun(session=session(sids=()), state_issued=NOW - 2)]
        log.append(SessionRefreshed(sid="7", requested=NOW - 1, **fields))
        for number in range(50):
            stone = tombstone("sid", str(number))
            log.append(ending(tombstones=(stone,), cause=Cause.FRONT_CHANNEL).change([], 1))
        kept = self.kept(log, Limits(outside_tombstones=4))
        self.assertEqual([position for position, _ in kept], [1, 2, 10, 49, 50, 51, 52])
        self.assertEqual(read(kept).sessions, {})

    def test_an_end_that_names_nobody(self) -> None:
        """
        An end that ended a session which it does not name is remembered as long as any, with what it brought.
        """
        begun = session(browser="b", expires=NOW + HOUR)
        log: list[Change] = [SessionBegun(session=begun, state_issued=NOW - 1)]
        log.append(RouteUsed(session_id="alice-1", route_id="r", origin="o", at=NOW))
        log.append(ending(tombstones=(tombstone("browser", "b"),), notify=("r",)).change([], 0))
        log.append(UsedOnce(key="a", at=NOW + 23 * HOUR, expires=NOW + 24 * HOUR))
        whole, left = read(list(enumerate(log, 1))), read(self.kept(log))
        self.assertIsNotNone(whole.ended("alice-1"))
        self.assertEqual(left.ended("alice-1"), whole.ended("alice-1"))
        self.assertEqual(len(whole.notices), 1)
        self.assertEqual(left.notices.owed(), whole.notices.owed())

    def test_nobody_comes_back(self) -> None:
        """
        A session that an end did not name is no more, for as long as it could have lived.
        """
        begun = session(browser="b", expires=NOW + 40 * HOUR)
        log: list[Change] = [SessionBegun(session=begun, state_issued=NOW - 1)]
        log.append(ending(tombstones=(tombstone("browser", "b"),)).change([], 0))
        log.append(UsedOnce(key="a", at=NOW + 39 * HOUR, expires=NOW + 40 * HOUR))
        self.assertEqual(read(self.kept(log)).sessions, {})

    def test_notices(self) -> None:
        """
        That a notice is done is kept as long as that it was owed.
        """
        log: list[Change] = [SessionBegun(session=session(), state_issued=NOW)]
        log.append(ending("alice-1", receipt_id="r", notify=("route",)).change([session()], 1))
        log += [NoticeDone(id="n", receipt_id=name, attempts=1) for name in ("r", "unknown")]
        self.assertEqual([position for position, _ in self.kept(log)], [2, 3])
        log.append(UsedOnce(key="a", at=NOW + 25 * HOUR, expires=NOW + 26 * HOUR))
        self.assertEqual([position for position, _ in self.kept(log)], [5])

    def test_nothing_is_left(self) -> None:
        """
        When all times are over nothing is remembered about receipts.
        """
        retention = Retention(Limits(), {})
        retention.add(1, ending("alice-1", receipt_id="r").change([session()], 0))
        self.assertEqual(list(retention._receipts_until), ["r"])
        retention.add(2, UsedOnce(key="a", at=NOW + 25 * HOUR, expires=NOW + 26 * HOUR))
        self.assertEqual((retention._receipts_until, len(retention._groups)), ({}, 0))

    def test_revocations(self) -> None:
        """
        What is owed is kept until it is done, and then neither that nor that it was owed.
        """
        log: list[Change] = [RevocationOwed(owed=owed("a")), RevocationOwed(owed=owed("b"))]
        log.append(RevocationDone(id="a", receipt_id=None, attempts=1))
        log.append(RevocationDone(id="unknown", receipt_id=None, attempts=1))
        self.assertEqual([position for position, _ in self.kept(log)], [2])
