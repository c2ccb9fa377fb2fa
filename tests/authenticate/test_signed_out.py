"""
Tests for `pomerium_tx.authenticate.signed_out`: the page tells the truth.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.store import Cause, OpLogout
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, R2, SCRIPT, A, R, World, form_of

SIGNED_OUT = A + "/.pomerium/signed_out"
EVERYWHERE = "You are signed out everywhere"
NO_PROVIDER_SIGN_OUT = "has no sign-out"
UNCONFIRMED = "did not confirm"
STILL = "You are still signed in"
NOTHING = "Nothing was signed out here"


class _WorldWithoutChat(World):
    @staticmethod
    def serves_origin(url: str) -> bool:
        return World.serves_origin(url) and not url.startswith(R2)


class SignedOutTests(SynchronousTestCase):
    """
    ``/.pomerium/signed_out``.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def leave(self, target: str = "", alice: UserAgent | None = None) -> str:
        """
        Sign in and out, as far as the OP: where it then sends the person.
        """
        alice = alice or self.alice
        alice.sign_in()
        query = f"?{urlencode({'pomerium_redirect_uri': target})}" if target else ""
        there = alice.get(f"{R}/.pomerium/sign_out{query}", FROM_OWN_PAGE).header("location") or ""
        location = alice.get(there).header("location") or ""
        return alice.sign_out_at_provider(location) or ""

    def test_returned_with_a_target(self) -> None:
        """
        The right `state` leads to where the person wanted to be, once.
        """
        back = self.leave(R2 + "/bye?x=1")
        answer = self.alice.get(back)
        self.assertEqual((answer.status, answer.header("location")), (303, R2 + "/bye?x=1"))
        answer = self.alice.get(back)
        self.assertEqual(answer.status, 200)
        self.assertIn(EVERYWHERE, answer.text)

    def test_returned_without_a_target(self) -> None:
        """
        Without a target it is the page: signed out everywhere, with the receipt's id and a link to sign in.
        """
        answer = self.alice.get(self.leave())
        self.assertIn(EVERYWHERE, answer.text)
        self.assertIn(self.world.receipts[0].id, answer.text)
        self.assertIn('href="/.pomerium/"', answer.text)
        receipt = self.world.registry.receipt(self.world.receipts[0].id)
        assert receipt is not None
        self.assertIs(receipt.op_logout, OpLogout.RETURNED)

    def test_default_target(self) -> None:
        """
        `signout_redirect_url` is where everybody lands who names nothing else.
        """
        world = self.world = World(target_default="https://www.example.com/")
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        answer = alice.get(self.leave(alice=alice))
        self.assertEqual(answer.header("location"), "https://www.example.com/")

    def test_target_that_is_gone(self) -> None:
        """
        A target that is not allowed any more when the person comes back is where nobody is sent: it is the page.
        """
        back = self.leave(R2 + "/bye")
        self.alice.world = _WorldWithoutChat(store=self.world.store)
        self.addCleanup(self.alice.world.stop)
        answer = self.alice.get(back)
        self.assertEqual((answer.status, answer.header("location")), (200, None))
        self.assertIn(EVERYWHERE, answer.text)

    def test_return_releases_the_tokens(self) -> None:
        """
        The return starts the revocation, long before the minute is over.
        """
        back = self.leave()
        self.world.clock.advance(1.0)
        self.assertEqual(self.world.op.revocations, [])
        self.alice.get(back)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 2)

    def test_return_ends_the_hold(self) -> None:
        """
        After the return the next sign-in goes to the OP, which asks who is there.
        """
        back = self.leave()
        self.assertEqual(self.alice.open(R + "/").status, 200)
        self.alice.get(back)
        asked = self.alice.questions
        self.alice.sign_in()
        self.assertEqual(self.alice.questions, asked + 1)
        self.assertIsNone(self.alice.cookie(A, "_pomerium_hold"))

    def test_states_that_do_not_redirect(self) -> None:
        """
        A missing, unknown, repeated or late `state`, or in another browser, never redirects.
        """
        back = self.leave(R2 + "/bye")
        state = back.partition("state=")[2]
        other = UserAgent(self.world)
        other.sign_in()
        for alice, url in (
            (self.alice, SIGNED_OUT),
            (self.alice, SIGNED_OUT + "?state=unknown"),
            (self.alice, f"{back}&state={state}"),
            (UserAgent(self.world), back),
            (other, back),
        ):
            with self.subTest(url=url):
                self.assertEqual(alice.get(url).status, 200)
        self.world.clock.advance(601.0)
        self.assertEqual(self.alice.get(back).status, 200)

    def test_did_not_confirm(self) -> None:
        """
        Before the return, and where the OP cannot be reached, the page says that the OP did not confirm.
        """
        self.leave()
        self.assertIn(UNCONFIRMED, self.alice.get(SIGNED_OUT).text)

    def test_unreachable(self) -> None:
        """
        The same for an OP that is gone.
        """
        self.alice.sign_in()
        there = self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE).header("location") or ""
        del self.world.providers[self.world.provider.idp_id]
        self.world.op.faults["discovery"] = Fault(status=500)
        answer = self.alice.get(there)
        self.assertEqual((answer.status, answer.header("location")), (303, SIGNED_OUT))
        self.assertIn(UNCONFIRMED, self.alice.get(SIGNED_OUT).text)

    def test_by_a_logout_token(self) -> None:
        """
        A confirmation on another way is as good.
        """
        self.leave()
        [receipt] = self.world.receipts
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.op_logout(receipt.id, OpLogout.CONFIRMED)))
        self.assertIn(EVERYWHERE, self.alice.get(SIGNED_OUT).text)

    REFRESH = '<meta http-equiv="refresh" content="2; url=/.pomerium/signed_out?pomerium_again=1" />'

    def op_logout(self, value: OpLogout) -> None:
        """
        Something has become known of the sign-out at the OP.
        """
        [receipt] = self.world.receipts
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.op_logout(receipt.id, value)))

    def test_from_returned_to_confirmed(self) -> None:
        """
        Back from the OP the page says just that, and looks again by itself until the logout token has come.
        """
        page = self.alice.get(self.leave())
        self.assertIn("has sent you back from its own sign-out", page.text)
        self.assertIn(self.REFRESH, page.text)
        again = SIGNED_OUT + "?pomerium_again=1"
        self.assertIn("has sent you back", self.alice.get(again).text)
        self.op_logout(OpLogout.CONFIRMED)
        page = self.alice.get(again)
        self.assertIn(EVERYWHERE, page.text)
        self.assertIn("has confirmed that you are signed out there", page.text)
        self.assertNotIn("http-equiv", page.text)

    def test_looks_again_for_a_while(self) -> None:
        """
        It looks again while the OP may still say something, for half a minute, and not longer.
        """
        self.leave()
        self.world.clock.advance(29.0)
        self.assertIn(self.REFRESH, self.alice.get(SIGNED_OUT).text)
        self.world.clock.advance(1.0)
        self.assertNotIn("http-equiv", self.alice.get(SIGNED_OUT).text)

    def test_looks_again_for_a_reason(self) -> None:
        """
        It does not where nothing can come any more, or the person is signed in, or nothing has ended.
        """
        self.assertNotIn("http-equiv", self.alice.get(SIGNED_OUT).text)
        for value in OpLogout:
            with self.subTest(value):
                self.setUp()
                self.leave()
                self.op_logout(value)
                expected = value in (OpLogout.PENDING, OpLogout.RETURNED)
                self.assertEqual("http-equiv" in self.alice.get(SIGNED_OUT).text, expected)
        self.setUp()
        other = UserAgent(self.world)
        other.sign_in()
        self.leave()
        self.alice.jar["authenticate.example.com"] |= other.jar["authenticate.example.com"]
        self.assertIn(STILL, self.alice.get(SIGNED_OUT).text)
        self.assertNotIn("http-equiv", self.alice.get(SIGNED_OUT).text)

    def test_images_at_the_first_look(self) -> None:
        """
        What clears caches is in the page that the person comes to, not in each that follows by itself.
        """
        self.world = World(site_data=lambda origin: ("cache",))
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)
        session = self.alice.sign_in()
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.use_route(session.id, "app", R)))
        there = self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE).header("location") or ""
        back = self.alice.sign_out_at_provider(self.alice.get(there).header("location") or "")
        self.assertIn("<img", self.alice.get(back or "").text)
        self.assertNotIn("<img", self.alice.get(SIGNED_OUT + "?pomerium_again=1").text)

    def test_json(self) -> None:
        """
        A script gets the same truth, with the receipt.
        """

        def told() -> dict[str, object]:
            answer = self.alice.get(SIGNED_OUT, {**SCRIPT, "Accept": "application/json"})
            self.assertEqual((answer.status, answer.header("content-type")), (200, "application/json"))
            shown: dict[str, object] = json.loads(answer.body)
            return shown

        self.assertEqual(told(), {"truth": "nothing_signed_out", "op_logout": None, "receipt": None})
        back = self.leave()
        receipt = self.world.receipts[0].id
        pending = {"truth": "signed_out_here_provider_unconfirmed", "op_logout": "pending", "receipt": receipt}
        self.assertEqual(told(), pending)
        self.alice.get(back)
        self.assertEqual(told(), {"truth": "signed_out_everywhere", "op_logout": "returned", "receipt": receipt})
        self.op_logout(OpLogout.CONFIRMED)
        self.assertEqual(told(), {"truth": "signed_out_everywhere", "op_logout": "confirmed", "receipt": receipt})
        self.alice.sign_in()
        self.assertEqual(told(), {"truth": "still_signed_in", "op_logout": None, "receipt": None})

    def test_no_provider_sign_out(self) -> None:
        """
        An OP without a sign-out is said to have none.
        """
        self.world.op.alterations["discovery"] = lambda document: {
            name: value for name, value in document.items() if name != "end_session_endpoint"
        }
        self.alice.sign_in()
        self.alice.follow(self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE))
        self.assertIn(NO_PROVIDER_SIGN_OUT, self.alice.get(SIGNED_OUT).text)

    def test_before_the_authenticate_host_was_reached(self) -> None:
        """
        A sign-out on a route by a script is known here by the cookie that names the ended session.
        """
        session = self.alice.sign_in()
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.assertIn(UNCONFIRMED, self.alice.get(SIGNED_OUT).text)

    def test_still_signed_in(self) -> None:
        """
        With a live session the page says so, and its button signs out.
        """
        self.alice.sign_in()
        page = self.alice.get(SIGNED_OUT)
        self.assertIn(STILL, page.text)
        self.assertEqual(self.alice.post(A + "/.pomerium/sign_out", form_of(page.text)).status, 303)
        self.assertEqual(self.world.registry.count, 0)

    def test_nothing(self) -> None:
        """
        Where nobody signed out the page says so; it never signs anybody in.
        """
        answer = self.alice.get(SIGNED_OUT)
        self.assertEqual(answer.status, 200)
        self.assertIn(NOTHING, answer.text)
        self.assertEqual(answer.headers("set-cookie"), [])

    def restart(self) -> None:
        """
        The registry forgets everything.
        """
        self.world.registry.leave()
        self.world.store._store = World().store
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.join()))

    def test_after_a_restart(self) -> None:
        """
        A hold that the registry does not know any more still tells of a sign-out, and still holds.
        """
        self.leave()
        self.restart()
        self.assertIn(UNCONFIRMED, self.alice.get(SIGNED_OUT).text)
        self.assertIn("You signed out at", self.alice.open(R + "/").text)

    def test_confirmed_before_a_restart(self) -> None:
        """
        What the OP had confirmed stays confirmed, and holds nobody.
        """
        self.alice.get(self.leave())
        self.restart()
        self.assertIn(EVERYWHERE, self.alice.get(SIGNED_OUT).text)
        self.assertEqual(self.alice.open(R + "/").status, 302)

    def test_post(self) -> None:
        """
        It is a page to look at: POST is 405.
        """
        answer = self.alice.post(SIGNED_OUT, {})
        self.assertEqual((answer.status, answer.header("allow")), (405, "GET"))

    def test_store_down(self) -> None:
        """
        If the return cannot be recorded the person is asked to reload, and the state is not lost.
        """
        back = self.leave(R2 + "/bye")
        self.world.store.break_down()
        self.assertEqual(self.alice.get(back).status, 503)
        self.world.store.failure = None
        self.assertEqual(self.alice.get(back).status, 303)
