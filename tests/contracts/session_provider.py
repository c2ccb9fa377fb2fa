"""
What every session store has to do when an OP says that its session is over.

Import the module, not the class: trial runs an imported test case a second time.
"""

from __future__ import annotations

from typing import Any

from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SignedOutMeanwhile
from pomerium_tx.sessions.store import Cause, OpLogout, SeenJti
from tests.contracts.session_store import SessionStoreContract, departure, legs
from tests.sessions.records import HOUR, ISS, NOW, ending, owed, session, tombstone


def logout(**changes: Any) -> ProviderLogout:
    """
    The OP speaks now.
    """
    return ProviderLogout(**{"iss": ISS, "sid": None, "sub": None, "issued": NOW} | changes)


class ProviderContract(SessionStoreContract):
    """
    The OP's word counts everywhere.
    """

    def sign_out(self: Any, *session_ids: str, **changes: Any) -> Receipt:
        """
        A person's own sign-out, on the way to the OP.
        """
        number = len(self.signed_out)
        fields = {
            "departure": departure(reference=f"r{number}", legs=legs(state=f"s{number}")),
            "op_logout": OpLogout.PENDING,
            "owed": tuple(owed(f"owed-{name}", name) for name in session_ids),
        }
        receipt: Receipt = self.done(self.one.end(ending(*session_ids, **fields | changes)))
        self.signed_out.append(receipt.id)
        return receipt

    def setUp(self: Any) -> None:
        """
        Nobody has signed out.
        """
        super().setUp()
        self.signed_out: list[str] = []

    def confirm(self: Any, *receipt_ids: str) -> None:
        """
        The OP confirms some ends, and ends nothing else.
        """
        self.done(self.other.end(ending(cause=Cause.BACK_CHANNEL, confirms=tuple((name, ISS) for name in receipt_ids))))

    def test_named_by(self: Any) -> None:
        """
        Every process knows whom the OP means: whoever ever had the ``sid``, and who cannot be told from them.
        """
        self.begin("alice-1", sids=("old",))
        self.begin("alice-2", sids=())
        self.begin("alice-3", sids=("other",), id_token_iat=NOW + 60)
        self.begin("bob-1", sids=("old",), client_id="another")
        self.refresh(self.other, "alice-1", sid="new")
        table: list[tuple[dict[str, Any], tuple[str, ...]]] = [
            ({"sid": "old"}, ("alice-1", "bob-1")),
            ({"sid": "old", "client_id": "client"}, ("alice-1",)),
            ({"sid": "new", "sub": "alice"}, ("alice-1", "alice-2")),
            ({"sid": "unknown"}, ()),
            ({"sub": "alice"}, ("alice-1", "alice-2")),
            ({"sub": "alice", "issued": NOW + 30}, ("alice-1", "alice-2", "alice-3")),
            ({"sub": "alice", "iss": "https://evil.example"}, ()),
        ]
        for said, expected in table:
            with self.subTest(said=said):
                for registry in (*self.both, self.registry()):
                    self.assertEqual(registry.named_by(logout(**said)), expected)

    def test_named_although_expired(self: Any) -> None:
        """
        A session whose time is over, but which nobody has ended, is named; one that has ended is not.
        """
        self.begin("alice-1", expires=NOW + 10)
        self.begin("alice-2")
        self.clock.advance(20)
        self.assertEqual(self.other.named_by(logout(sub="alice")), ("alice-1", "alice-2"))
        self.done(self.one.end(ending("alice-1", "alice-2")))
        self.assertEqual(self.other.named_by(logout(sub="alice")), ())

    def test_confirmed(self: Any) -> None:
        """
        A sign-out whose sessions the OP says are over is confirmed, and its tokens need not wait; to everybody.
        """
        self.begin("alice-1")
        receipt = self.sign_out("alice-1")
        said = logout(sid="sid-alice-1")
        late = self.registry()
        for registry in (*self.both, late):
            self.assertEqual(registry.confirmed_by(said), ((receipt.id, ISS),))
            self.assertEqual(registry.named_by(said), ())
        told: list[None] = []
        self.one.subscribe_owed(lambda: told.append(None))
        self.confirm(receipt.id)
        self.assertEqual(len(told), 1)
        for registry in (*self.both, late, self.registry()):
            self.assertIs(registry.receipt(receipt.id).op_logout, OpLogout.CONFIRMED)
            self.assertEqual([one.not_before for one in registry.owed()], [0.0])
            self.assertEqual(registry.confirmed_by(said), ())

    def test_confirmed_after_the_return(self: Any) -> None:
        """
        What the browser's return said is made certain by the OP, and not undone by a later return.
        """
        self.begin("alice-1")
        receipt = self.sign_out("alice-1")
        self.done(self.one.op_logout(receipt.id, OpLogout.RETURNED))
        self.assertEqual(self.other.confirmed_by(logout(sub="alice")), ((receipt.id, ISS),))
        self.confirm(receipt.id)
        self.done(self.one.op_logout(receipt.id, OpLogout.RETURNED))
        self.assertIs(self.other.receipt(receipt.id).op_logout, OpLogout.CONFIRMED)

    def test_others_are_not_confirmed(self: Any) -> None:
        """
        To confirm one end confirms and releases nothing else, and an unknown one nothing at all.
        """
        for name in ("alice-1", "bob-1"):
            self.begin(name)
        alices, bobs = self.sign_out("alice-1"), self.sign_out("bob-1")
        self.confirm(alices.id, "unknown")
        for registry in self.both:
            self.assertIs(registry.receipt(bobs.id).op_logout, OpLogout.PENDING)
            self.assertEqual([one.not_before for one in registry.owed()], [0.0, NOW + 60])

    def test_all_sessions_of_a_sign_out(self: Any) -> None:
        """
        A sign-out is confirmed when the OP means all sessions that it ended there, in however many browsers.
        """
        for name in ("alice-1", "alice-2"):
            self.begin(name)
        self.begin("alice-3", idp_id="other", iss="https://other.example", sids=("elsewhere",))
        receipt = self.sign_out("alice-1", "alice-2", "alice-3")
        for registry in self.both:
            self.assertEqual(registry.confirmed_by(logout(sid="sid-alice-1")), ())
            self.assertEqual(registry.confirmed_by(logout(sid="elsewhere", iss="https://other.example")), ())
            self.assertEqual(registry.confirmed_by(logout(sub="alice")), ((receipt.id, ISS),))

    def test_several_providers(self: Any) -> None:
        """
        A sign-out that leads to several OPs is confirmed by each of them for itself: what it owes at the other still
        waits, and of the two the receipt says the least that is true of both.
        """
        other = "https://other.example"
        self.begin("alice-1", browser="b")
        self.begin("alice-2", browser="b", idp_id="other", iss=other)
        receipt = self.sign_out(
            "alice-1",
            "alice-2",
            departure=departure(legs=legs(ISS, other), browsers=("b",)),
            op_logouts={ISS: OpLogout.PENDING, other: OpLogout.PENDING},
            owed=(owed("here", "alice-1", iss=ISS), owed("there", "alice-2", iss=other)),
        )
        said = logout(sub="alice", iss=other)
        for registry in (*self.both, self.registry()):
            self.assertEqual(registry.confirmed_by(said), ((receipt.id, other),))
            self.assertEqual(registry.confirmed_by(logout(sub="alice")), ((receipt.id, ISS),))
        self.done(self.other.end(ending(cause=Cause.BACK_CHANNEL, confirms=((receipt.id, other),))))
        for registry in (*self.both, self.registry()):
            found = registry.receipt(receipt.id)
            self.assertEqual(found.op_logouts, {ISS: OpLogout.PENDING, other: OpLogout.CONFIRMED})
            self.assertIs(found.op_logout, OpLogout.PENDING)
            self.assertEqual({one.id: one.not_before for one in registry.owed()}, {"here": NOW + 60, "there": 0.0})
            self.assertEqual(registry.confirmed_by(said), ())
        self.done(self.one.op_logout(receipt.id, OpLogout.RETURNED, ISS))
        self.done(self.one.release_revocations(receipt.id, ISS))
        for registry in (*self.both, self.registry()):
            self.assertIs(registry.receipt(receipt.id).op_logout, OpLogout.RETURNED)
            self.assertEqual({one.not_before for one in registry.owed()}, {0.0})

    def test_same_sub_elsewhere(self: Any) -> None:
        """
        What one OP says of its ``sub`` and ``sid`` is nothing about the same names at another.
        """
        other = "https://other.example"
        self.begin("alice-1", sids=("s",))
        self.begin("alice-2", idp_id="other", iss=other, sids=("s",))
        for registry in (*self.both, self.registry()):
            self.assertEqual(registry.named_by(logout(sub="alice")), ("alice-1",))
            self.assertEqual(registry.named_by(logout(sid="s", iss=other)), ("alice-2",))
            self.assertEqual(registry.named_by(logout(sid="s", sub="alice", iss="https://third.example")), ())

    def test_not_a_sign_out_at_the_op(self: Any) -> None:
        """
        An end after which nobody is sent to the OP has nothing to be confirmed.
        """
        for name in ("alice-1", "alice-2"):
            self.begin(name)
        self.sign_out("alice-1", departure=departure(legs=()))
        self.sign_out("alice-2", departure=None)
        self.assertEqual(self.other.confirmed_by(logout(sub="alice")), ())

    def test_remembered_confirmation(self: Any) -> None:
        """
        Who joins later knows of a confirmation for as long as anybody remembers the end, and then nobody does.
        """
        self.begin("alice-1", expires=NOW + 40 * HOUR)
        receipt = self.sign_out("alice-1")
        self.confirm(receipt.id)
        for hours, known in ((39, OpLogout.CONFIRMED), (41, None)):
            self.clock.advance(NOW + hours * HOUR - self.clock.seconds())
            self.done(self.one.use_once(f"after {hours}", self.clock.seconds() + 1))
            for registry in (*self.both, self.registry()):
                found = registry.receipt(receipt.id)
                self.assertIs(found and found.op_logout, known)
                self.assertEqual(registry.confirmed_by(logout(sub="alice")), ())

    def test_confirmation_in_one_step(self: Any) -> None:
        """
        One Logout Token ends what lives, confirms what was signed out, and is remembered, together.
        """
        for name in ("alice-1", "alice-2"):
            self.begin(name)
        own = self.sign_out("alice-1")
        jti = SeenJti(iss=ISS, jti="jti", expires=NOW + 120)
        receipt = self.done(
            self.other.end(ending("alice-2", cause=Cause.BACK_CHANNEL, confirms=((own.id, ISS),), jti=jti))
        )
        for registry in (*self.both, self.registry()):
            self.assertEqual(registry.ended("alice-2"), receipt)
            self.assertIs(registry.receipt(own.id).op_logout, OpLogout.CONFIRMED)
            self.assertTrue(registry.has_seen(ISS, "jti"))

    def test_sidless(self: Any) -> None:
        """
        Of those who sign in meanwhile, the OP's word stops those whose ID Token has no ``sid`` to tell them apart by.
        """
        self.done(self.one.end(ending(tombstones=(tombstone("sidless", "alice"),), cause=Cause.BACK_CHANNEL)))
        self.refused(self.other.begin(session("alice-1", sids=()), state_issued=NOW - 1), SignedOutMeanwhile)
        self.done(self.other.begin(session("alice-2"), state_issued=NOW - 1))
        self.done(self.other.begin(session("alice-3", sids=()), state_issued=NOW + 1))
        self.done(self.other.begin(session("bob-1", sids=()), state_issued=NOW - 1))
        for registry in (*self.both, self.registry()):
            self.assertEqual({one.id for one in registry.sessions()}, {"alice-2", "alice-3", "bob-1"})


