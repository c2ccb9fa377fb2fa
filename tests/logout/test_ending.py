"""
Tests for `pomerium_tx.logout.ending`: the one door.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.ending import SignedOut
from pomerium_tx.logout.heard import Heard
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SignedOutMeanwhile
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.sessions.store import UNTIL_PROVEN, Cause, Change, OpLogout, SessionsEnded, StoreUnavailable
from tests.doubles.exchanges import MemoryExchange
from tests.doubles.sessions import a_session
from tests.logout.world import START, World


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(second_provider=True)
        self.addCleanup(self.world.stop)

    def begin(self, **changes: object) -> Session:
        session = a_session(**{"began": START, "idp_id": self.world.provider.idp_id, **changes})
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        return session

    def sign_out(self, *session_ids: str, cause: Cause = Cause.USER_ROUTE, target: str | None = None) -> SignedOut:
        return self.successResultOf(
            Deferred.fromCoroutine(self.world.ending.sign_out(session_ids, cause=cause, target=target))
        )

    def end(self, cause: Cause, *session_ids: str) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.world.ending.end(session_ids, cause)))


class SignOutTests(_Case):
    """
    A person's own sign-out.
    """

    def test_ends_all_sessions_of_the_browser(self) -> None:
        """
        Every session of the browser ends, with whichever OP; those of another browser of the same person stay.
        """
        first, second = self.begin(), self.begin(idp_id=self.world.provider2.idp_id)
        elsewhere = self.begin(browser="another browser")
        signed_out = self.sign_out(first.id)
        found = [self.world.registry.find(session.id) is not None for session in (first, second, elsewhere)]
        self.assertEqual(found, [False, False, True])
        self.assertEqual(signed_out.receipt.sessions_ended, 2)

    def test_several_browsers(self) -> None:
        """
        Of several sessions presented, those of each one's browser end.
        """
        first, second = self.begin(), self.begin(browser="another browser")
        sibling = self.begin(browser="another browser")
        self.assertEqual(self.sign_out(first.id, second.id).receipt.sessions_ended, 3)
        self.assertIsNone(self.world.registry.find(sibling.id))

    def test_departure_is_of_the_session_presented(self) -> None:
        """
        The person is sent to the OP of the session whose handle was presented, then to the others, which are named.
        """
        other = self.begin()
        presented = self.begin(
            iss=self.world.provider2.settings.issuer,
            idp_id=self.world.provider2.idp_id,
            tokens=Tokens(id_token="hint", access_token="a"),
        )
        signed_out = self.sign_out(presented.id, target="https://app.example.com/bye")
        departure = signed_out.departure
        assert departure is not None
        self.assertEqual(
            [(leg.iss, leg.idp_id, leg.id_token) for leg in departure.legs],
            [
                (presented.iss, self.world.provider2.idp_id, "hint"),
                (other.iss, self.world.provider.idp_id, other.tokens.id_token),
            ],
        )
        self.assertEqual((departure.target, departure.expires), ("https://app.example.com/bye", START + 600.0))
        self.assertEqual(signed_out.other_idp_ids, (self.world.provider.idp_id,))
        self.assertEqual(self.world.registry.departure(departure.reference), departure)
        for leg in departure.legs:
            self.assertEqual(self.world.registry.departure_by_state(leg.state), departure)

    def test_reference_and_state_cannot_be_guessed(self) -> None:
        """
        Neither the reference nor the state is the receipt's id, which is shown, or each other.
        """
        departures = [self.sign_out(self.begin().id).departure for _ in range(2)]
        names = {name for one in departures if one for name in (one.reference, one.legs[0].state, one.receipt_id)}
        self.assertEqual(len(names), 6)
        signed_out = self.sign_out(self.begin().id)
        assert signed_out.departure is not None
        self.assertNotIn(signed_out.departure.reference, repr(signed_out))
        self.assertNotIn("departure", repr(signed_out))
        other = World(secret=b"another secret of other processes")
        self.addCleanup(other.stop)
        [receipt_id] = {one.receipt_id for one in departures[:1] if one}
        self.assertNotEqual(other.ending._reference(receipt_id), departures[0].reference if departures[0] else None)

    def test_open_exchanges_are_cut_and_counted(self) -> None:
        """
        What is open for the session is cut before the receipt is there, and the receipt says how much it was.
        """
        session = self.begin()
        exchange = MemoryExchange(kind="websocket")
        self.world.registry.attach(session.id, exchange)
        receipt = self.sign_out(session.id).receipt
        self.assertEqual(exchange.causes, [Cause.USER_ROUTE])
        self.assertEqual(receipt.exchanges_cut["websocket"], 1)
        self.assertEqual(self.world.receipts, [receipt])

    def test_sign_in_under_way_loses(self) -> None:
        """
        A sign-in of that browser that began before the sign-out produces no session; one that begins later does.
        """
        self.sign_out(self.begin().id)
        late = a_session(began=START)
        self.failureResultOf(
            Deferred.fromCoroutine(self.world.registry.begin(late, state_issued=START - 1.0)), SignedOutMeanwhile
        )
        self.successResultOf(
            Deferred.fromCoroutine(self.world.registry.begin(a_session(began=START), state_issued=START + 1.0))
        )

    def test_again(self) -> None:
        """
        Signing out once more gets the same departure, ends nothing, revokes nothing twice and is not audited. What is
        known of the end is said again: of the OP, and in how many processes it is in force.
        """
        session = self.begin()
        append = self.world.store.append

        async def append_for_two(change: Change) -> int:
            return await append(replace(change, replicas=2) if isinstance(change, SessionsEnded) else change)

        self.patch(self.world.store, "append", append_for_two)
        first = self.sign_out(session.id)
        owed = self.world.registry.owed()
        second = self.sign_out(session.id)
        self.assertEqual(second.departure, first.departure)
        self.assertEqual((second.receipt.id, second.receipt.sessions_ended), (first.receipt.id, 0))
        self.assertEqual((second.receipt.op_logout, second.receipt.replicas), (OpLogout.PENDING, "2/2"))
        self.assertEqual(self.world.registry.owed(), owed)
        self.assertEqual(len(self.world.receipts), 1)

    def test_again_too_late(self) -> None:
        """
        Ten minutes later there is no departure any more.
        """
        session = self.begin()
        self.sign_out(session.id)
        self.world.clock.advance(601.0)
        self.assertIsNone(self.sign_out(session.id).departure)

    def test_two_at_once(self) -> None:
        """
        Two concurrent sign-outs: both get the same way on, the tokens are owed once, one line is audited.
        """
        session = self.begin()
        self.world.store.hold()
        both = [
            Deferred.fromCoroutine(self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None))
            for _ in range(2)
        ]
        self.world.store.release()
        first, second = (self.successResultOf(one) for one in both)
        self.assertEqual(first.departure, second.departure)
        self.assertEqual([first.receipt.sessions_ended, second.receipt.sessions_ended], [1, 0])
        self.assertEqual(len(self.world.registry.owed()), 1)
        self.assertEqual(len(self.world.receipts), 1)

    def test_nobody(self) -> None:
        """
        Unknown sessions, or none at all, end nothing: no departure, no audit line, a receipt that says so.
        """
        for session_ids in ((), ("unknown",)):
            with self.subTest(session_ids=session_ids):
                signed_out = self.sign_out(*session_ids)
                self.assertIsNone(signed_out.departure)
                self.assertEqual(signed_out.receipt.sessions_ended, 0)
        self.assertEqual(self.world.receipts, [])

    def test_registry_that_cannot_record(self) -> None:
        """
        If the end cannot be recorded nothing has ended, and the caller knows.
        """
        session = self.begin()
        self.world.store.break_down()
        failing = Deferred.fromCoroutine(self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None))
        self.failureResultOf(failing, StoreUnavailable)
        self.assertIsNotNone(self.world.registry.find(session.id))
        self.assertEqual(self.world.receipts, [])

    def test_revocations_wait_for_the_provider(self) -> None:
        """
        The tokens, refresh token first, are owed a minute later, so that the OP can tell the others first.
        """
        self.sign_out(self.begin().id)
        [owed] = self.world.registry.owed()
        self.assertEqual([hint for hint, _ in owed.tokens], ["refresh_token", "access_token"])
        self.assertEqual(owed.not_before, START + 60.0)

    def test_no_end_session(self) -> None:
        """
        Where the OP has no end-session they are owed at once, and the receipt says that it has none.
        """
        self.world.op.alterations["discovery"] = lambda document: {
            name: value for name, value in document.items() if name != "end_session_endpoint"
        }
        self.successResultOf(Deferred.fromCoroutine(self.world.provider.metadata()))
        receipt = self.sign_out(self.begin().id).receipt
        self.assertIs(receipt.op_logout, OpLogout.NOT_SUPPORTED)
        self.assertEqual([one.not_before for one in self.world.registry.owed()], [START])

    def test_several_browsers_go_to_no_provider(self) -> None:
        """
        Whoever shows sessions of several browsers is led to no OP; its word is waited for all the same, where it has
        one.
        """
        for has_end_session, expected in ((True, OpLogout.PENDING), (False, OpLogout.NOT_SUPPORTED)):
            with self.subTest(has_end_session=has_end_session):
                if not has_end_session:
                    self.world.op.alterations["discovery"] = lambda document: {
                        name: value for name, value in document.items() if name != "end_session_endpoint"
                    }
                    self.successResultOf(Deferred.fromCoroutine(self.world.provider.metadata()))
                signed_out = self.sign_out(self.begin().id, self.begin(browser="another browser").id)
                assert signed_out.departure is not None
                self.assertEqual((signed_out.departure.legs, signed_out.receipt.op_logouts), ((), {}))
                self.assertIs(signed_out.receipt.op_logout, expected)


class EndTests(_Case):
    """
    Every other end.
    """

    def test_just_these(self) -> None:
        """
        An end for another cause ends the sessions it names and no others of the browser.
        """
        session, sibling = self.begin(), self.begin()
        self.end(Cause.EXPIRED, session.id)
        self.assertIsNone(self.world.registry.find(session.id))
        self.assertIsNotNone(self.world.registry.find(sibling.id))
        self.assertEqual([(one.cause, one.sessions_ended) for one in self.world.receipts], [(Cause.EXPIRED, 1)])

    def test_what_is_revoked(self) -> None:
        """
        Expiry, refusal and the administrator revoke at once; the front channel and a replacement never.
        """
        revokes = {
            Cause.ADMINISTRATOR: True,
            Cause.EXPIRED: True,
            Cause.IDLE: True,
            Cause.TOKENS_EXPIRED: True,
            Cause.REFRESH_REFUSED: True,
            Cause.BACK_CHANNEL: True,
            Cause.REPLACED: False,
        }
        for cause, expected in revokes.items():
            with self.subTest(cause=cause):
                before = {one.id for one in self.world.registry.owed()}
                session = self.begin()
                self.end(cause, session.id)
                new = [one for one in self.world.registry.owed() if one.id not in before]
                self.assertEqual([one.not_before for one in new], [START] if expected else [])
                self.world.clock.advance(0)

    def test_token_of_a_program(self) -> None:
        """
        What a program has presented is its own: it is not revoked because time has ended its session, but if somebody
        has. What a person's sign-in has brought is revoked either way.
        """
        for session_id, cause, expected in (
            ("digest~scope~program", Cause.EXPIRED, False),
            ("digest~scope~program", Cause.ADMINISTRATOR, True),
            ("person", Cause.EXPIRED, True),
            ("person", Cause.ADMINISTRATOR, True),
        ):
            with self.subTest(session_id=session_id, cause=cause):
                self.setUp()
                self.end(cause, self.begin(id=session_id).id)
                self.assertEqual(bool(self.world.registry.owed()), expected)

    def test_applications_are_told(self) -> None:
        """
        Whatever has ended a session, the applications that want to know are told of it, if it was used there.
        """
        self.world.ending.configure(revocation_delay=60.0, notify=["app", "never used"])
        for cause in (Cause.USER_ROUTE, Cause.ADMINISTRATOR):
            with self.subTest(cause=cause):
                session = self.begin()
                for route_id in ("app", "quiet"):
                    using = self.world.registry.use_route(session.id, route_id, f"https://{route_id}.example.com")
                    self.successResultOf(Deferred.fromCoroutine(using))
                if cause is Cause.USER_ROUTE:
                    self.sign_out(session.id)
                else:
                    self.end(cause, session.id)
                told = [one.route_id for one in self.world.registry.notices() if one.session_id == session.id]
                self.assertEqual(told, ["app"])

    def test_whose_sign_in_loses(self) -> None:
        """
        What the cause names loses its sign-ins under way: a `sid`, a `sub`; expiry and replacement name nobody.
        """
        loses = {
            Cause.ADMINISTRATOR: ("same sub", True),
            Cause.FRONT_CHANNEL: ("same sid", True),
            Cause.EXPIRED: ("same sub", False),
            Cause.REPLACED: ("same browser", False),
            Cause.REFRESH_REFUSED: ("same sub", False),
        }
        for number, (cause, (what, expected)) in enumerate(loses.items()):
            with self.subTest(cause=cause):
                names = {"browser": f"b{number}", "sub": f"s{number}", "sids": (f"i{number}",)}
                self.end(cause, self.begin(**names).id)
                other = {"browser": "x", "sub": "y", "sids": ("z",)}
                key = {"same sub": "sub", "same sid": "sids", "same browser": "browser"}[what]
                late = a_session(began=START, **{**other, key: names[key]})
                beginning = Deferred.fromCoroutine(self.world.registry.begin(late, state_issued=START - 1.0))
                if expected:
                    self.failureResultOf(beginning, SignedOutMeanwhile)
                else:
                    self.successResultOf(beginning)

    def test_session_whose_time_is_over(self) -> None:
        """
        The tokens of a session that is no longer valid are revoked as well.
        """
        tokens = Tokens(id_token="i", access_token="a", access_token_expires=START + 10.0)
        session = self.begin(tokens=tokens)
        self.world.expiry.stop()
        self.world.clock.advance(11.0)
        self.assertIsNone(self.world.registry.find(session.id))
        self.end(Cause.TOKENS_EXPIRED, session.id)
        self.assertEqual([one.tokens for one in self.world.registry.owed()], [(("access_token", "a"),)])

    def test_ended_already(self) -> None:
        """
        Ending an ended session does nothing.
        """
        session = self.begin()
        self.end(Cause.EXPIRED, session.id)
        self.end(Cause.EXPIRED, session.id)
        self.assertEqual(len(self.world.receipts), 1)

    def test_own_sign_out_has_its_own_way(self) -> None:
        """
        A person's own sign-out cannot be had without the departure that belongs to it.
        """
        for cause in (Cause.USER_ROUTE, Cause.USER_AUTHENTICATE, Cause.USER_EVERYWHERE):
            self.failureResultOf(Deferred.fromCoroutine(self.world.ending.end(["x"], cause)), AssertionError)


class EndByProviderTests(_Case):
    """
    Ends that an OP asks for.
    """

    def end_by(self, cause: Cause = Cause.BACK_CHANNEL, **logout: Any) -> Receipt:
        """
        The receipt of an OP's logout, said now unless said otherwise.
        """
        values = {"iss": "https://op.example.com", "sid": None, "sub": None, "issued": START} | logout
        ending = self.world.ending.end_by_provider(ProviderLogout(**values), cause)
        return self.successResultOf(Deferred.fromCoroutine(ending))

    def test_whose_sign_in_loses(self) -> None:
        """
        Those of whom the OP speaks, whether anything ended or not: of a ``sid`` by either channel, of a ``sub``, and,
        with both, of that ``sub`` where the OP gives no ``sid``.
        """
        by_sid = {"sub": "other", "sids": ("i",)}
        without_sid = {"sub": "s", "sids": ()}
        of_sub = {"sub": "s", "sids": ("other",)}
        for cause, logout, loses in (
            (Cause.FRONT_CHANNEL, {"sid": "i"}, (True, False, False)),
            (Cause.BACK_CHANNEL, {"sid": "i"}, (True, False, False)),
            (Cause.BACK_CHANNEL, {"sid": "i", "sub": "s"}, (True, True, False)),
            (Cause.BACK_CHANNEL, {"sub": "s"}, (False, True, True)),
        ):
            for who, expected in zip((by_sid, without_sid, of_sub), loses, strict=True):
                with self.subTest(cause=cause, logout=logout, who=who):
                    self.setUp()
                    self.assertEqual(self.end_by(cause, **logout).sessions_ended, 0)
                    late = a_session(began=START + 1.0, **who)
                    beginning = Deferred.fromCoroutine(self.world.registry.begin(late, state_issued=START - 1.0))
                    if expected:
                        self.failureResultOf(beginning, SignedOutMeanwhile)
                    else:
                        self.successResultOf(beginning)

    def test_heard(self) -> None:
        """
        Each word of an OP that was believed is noted: its channel, when it came, and how many sessions it ended.
        """
        heard: list[Heard] = []
        self.patch(self.world.ending, "_heard", heard.append)
        for cause in (Cause.BACK_CHANNEL, Cause.FRONT_CHANNEL):
            self.begin(sids=(cause.value,))
            self.end_by(cause, sid=cause.value)
            self.end_by(cause, sid="never seen")
        self.assertEqual(
            [(each.channel, each.sessions_ended) for each in heard],
            [(Cause.BACK_CHANNEL, 1), (Cause.BACK_CHANNEL, 0), (Cause.FRONT_CHANNEL, 1), (Cause.FRONT_CHANNEL, 0)],
        )
        said = ("https://op.example.com", self.world.clock.seconds())
        self.assertEqual({(each.iss, each.at) for each in heard}, {said})

    def test_late_word(self) -> None:
        """
        A word stops the sign-ins under way when it arrives, of those whom the OP, by its own clock, signed in before it
        was said, give or take what its clocks differ; by whose clock ours is ahead is all the same.
        """
        for issued, iat, state_issued, expected in (
            (-70.0, -41.0, -0.5, True),
            (-70.0, -39.0, -0.5, False),
            (-70.0, -41.0, 0.0, False),
            (45.0, 45.0, -0.5, True),
            (-45.0, -44.0, -0.5, True),
            (inf, 59.0, -0.5, True),
        ):
            with self.subTest(issued=issued, iat=iat, state_issued=state_issued):
                self.setUp()
                self.end_by(sub="s", issued=START + issued)
                late = a_session(began=START + 1.0, sub="s", id_token_iat=START + iat)
                beginning = Deferred.fromCoroutine(self.world.registry.begin(late, state_issued=START + state_issued))
                if expected:
                    self.failureResultOf(beginning, SignedOutMeanwhile)
                else:
                    self.successResultOf(beginning)

    def test_revocation(self) -> None:
        """
        What the OP proves has the tokens revoked at once; what the front channel says has not, until it is proven.
        """
        for cause, expected in ((Cause.BACK_CHANNEL, [START]), (Cause.FRONT_CHANNEL, [UNTIL_PROVEN])):
            with self.subTest(cause=cause):
                self.setUp()
                self.begin(sids=("i",))
                self.assertEqual(self.end_by(cause, sid="i").sessions_ended, 1)
                self.assertEqual([one.not_before for one in self.world.registry.owed()], expected)

    def test_front_then_back(self) -> None:
        """
        Once the OP has said itself what its frame had said, the tokens are revoked, and the receipt says so.
        """
        self.begin(sids=("i",))
        receipt = self.end_by(Cause.FRONT_CHANNEL, sid="i")
        self.assertEqual((receipt.sessions_ended, receipt.tokens_to_revoke), (1, 0))
        self.world.clock.advance(3600.0)
        self.assertEqual(self.world.op.revocations, [])
        self.end_by(Cause.BACK_CHANNEL, sid="i", issued=START + 3600.0)
        known = self.world.registry.receipt(receipt.id)
        assert known is not None
        self.assertIs(known.op_logout, OpLogout.CONFIRMED)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 2)
        self.assertEqual(self.world.registry.owed(), [])

    def test_never_proven(self) -> None:
        """
        What nobody has proven by the time the receipt is forgotten is forgotten with it.
        """
        self.begin(sids=("i",), expires=START + 10.0)
        self.end_by(Cause.FRONT_CHANNEL, sid="i")
        self.world.clock.advance(2 * 86_400.0)
        self.end_by(Cause.BACK_CHANNEL, sid="another", issued=START + 2 * 86_400.0)
        self.assertEqual(self.world.registry.owed(), [])
        self.assertEqual(self.world.op.revocations, [])

    def test_confirmation(self) -> None:
        """
        A Logout Token confirms a person's own sign-out and releases its revocations; the front channel proves nothing.
        """
        for cause, expected in ((Cause.BACK_CHANNEL, OpLogout.CONFIRMED), (Cause.FRONT_CHANNEL, OpLogout.PENDING)):
            with self.subTest(cause=cause):
                self.setUp()
                session = self.begin(sids=("i",))
                signing_out = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
                out = self.successResultOf(Deferred.fromCoroutine(signing_out))
                self.end_by(cause, sid="i")
                receipt = self.world.registry.receipt(out.receipt.id)
                assert receipt is not None
                self.assertEqual(receipt.op_logout, expected)
                released = [one.not_before <= START for one in self.world.registry.owed()]
                self.assertEqual(released, [expected is OpLogout.CONFIRMED])

    def test_confirmed_in_one_step(self) -> None:
        """
        That the OP has confirmed is recorded with the end that it asks for: a store that fails afterwards, when the
        token cannot be used again, has lost nothing.
        """
        signed_out = self.sign_out(self.begin(sids=("i",)).id)
        self.begin(sids=("i",), browser="another browser")
        before = len(self.world.store.appended)
        self.assertEqual(self.end_by(sid="i").sessions_ended, 1)
        self.assertEqual(len(self.world.store.appended), before + 1)
        receipt = self.world.registry.receipt(signed_out.receipt.id)
        assert receipt is not None
        self.assertIs(receipt.op_logout, OpLogout.CONFIRMED)
        self.assertEqual([one.not_before for one in self.world.registry.owed() if one.not_before > START], [])

    def test_confirms_what_is_recorded_meanwhile(self) -> None:
        """
        A person's own sign-out that is recorded while an OP's word waits for the store is confirmed by it as well, as
        far as it leads to that OP: what is owed at another one waits as before.
        """
        there = self.world.provider2.settings.issuer
        session = self.begin(sids=("i",))
        self.begin(iss=there, idp_id=self.world.provider2.idp_id)
        self.world.store.hold()
        signing_out = Deferred.fromCoroutine(
            self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        )
        logout = ProviderLogout(iss=session.iss, sid="i", sub=None, issued=START)
        said = Deferred.fromCoroutine(self.world.ending.end_by_provider(logout, Cause.BACK_CHANNEL))
        self.world.store.release()
        self.assertEqual(self.successResultOf(said).sessions_ended, 0)
        receipt = self.world.registry.receipt(self.successResultOf(signing_out).receipt.id)
        assert receipt is not None
        self.assertEqual(receipt.op_logouts, {session.iss: OpLogout.CONFIRMED, there: OpLogout.PENDING})
        waiting = {one.iss: one.not_before > START for one in self.world.registry.owed()}
        self.assertEqual(waiting, {session.iss: False, there: True})


class EndElsewhereTests(_Case):
    """
    Ends that a person asks for of their sessions in other browsers.
    """

    def test_end_elsewhere(self) -> None:
        """
        All sessions of those browsers end; the OP's logout is not to be expected, and tokens outlive it by the delay.
        """
        mine = self.begin(browser="here")
        first, second = self.begin(browser="there"), self.begin(browser="there", idp_id=self.world.provider2.idp_id)
        receipt = self.successResultOf(
            Deferred.fromCoroutine(self.world.ending.end_elsewhere([first.id], Cause.USER_AUTHENTICATE))
        )
        found = [self.world.registry.find(session.id) is not None for session in (mine, first, second)]
        self.assertEqual(found, [True, False, False])
        self.assertEqual((receipt.sessions_ended, receipt.op_logout), (2, OpLogout.UNCONFIRMED))
        self.assertTrue(all(one.not_before > START for one in self.world.registry.owed()))
        self.assertEqual([one.id for one in self.world.receipts], [receipt.id])
        departure = self.world.ending.departure_of(receipt.id)
        assert departure is not None
        self.assertEqual((departure.from_elsewhere, departure.browsers), (True, ("there",)))
        own = self.sign_out(mine.id).departure
        assert own is not None
        self.assertFalse(own.from_elsewhere)

    def test_nothing_to_end(self) -> None:
        """
        What is unknown ends nothing, and is not in the audit log.
        """
        receipt = self.successResultOf(
            Deferred.fromCoroutine(self.world.ending.end_elsewhere(["unknown"], Cause.USER_EVERYWHERE))
        )
        self.assertEqual((receipt.sessions_ended, self.world.receipts), (0, []))
        self.assertEqual((receipt.cause, receipt.time), (Cause.USER_EVERYWHERE, START))

    def test_everywhere(self) -> None:
        """
        The same person's sessions in all browsers end in one step, nobody else's; of this browser they go to the OP,
        and no sign-in of theirs that is under way begins a session, in whatever browser.
        """
        mine, elsewhere = self.begin(browser="here"), self.begin(browser="there")
        bobs = self.begin(browser="bob's", sub="bob")
        signing_out = self.world.ending.sign_out([mine.id], cause=Cause.USER_EVERYWHERE, target=None, everywhere=True)
        out = self.successResultOf(Deferred.fromCoroutine(signing_out))
        found = [self.world.registry.find(session.id) is not None for session in (mine, elsewhere, bobs)]
        self.assertEqual(found, [False, False, True])
        assert out.departure is not None
        self.assertEqual(
            ([leg.idp_id for leg in out.departure.legs], out.departure.browsers), ([mine.idp_id], ("here",))
        )
        late = a_session(began=START + 1.0, browser="third", sub=mine.sub, iss=mine.iss)
        beginning = Deferred.fromCoroutine(self.world.registry.begin(late, state_issued=START - 1.0))
        self.failureResultOf(beginning, SignedOutMeanwhile)

    def test_everywhere_at_every_provider(self) -> None:
        """
        What each session that was shown says of the person counts. One that was not, and is said to be of the same
        browser, ends with it and speaks for nobody elsewhere: somebody can have planted what a browser is called.
        """
        for is_shown in (True, False):
            with self.subTest(is_shown=is_shown):
                sub = f"al, {is_shown}"
                own = self.begin(browser="here")
                other = self.begin(browser="here", iss="https://op2", idp_id="2", sub=sub)
                elsewhere = self.begin(browser="there", iss="https://op2", idp_id="2", sub=sub)
                strangers = self.begin(browser="there", iss="https://op2", idp_id="2", sub=own.sub)
                shown = [own.id, other.id] if is_shown else [own.id]
                out = self.world.ending.sign_out(shown, cause=Cause.USER_EVERYWHERE, target=None, everywhere=True)
                self.successResultOf(Deferred.fromCoroutine(out))
                found = [self.world.registry.find(one.id) is not None for one in (own, other, elsewhere, strangers)]
                self.assertEqual(found, [False, False, not is_shown, True])
