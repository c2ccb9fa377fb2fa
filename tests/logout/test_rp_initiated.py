"""
Tests for `pomerium_tx.logout.rp_initiated`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.messages import Fault
from pomerium_tx.logout.rp_initiated import Onward, RelyingPartyLogout
from pomerium_tx.logout.target import Targets
from pomerium_tx.sessions.departure import Departure
from pomerium_tx.sessions.session import Tokens
from pomerium_tx.sessions.store import Cause, OpLogout
from tests.doubles.sessions import a_session
from tests.logout.world import START, A, World, query_of

SIGNED_OUT = A + "/.pomerium/signed_out"
TARGET = "https://app.example.com/bye"


class RelyingPartyLogoutTests(SynchronousTestCase):
    """
    The way to the OP.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.is_gone = False

    def depart(self, world: World, id_token: str = "hint") -> Departure:
        session = a_session(
            began=START, idp_id=world.provider.idp_id, tokens=Tokens(id_token=id_token, access_token="a")
        )
        self.successResultOf(Deferred.fromCoroutine(world.registry.begin(session, state_issued=START)))
        signed_out = self.successResultOf(
            Deferred.fromCoroutine(world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=TARGET))
        )
        assert signed_out.departure is not None
        return signed_out.departure

    def onward(self, world: World, departure: Departure, *, is_by_reference: bool = False) -> Onward:
        logout = RelyingPartyLogout(
            registry=world.registry,
            providers=world.providers,
            targets=Targets(serves_origin=self.serves, origins=(), any_absolute=False, default=None),
            signed_out_url=SIGNED_OUT,
        )
        shown = departure.shown(())
        return self.successResultOf(
            Deferred.fromCoroutine(logout.onward(departure, shown=shown, is_by_reference=is_by_reference))
        )

    def serves(self, url: str) -> bool:
        return TARGET.startswith(url) and not self.is_gone

    def op_logout(self, departure: Departure, world: World | None = None) -> OpLogout:
        receipt = (world or self.world).registry.receipt(departure.receipt_id)
        assert receipt is not None
        return receipt.op_logout

    def test_to_the_provider(self) -> None:
        """
        The request has hint, client, state and the one registered URI, whatever the person's target is; the
        end-session endpoint's own query is kept.
        """
        self.world.op.alterations["discovery"] = lambda document: {
            **document,
            "end_session_endpoint": "https://op.example.com/end-session?tenant=b",
        }
        departure = self.depart(self.world)
        onward = self.onward(self.world, departure)
        self.assertTrue(onward.is_provider)
        self.assertEqual(
            query_of(onward.location),
            {
                "tenant": "b",
                "id_token_hint": "hint",
                "client_id": "rp1",
                "post_logout_redirect_uri": SIGNED_OUT,
                "state": departure.legs[0].state,
            },
        )
        self.assertIs(self.op_logout(departure), OpLogout.PENDING)
        self.assertEqual(self.onward(self.world, departure), onward)

    def test_long_hint(self) -> None:
        """
        Where the URL would be longer than 4,000 bytes the same goes by form.
        """
        departure = self.depart(self.world, "x" * 4000)
        onward = self.onward(self.world, departure)
        assert onward.fields is not None
        self.assertEqual(onward.action, "https://op.example.com/end-session")
        self.assertEqual(dict(onward.fields)["id_token_hint"], "x" * 4000)

    def test_no_hint(self) -> None:
        """
        Without a hint, an OP that needs it gets neither `state` nor the URI; another gets both.
        """
        for needs_hint in (True, False):
            with self.subTest(needs_hint=needs_hint):
                world = World(settings={"end_session_needs_hint": needs_hint})
                self.addCleanup(world.stop)
                names = set(query_of(self.onward(world, self.depart(world, "")).location))
                expected = {"client_id"} if needs_hint else {"client_id", "post_logout_redirect_uri", "state"}
                self.assertEqual(names, expected)

    def test_by_reference(self) -> None:
        """
        Who has only the reference gets to the OP, but with nothing that says whose session it was, and with a `state`
        that stands for nothing; the same as often as they go.
        """
        for needs_hint in (True, False):
            with self.subTest(needs_hint=needs_hint):
                world = World(settings={"end_session_needs_hint": needs_hint})
                self.addCleanup(world.stop)
                departure = self.depart(world)
                onward = self.onward(world, departure, is_by_reference=True)
                query = query_of(onward.location)
                self.assertTrue(onward.is_provider)
                expected = {"client_id"} if needs_hint else {"client_id", "post_logout_redirect_uri", "state"}
                self.assertEqual(set(query), expected)
                self.assertIsNone(world.registry.departure_by_state(query.get("state", "")))
                self.assertNotIn(departure.legs[0].state, onward.location)
                self.assertEqual(self.onward(world, departure, is_by_reference=True), onward)

    def test_target_by_the_rule_of_today(self) -> None:
        """
        A target that a reload does not allow any more is nobody's way out.
        """
        self.world.op.faults["discovery"] = Fault(status=500)
        departure = self.depart(self.world)
        self.assertEqual(self.onward(self.world, departure).location, TARGET)
        self.is_gone = True
        self.assertEqual(self.onward(self.world, departure).location, SIGNED_OUT)

    def test_not_supported(self) -> None:
        """
        An OP without end-session: on to the target, or to the page; the tokens need not wait.
        """
        self.world.op.alterations["discovery"] = lambda document: {
            name: value for name, value in document.items() if name != "end_session_endpoint"
        }
        departure = self.depart(self.world)
        onward = self.onward(self.world, departure)
        self.assertEqual((onward.location, onward.is_provider), (TARGET, False))
        self.assertEqual(self.onward(self.world, replace(departure, target=None)).location, SIGNED_OUT)
        self.assertIs(self.op_logout(departure), OpLogout.NOT_SUPPORTED)
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.registry.owed(), [])

    def test_unreachable(self) -> None:
        """
        An OP that was never reached, or is not configured any more: on to the target; the receipt says so.
        """
        self.world.op.faults["discovery"] = Fault(status=500)
        departure = self.depart(self.world)
        self.assertEqual(self.onward(self.world, departure).location, TARGET)
        self.assertIs(self.op_logout(departure), OpLogout.UNREACHABLE)
        gone = replace(departure, legs=(replace(departure.legs[0], idp_id="gone"),))
        self.assertEqual(self.onward(self.world, gone).location, TARGET)

    def test_several_browsers(self) -> None:
        """
        Where nobody is sent to an OP, none was unreachable: it did not confirm.
        """
        departure = self.depart(self.world)
        onward = self.onward(self.world, replace(departure, legs=()))
        self.assertEqual((onward.location, onward.is_provider), (TARGET, False))
        self.assertIs(self.op_logout(departure), OpLogout.UNCONFIRMED)

    def test_several_browsers_not_supported(self) -> None:
        """
        That an OP has no logout stays known.
        """
        departure = self.depart(self.world)
        known = self.world.registry.op_logout(departure.receipt_id, OpLogout.NOT_SUPPORTED)
        self.successResultOf(Deferred.fromCoroutine(known))
        self.onward(self.world, replace(departure, legs=()))
        self.assertIs(self.op_logout(departure), OpLogout.NOT_SUPPORTED)

    def test_confirmed_already(self) -> None:
        """
        A repeated visit does not put in doubt what the OP has confirmed.
        """
        departure = self.depart(self.world)
        self.successResultOf(
            Deferred.fromCoroutine(self.world.registry.op_logout(departure.receipt_id, OpLogout.RETURNED))
        )
        self.onward(self.world, departure)
        self.assertIs(self.op_logout(departure), OpLogout.RETURNED)

    def test_store_down(self) -> None:
        """
        That the receipt cannot be completed does not stop the person.
        """
        departure = self.depart(self.world)
        self.world.op.faults["discovery"] = Fault(status=500)
        self.world.store.break_down()
        self.assertEqual(self.onward(self.world, departure).location, TARGET)

    def test_repr_keeps_the_hint(self) -> None:
        """
        No ID Token gets into a log by way of a `repr`.
        """
        self.assertNotIn("hint", repr(self.onward(self.world, self.depart(self.world, "the-hint"))))