class NoticeContract(SessionStoreContract):
    """
    Applications are told of ends, whoever does it.
    """

    def end_used(self: Any, *routes: str, **changes: Any) -> Receipt:
        """
        A session that was used on some routes ends; two applications want to know.
        """
        self.begin()
        for route in routes:
            self.done(self.one.use_route("alice-1", route, f"https://{route}.example.com"))
        receipt: Receipt = self.done(self.other.end(ending("alice-1", notify=("app", "wiki"), **changes)))
        return receipt

    def test_owed_everywhere(self: Any) -> None:
        """
        Every process, and any that comes later, owes the same notices, by the same names, of the routes that were used.
        """
        receipt = self.end_used("app", "quiet")
        (notice,) = self.one.notices()
        self.assertEqual((notice.receipt_id, notice.session_id), (receipt.id, "alice-1"))
        self.assertEqual((notice.route_id, notice.origin), ("app", "https://app.example.com"))
        self.assertEqual((notice.user_id, notice.since), ("alice", NOW))
        for registry in (self.other, self.registry()):
            self.assertEqual(registry.notices(), [notice])

    def test_done(self: Any) -> None:
        """
        What one process has done no other does again, nor one that comes later; to say so twice is harmless.
        """
        self.end_used("app", "wiki")
        first, second = self.one.notices()
        for _ in range(2):
            self.done(self.one.notice_done(first.id, 1))
            self.done(self.one.notice_done("unknown", 1))
            for registry in (*self.both, self.registry()):
                self.assertEqual(registry.notices(), [second])

    def test_told(self: Any) -> None:
        """
        Whoever sends notices is told when there are more, in every process, and one that joins later at once.
        """
        heard: list[None] = []
        stop = self.one.subscribe_notices(lambda: heard.append(None))
        self.begin("bob-1")
        self.done(self.one.end(ending("bob-1", notify=("app",))))
        self.assertEqual(heard, [])
        self.end_used("app")
        self.assertEqual(len(heard), 1)
        stop()
        late = self.unjoined()
        late.subscribe_notices(lambda: heard.append(None))
        self.done(late.join())
        self.assertGreater(len(heard), 1)

    def test_for_a_day(self: Any) -> None:
        """
        A notice is owed for a day.
        """
        self.end_used("app")
        for hours, expected in ((24, 1), (24.1, 0)):
            self.clock.advance(NOW + hours * HOUR - self.clock.seconds())
            self.done(self.one.use_once(f"after {hours}", self.clock.seconds() + 1))
            for registry in (*self.both, self.registry()):
                self.assertEqual(len(registry.notices()), expected)
